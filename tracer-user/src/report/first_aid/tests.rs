//! The commands fit the verdict, and the programs they are for accept them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use super::*;
use crate::{
    model::{interface::Interface, owner::Process},
    report::example::{example, example_called},
};

/// A peer of the example, accused of this.
fn accused(verdict: Verdict, network: &str, comm: Option<&str>) -> Judged {
    let mut peer = example().peers[0].clone();
    peer.id.network = network.parse().unwrap();
    peer.finding.verdict = verdict;
    peer.shared_address = false;
    peer.figures.owner = comm.map(|comm| {
        Arc::new(Process {
            pid: 5,
            comm: comm.to_owned(),
            workload: None,
        })
    });
    peer
}

fn lines(peer: &Judged) -> Vec<String> {
    let all = remedies(peer).into_iter().flat_map(|remedy| remedy.lines);
    all.collect()
}

const NETWORKS: [&str; 4] = ["192.0.2.7/32", "192.0.2.0/24", "2001:db8::7/128", "2001:db8::/64"];

#[test]
fn the_commands_for_each_verdict() {
    let mut shown = String::new();
    for verdict in Verdict::ALL {
        for network in ["192.0.2.7/32", "2001:db8::/64"] {
            let peer = accused(*verdict, network, None);
            for remedy in remedies(&peer) {
                shown += &format!("{verdict} {}\n  {}\n", peer.id.name(), remedy.about);
                shown += &format!("    {}\n", remedy.lines.join("\n    "));
            }
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn commands_name_the_interface_by_its_number() {
    let interface = Interface::of(3).map(|interface| interface.named(Some("$(id)")));
    let mut peer = accused(Verdict::PilingUp, "192.0.2.7/32", None);
    peer.id.interface = interface;
    let all = lines(&peer).join("\n");
    for wanted in [
        "input iif 3 ip saddr 192.0.2.7 tcp dport ",
        "'dst 192.0.2.7 and sport = :8081 and dev = 3'",
        "src 192.0.2.7 }",
    ] {
        assert!(all.contains(wanted), "{all}");
    }
    assert!(!all.contains("(id)"), "{all}");
    let title = title(&peer);
    assert!(title.starts_with("192.0.2.7%??id?, port "), "{title}");
}

#[test]
fn each_of_several_hosts_lets_a_client_do_its_share() {
    use crate::diagnosis::{OnHost, OverHosts};
    let mut peer = accused(Verdict::FreshPerRequest, "192.0.2.7/32", None);
    (peer.figures.opens, peer.figures.span_ns) = (120, 60_000_000_000);
    let on = |host: &str| OnHost {
        host: host.into(),
        opens: 40,
        held: 0,
        verdict: Verdict::InsufficientData,
    };
    peer.over = Some(Box::new(OverHosts {
        hosts: ["web1", "web2", "web3"].map(on).into(),
        ..OverHosts::default()
    }));
    let remedies = remedies(&peer);
    let about = &remedies[0].about;
    let wanted = "It opens 120 connections a minute over 3 hosts. Let it open 20 on each; ";
    assert!(about.starts_with(wanted), "{about}");
    assert!(
        remedies[0].lines[0].contains("limit rate over 20/minute"),
        "{remedies:?}"
    );
}

#[test]
fn a_server_gets_the_lines_of_its_own_software() {
    let has = |comm: Option<&str>| {
        let all = lines(&accused(Verdict::PilingUp, NETWORKS[0], comm)).join("\n");
        (all.contains("stick-table"), all.contains("limit_conn"))
    };
    assert_eq!(has(Some("haproxy")), (true, false));
    assert_eq!(has(Some("nginx")), (false, true));
    assert_eq!(has(Some("apache2")), (false, false));
    assert_eq!(has(None), (true, true));
}

#[test]
fn peers_not_accused_are_left_alone_and_a_shared_address_is_said() {
    let mut diagnosis = example();
    diagnosis.peers = vec![
        accused(Verdict::ManyHeld, NETWORKS[0], None),
        accused(Verdict::Stray, NETWORKS[0], None),
        accused(Verdict::Reusing, NETWORKS[0], None),
    ];
    assert_eq!(FirstAid::of(&diagnosis), FirstAid::default());
    let mut shared = accused(Verdict::PilingUp, NETWORKS[0], None);
    shared.shared_address = true;
    diagnosis.peers = vec![shared, accused(Verdict::PilingUp, NETWORKS[1], None)];
    let aid = FirstAid::of(&diagnosis);
    let warnings: Vec<_> = aid.peers.iter().map(|aid| aid.warning).collect();
    assert_eq!(warnings, [Some(SHARED), Some(SEVERAL)]);
    assert!(!aid.before.is_empty());
}

#[test]
fn a_process_of_this_host_is_not_blocked() {
    for verdict in Verdict::ALL {
        let mut peer = accused(*verdict, NETWORKS[0], None);
        peer.id.direction = Direction::Outbound;
        let all = lines(&peer);
        assert!(
            all.iter()
                .all(|line| line.starts_with("ss -t -K state close-wait ")),
            "{all:?}"
        );
    }
}

#[test]
fn no_name_becomes_part_of_a_command_or_a_line_of_its_own() {
    let hostile = "$(reboot)`id`';reboot #\u{202e}&|<>\"\\!*";
    let mut diagnosis = example_called(hostile);
    for peer in &mut diagnosis.peers {
        peer.host = Some("h\n$(reboot)".to_owned());
        peer.figures.owner = Some(Arc::new(Process {
            pid: 5,
            comm: "`reboot`".to_owned(),
            workload: None,
        }));
    }
    let aid = FirstAid::of(&diagnosis);
    assert!(!aid.peers.is_empty());
    for peer in &aid.peers {
        let commands = peer.remedies.iter().flat_map(|remedy| &remedy.lines);
        for line in commands {
            assert!(!line.contains("reboot"), "{line}");
        }
        let is_harmless = |c: char| !"$`'\";&|<>\\!*#()\n".contains(c);
        assert!(peer.title.chars().all(is_harmless), "{}", peer.title);
    }
}

/// All commands of one program, for each kind of address, on an interface and on none.
fn of(program: &str) -> Vec<String> {
    let peers = NETWORKS.into_iter().flat_map(|network| {
        let all = Verdict::ALL.iter();
        let accused = move |verdict: &Verdict, interface| {
            let mut peer = accused(*verdict, network, None);
            peer.id.interface = interface;
            peer
        };
        all.flat_map(move |verdict| [None, Interface::of(1)].map(|interface| accused(verdict, interface)))
    });
    let lines: Vec<String> = peers.flat_map(|peer| lines(&peer)).collect();
    let prefix = format!("{program} ");
    lines
        .into_iter()
        .filter(|line| line.starts_with(&prefix))
        .collect()
}

/// What a program says; `None` where it is not installed.
fn ran(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).output().ok();
    if output.is_none() {
        println!("SKIP no {program}");
    }
    output
}

fn words(output: &Output) -> String {
    [&*output.stdout, &*output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}

#[test]
fn nft_accepts_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("rules.nft");
    let table = table().remove(0).lines;
    let bare = |line: &String| line["nft '".len()..line.len() - 1].to_owned() + "\n";
    let rules: String = table.iter().chain(&of("nft")).map(bare).collect();
    assert!(rules.lines().count() > 20, "{rules}");
    fs::write(&script, &rules).unwrap();
    let Some(output) = ran("nft", &["-c", "-f", script.to_str().unwrap()]) else {
        return;
    };
    let said = words(&output);
    let refuses = [
        "not permitted",
        "not supported",
        "cache initialization failed",
        "netlink",
    ];
    if !output.status.success() && refuses.iter().any(|part| said.contains(part)) {
        println!("SKIP this kernel has no nft for us: {said}");
        return;
    }
    assert!(output.status.success(), "{said}\n{rules}");
}

#[test]
fn ss_accepts_the_filters() {
    for line in of("ss") {
        // Without -K it only lists.
        let listing = line.replace(" -K ", " -H ");
        let Some(output) = ran("sh", &["-c", &format!("command -v ss > /dev/null && {listing}")]) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.is_empty(), "{listing}: {said}");
    }
}

fn checked(program: &str, arguments: &[&str], config: &Path, text: &str) {
    fs::write(config, text).unwrap();
    let Some(output) = ran(program, arguments) else {
        return;
    };
    assert!(output.status.success(), "{}\n{text}", words(&output));
}

#[test]
fn haproxy_and_nginx_accept_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let path = config.to_str().unwrap();
    for (verdict, network) in [
        (Verdict::PilingUp, NETWORKS[0]),
        (Verdict::PilingUp, NETWORKS[3]),
        (Verdict::FreshPerRequest, NETWORKS[1]),
        (Verdict::FreshPerRequest, NETWORKS[2]),
    ] {
        let of = |comm| -> String {
            let remedies = proxy_lines(&accused(verdict, network, Some(comm)));
            remedies.join("\n  ")
        };
        let haproxy = format!(
            "defaults\n  mode http\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s\n\
             frontend f\n  bind 127.0.0.1:1\n  {}\n  default_backend b\nbackend b\n  server s 127.0.0.1:1\n",
            of("haproxy")
        );
        checked("haproxy", &["-c", "-f", path], &config, &haproxy);
        let at = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {at}/{kind};\n"))
            .concat();
        let nginx = format!(
            "pid {at}/pid;\nerror_log stderr;\nevents {{ }}\nhttp {{\n{temporary}  access_log off;\n  {}\n}}\n",
            of("nginx")
        );
        checked("nginx", &["-t", "-q", "-c", path], &config, &nginx);
    }
}

/// The lines that are for a configuration.
fn proxy_lines(peer: &Judged) -> Vec<String> {
    let is_command = |line: &String| line.starts_with("nft ") || line.starts_with("ss ");
    lines(peer).into_iter().filter(|line| !is_command(line)).collect()
}

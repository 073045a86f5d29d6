//! The live view on a real terminal, and its output without one.

mod batch;
mod clients;
mod evidence;
mod screen;
mod speed;

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use rustix::process::Signal;
use tcpreuse_tests::{
    eventually, namespace::Namespace, need_root, program::binary, terminal::OnTerminal, traffic::EchoServer,
};

use self::clients::Clients;

/// Index of the line that begins with this peer and contains this verdict.
fn line_of(screen: &str, peer: &str, verdict: &str) -> Option<usize> {
    let begins = format!("{peer} ");
    screen
        .lines()
        .position(|line| line.starts_with(&begins) && line.contains(verdict))
}

#[test]
fn the_worst_stand_on_top_and_keys_work() {
    need_root!();
    let namespace = Namespace::new();
    let clients = Clients::start();
    let mut top = OnTerminal::top(
        &namespace,
        &["--interval", "500ms", "--direction", "inbound"],
        (100, 36),
    );
    let ill = [
        ("127.1.0.2", "fresh-per-request"),
        ("127.1.0.3", "piling-up"),
        ("127.1.0.4", "close-wait-leak"),
    ];
    top.wait("each verdict, the good peer below the ill ones", |screen| {
        let good = line_of(screen, "127.1.0.1", "reusing");
        let ill: Vec<Option<usize>> = ill
            .iter()
            .map(|(peer, verdict)| line_of(screen, peer, verdict))
            .collect();
        screen.starts_with("PROBLEM: 2 of 5 clients do not reuse connections. Server at fault: 1.")
            && ill
                .iter()
                .all(|line| line.is_some() && *line < good && good.is_some())
    });
    assert!(!top.is_as_before(), "the screen is taken over");
    assert!(top.text().contains("lost 0, drift 0"), "{}", top.text());

    top.type_in("/v:fresh\r");
    top.wait("the filter", |screen| {
        line_of(screen, "127.1.0.2", "fresh").is_some() && line_of(screen, "127.1.0.3", "").is_none()
    });
    top.type_in("\r");
    top.wait("the detail with a timeline", |screen| {
        screen.contains("change  ") && screen.contains("why     ") && screen.contains("remote FIN")
    });
    top.type_in("\u{1b}");
    top.wait_for("PEER");
    top.type_in("\u{1b}");
    top.wait("all peers", |screen| {
        line_of(screen, "127.1.0.1", "reusing").is_some()
    });
    top.type_in("2");
    top.wait_for("CAUSE");
    top.type_in("4");
    top.wait_for("CLOSE_WAIT");
    top.type_in("5");
    top.wait_for("tracing began with");
    top.type_in("1?");
    top.wait_for("keys; any other key goes back");
    top.type_in("x");
    top.wait_for("PEER");
    top.type_in("s");
    top.wait_for("by peer");
    top.type_in(" ");
    top.wait_for("PAUSED");
    top.wait("how far behind", |screen| {
        let behind = screen.split_once("PAUSED, ").map(|(_, behind)| behind);
        behind.is_some_and(|behind| behind.starts_with(|c| ('1'..='9').contains(&c)))
    });
    top.type_in(" ");
    top.resize(60, 10);
    // Resizing alone would only cut the screen off. After a redraw the column titles are on the fourth line.
    top.wait("the small screen", |screen| {
        screen.lines().nth(3).is_some_and(|line| line.starts_with("PEER"))
            && screen.lines().all(|line| line.chars().count() <= 60)
    });
    // A click on a column title sorts by it.
    top.type_in("\u{1b}[<0;2;4M\u{1b}[<0;2;4m");
    top.wait_for("PEER^".replace('^', "▾").as_str());
    // Ctrl-L redraws the screen after another program has written on it.
    let before = top.bytes();
    top.type_in("\u{c}");
    eventually("the whole screen again", || top.bytes() > before + 300);
    top.type_in("q");
    assert!(top.end().success());
    assert!(top.is_as_before(), "the terminal is as it was");
    assert!(clients.port > 0);
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    need_root!();
    let namespace = Namespace::new();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut top = OnTerminal::top(&namespace, &[], (80, 24));
        top.wait_for("NOTHING TO JUDGE");
        top.signal(signal);
        assert!(top.end().success(), "{signal:?}");
        assert!(top.is_as_before(), "{signal:?}");
    }
    let mut top = OnTerminal::top(&namespace, &[], (80, 24));
    top.wait_for("NOTHING TO JUDGE");
    top.type_in("\u{3}");
    assert!(top.end().success() && top.is_as_before(), "Ctrl-C");
}

fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

#[test]
fn stopped_it_gives_the_terminal_back_and_takes_it_again() {
    need_root!();
    let namespace = Namespace::new();
    let mut top = OnTerminal::top(&namespace, &[], (80, 24));
    top.wait_for("NOTHING TO JUDGE");
    for by_key in [true, false] {
        if by_key {
            top.type_in("\u{1a}");
        } else {
            top.signal(Signal::TSTP);
        }
        eventually("the stop", || is_stopped(top.pid()) && top.is_as_before());
        top.signal(Signal::CONT);
        top.wait("the screen again", |screen| {
            top.look(vt100_alternate) && screen.contains("NOTHING TO JUDGE")
        });
    }
    // SIGSTOP leaves no chance to restore the terminal, but the view is redrawn afterwards.
    top.signal(Signal::STOP);
    eventually("the stop", || is_stopped(top.pid()));
    let before = top.bytes();
    top.signal(Signal::CONT);
    eventually("the screen anew", || top.bytes() > before + 200);
    top.type_in("q");
    assert!(top.end().success() && top.is_as_before());
}

fn vt100_alternate(screen: &vt100::Screen) -> bool {
    screen.alternate_screen()
}

#[test]
fn a_breakdown_leaves_a_terminal_on_which_its_words_can_be_read() {
    let mut command = Command::new(binary());
    command.env("UNDER_TEST_BREAK", "panic");
    let mut broken = OnTerminal::start(command, (100, 24));
    assert!(!broken.end().success());
    assert!(broken.is_as_before());
    assert!(broken.text().contains("on purpose"), "{}", broken.text());
    let mut command = Command::new(binary());
    command.env("UNDER_TEST_BREAK", "abort");
    let mut broken = OnTerminal::start(command, (100, 24));
    assert_eq!(broken.end().signal(), Some(Signal::ABORT.as_raw()));
    assert!(broken.is_as_before(), "an abort too");
}

#[test]
fn what_cannot_begin_says_so_on_the_terminal_as_it_is() {
    need_root!();
    let mut command = Command::new(binary());
    command.args(["top", "--btf", "/nonexistent"]);
    let mut top = OnTerminal::start(command, (100, 24));
    assert_eq!(top.end().code(), Some(3));
    let said = top.text();
    assert!(
        said.starts_with("tcpreuse: ") && said.contains("/nonexistent"),
        "{said}"
    );
    assert!(top.is_as_before());
}

#[test]
fn a_hostile_process_name_stays_in_its_column() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let script = format!(
        "printf '\\033[41m\\033[2J\\nX' >/proc/$$/comm; exec 3<>/dev/tcp/127.0.0.1/{}; printf x >&3; \
         read -r -n 1 <&3; sleep 60 & wait",
        server.port()
    );
    let mut top = OnTerminal::top(&namespace, &["--direction", "outbound"], (200, 24));
    // The process is known only for connections opened during tracing.
    top.wait_for("NOTHING TO JUDGE");
    let mut client = Command::new("bash").args(["-c", &script]).spawn().unwrap();
    top.wait("the peer", |screen| {
        line_of(screen, "127.0.0.1", "X (pid").is_some()
    });
    top.look(|screen| {
        let (rows, columns) = screen.size();
        for row in 0..rows.get() {
            for column in 0..columns.get() {
                let cell = screen.cell(row, column).unwrap();
                assert_eq!(cell.bgcolor(), vt100::Color::Default, "at {row}, {column}");
            }
        }
    });
    top.type_in("q");
    assert!(top.end().success());
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn without_a_command_there_is_the_view_on_a_terminal_and_help_elsewhere() {
    need_root!();
    let _namespace = Namespace::new();
    let mut plain = OnTerminal::start(Command::new(binary()), (100, 24));
    plain.wait_for("1 peers");
    plain.type_in("q");
    assert!(plain.end().success() && plain.is_as_before());
    let output = Command::new(binary()).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: tcpreuse"));
}

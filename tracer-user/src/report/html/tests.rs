//! The page as a reader, a browser and an attacker see it.

use hashbrown::HashMap;

use super::*;
use crate::{
    diagnosis::{Judge, Options, What},
    evidence::testing::ended,
    model::{
        bar::Bar,
        chronicle::{Chronicle, Point},
        owner::{Owner, Process},
        peer::PeerId,
        sample::{Moment, Sample},
    },
    report::example::{origin, sample},
    units::S,
};

/// Elements without an end.
const VOID: [&str; 3] = ["!DOCTYPE", "meta", "br"];

fn chronicle(points: u64) -> Chronicle {
    let mut chronicle = Chronicle::default();
    for n in 0..points {
        let mut point = Point {
            at: sample().started.utc_ns + i128::from(n * 60 * S / points),
            open: n,
            close_wait: n / 4,
            moved: Some((3 * n, 2 * n)),
            ..Point::default()
        };
        point.add_queue(n.min(511), 511);
        point.add_workers(n.min(150), 150);
        chronicle.add(point);
    }
    chronicle
}

/// The judged sample, with what a report of it needs.
fn report_of(sample: &Sample, points: u64) -> (Diagnosis, Material) {
    let mut judge = Judge::default();
    let mut earlier = sample.clone();
    earlier.taken = sample.taken.earlier(sample.taken.monotonic_ns - 20 * S);
    earlier
        .peers
        .iter_mut()
        .for_each(|peer| peer.counters.open_now = 1);
    judge.look(&earlier, &Options::default());
    let diagnosis = judge.conclude(sample, &Options::default());
    let of = |peer: PeerId| {
        let at = |n: u64| sample.taken.earlier(sample.taken.monotonic_ns - n * S);
        (peer, (1..8).map(|n| ended(n, at(n))).collect())
    };
    let ended: HashMap<PeerId, _> = to_prove(&diagnosis)
        .into_iter()
        .map(|place| of(diagnosis.peers[place].id))
        .collect();
    let host = Host {
        name: None,
        sample,
        judge: &judge,
        chronicle: chronicle(points),
        ended,
    };
    let basis = Basis {
        facts: vec![("Traced", "port 8081 inbound".to_owned())],
        notes: vec!["a note".to_owned()],
        files: vec![Digested {
            name: "manifest.json".to_owned(),
            bytes: 4711,
            sha256: "0f".repeat(32),
        }],
    };
    let material = Material::of(&diagnosis, vec![host], basis);
    (diagnosis, material)
}

fn html(diagnosis: &Diagnosis, origin: &Origin, material: &Material) -> String {
    let mut out = Vec::new();
    write(&mut out, diagnosis, origin, material).unwrap();
    String::from_utf8(out).unwrap()
}

fn page() -> String {
    let (diagnosis, material) = report_of(&sample(), 8);
    html(&diagnosis, &origin(), &material)
}

/// The tags of a page, without what they enclose.
fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<')
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap())
}

/// What is read, without the labels of charts, which are also in the tables behind them.
fn text_of(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let mut text = String::new();
    let mut in_chart = false;
    for part in body.split('<') {
        let (tag, content) = part.split_once('>').unwrap_or(("", part));
        in_chart = tag.starts_with("svg") || (in_chart && tag != "/svg");
        if !in_chart && !content.trim().is_empty() {
            let is_block = [
                "p",
                "h1",
                "h2",
                "h3",
                "li",
                "dt",
                "dd",
                "figcaption",
                "tr",
                "summary",
            ]
            .iter()
            .any(|name| tag.split(' ').next() == Some(name));
            text.push_str(if is_block { "\n" } else { " " });
            text.push_str(content.trim());
        } else if tag == "tr" {
            text.push('\n');
        }
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn it_reads_from_the_answer_to_what_cannot_be_seen() {
    insta::assert_snapshot!(text_of(&page()));
}

#[test]
fn names_of_settings_are_code() {
    let said = words("set `a < b` and `c`, not `d").into_string();
    assert_eq!(said, "set <code>a &lt; b</code> and <code>c</code>, not `d");
    let page = page();
    let (_, changes) = page.split_once("id=\"change\"").unwrap();
    let (changes, _) = changes.split_once("id=\"course\"").unwrap();
    assert!(changes.contains("<code>") && !changes.contains('`'), "{changes}");
}

#[test]
fn every_element_ends_where_it_should() {
    let page = page();
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(&page) {
        let name = tag.split(' ').next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
    assert!(page.starts_with(MARK), "{}", &page[..200]);
}

#[test]
fn it_needs_nothing_else() {
    let page = page();
    let names: std::collections::BTreeSet<&str> =
        tags(&page).map(|tag| tag.split(' ').next().unwrap()).collect();
    for foreign in [
        "script", "img", "link", "iframe", "object", "form", "base", "use", "image", "animate",
    ] {
        assert!(!names.contains(foreign), "{foreign}");
    }
    for way in [
        "http:",
        "https:",
        "url(",
        "@import",
        "src=",
        "style=\"",
        "javascript:",
        "onload",
        "xlink",
    ] {
        assert!(!page.contains(way), "{way}");
    }
    let style = page
        .split_once("<style>")
        .unwrap()
        .1
        .split_once("</style>")
        .unwrap()
        .0;
    let digest = STANDARD.encode(Sha256::digest(style));
    assert!(page.contains(&format!("style-src 'sha256-{digest}'")));
}

#[test]
fn every_chart_has_a_text_and_a_table() {
    let page = page();
    let charts = page.matches("<figure>").count();
    assert!(charts >= 6, "{charts}");
    for figure in page.split("<figure>").skip(1) {
        let (chart, rest) = figure.split_once("</figure>").unwrap();
        assert!(chart.contains("aria-label=\""), "{chart}");
        assert!(chart.contains("<figcaption>"), "{chart}");
        assert!(rest.starts_with("<details><summary>The numbers"), "{rest}");
    }
}

#[test]
fn hostile_names_stay_text() {
    const NAME: &str = "</style><script>alert(1)</script>\"' onload=x\u{202e}\u{1b}[31m\0";
    let mut hostile = sample();
    hostile.names = [(4711, NAME.to_owned())].into();
    hostile.sockets.listeners[0].owner = Owner::Process(Process {
        pid: 811,
        comm: NAME.to_owned(),
        workload: None,
    });
    let (mut diagnosis, mut material) = report_of(&hostile, 60);
    diagnosis.peers[0].host = Some(NAME.to_owned());
    material.chronicles[0].0 = Some(NAME.to_owned());
    material.basis.facts.push(("Traced", NAME.repeat(100_000)));
    material.basis.notes.push(NAME.to_owned());
    material.basis.files[0].name = NAME.to_owned();
    material.basis.files[0].sha256 = NAME.to_owned();
    let origin = Origin {
        host: NAME.to_owned(),
        kernel: NAME.to_owned(),
    };
    let page = html(&diagnosis, &origin, &material);
    assert_eq!(page.matches("<style").count(), 1);
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"));
    let bad = page
        .chars()
        .find(|c| *c != '\n' && (c.is_control() || is_invisible(*c)));
    assert_eq!(bad, None);
    assert!(page.len() < 500_000, "{}", page.len());
    let quotes = tags(&page)
        .filter(|tag| tag.matches('"').count() % 2 == 1)
        .count();
    assert_eq!(quotes, 0, "no attribute ends early");
}

#[test]
fn no_recording_makes_it_large() {
    let mut large = sample();
    let few = large.peers.clone();
    for n in 0..2_000_u32 {
        let mut peer = few[n as usize % few.len()].clone();
        peer.slot = 10 + n;
        peer.id.network = std::net::IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + n)).into();
        large.peers.push(peer);
    }
    let listener = large.sockets.listeners[0].clone();
    for port in 1..=200 {
        let mut other = listener.clone();
        other.port = port;
        other.backlog.accept_queue = 1;
        large.sockets.listeners.push(other);
    }
    let (mut diagnosis, material) = report_of(&large, 5_000);
    let change = diagnosis.changes[0].clone();
    for n in 0..2000 {
        let mut change = change.clone();
        change.at = Moment {
            utc_ns: change.at.utc_ns + n,
            ..change.at
        };
        change.what = What::MoreVerdicts { peers: 7 };
        diagnosis.changes.push(change);
    }
    let page = html(&diagnosis, &origin(), &material);
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert_eq!(material.peers.len(), MAX_PEERS);
    assert!(page.contains("more peers are not listed"));
}

#[test]
fn nothing_seen_is_a_page_too() {
    let empty = Sample::empty(sample().taken);
    let (diagnosis, material) = report_of(&empty, 1);
    let page = html(&diagnosis, &origin(), &material);
    for said in [
        "No peer was seen",
        "nobody is accused",
        "no single connections",
        "only one look",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("<figure>"));
    let bare = html(&diagnosis, &origin(), &Material::default());
    assert!(bare.contains("<h1>"));
}

#[test]
fn the_same_evidence_gives_the_same_page() {
    assert_eq!(page(), page());
}

#[test]
fn single_connections_are_those_of_the_worst() {
    let (diagnosis, material) = report_of(&sample(), 60);
    let bars = |place: usize| -> &[Bar] { &material.peers[place].bars };
    let proven = to_prove(&diagnosis);
    assert!(!proven.is_empty() && proven.len() <= 6, "{proven:?}");
    assert!(proven.iter().all(|place| !bars(*place).is_empty()));
    assert!(proven.iter().all(|place| bars(*place).len() <= 40));
    assert!(bars(proven[0]).windows(2).all(|two| two[0].to_ns >= two[1].to_ns));
}

#[test]
fn the_first_screen_is_a_picture() {
    let (diagnosis, material) = report_of(&sample(), 12);
    let drawn = picture(&diagnosis, &origin(), &material);
    let (before, rest) = drawn.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!(format!("{before}{after}"));
}

/// The pictures in the documentation look as the programs do now: they have the same style.
#[test]
fn the_picture_of_the_documentation_is_current() {
    let drawn = crate::docs::picture("report.svg");
    assert!(drawn.contains(STYLE), "run `cargo xtask picture`");
    for said in ["PROBLEM: 6 of 24", "close-wait-leak", "What to change"] {
        assert!(drawn.contains(said), "{said}");
    }
    assert!(drawn.len() < 40_000, "{}", drawn.len());
}

#[test]
fn first_aid_is_there_if_it_was_asked_for() {
    let (diagnosis, mut material) = report_of(&sample(), 8);
    assert!(!html(&diagnosis, &origin(), &material).contains("nft"));
    material.first_aid = true;
    let page = html(&diagnosis, &origin(), &material);
    assert!(
        page.contains("<summary>First aid</summary>") && page.contains("nft 'add rule "),
        "{page}"
    );
}

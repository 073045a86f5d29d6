//! The page in a browser, in a network namespace where nothing else can be reached.

use std::net::{Ipv4Addr, TcpStream};

use serde_json::json;
use tcpreuse_tests::{
    agent::{ADDRESS, Agent},
    browser::{Browser, PROGRAM},
    eventually,
    namespace::Namespace,
    need_root,
    servers::{Server, command},
    traffic::{EchoServer, connect, source, visit},
};

use crate::real_servers::are_installed;

const HOSTILE_PORT: u16 = 8181;

/// Notes each state of the page: the time of day of its sample, ms, and whether it shows a peer.
const WATCH: &str = "(() => {
    window.DAY = 86400000;
    window.watched = [];
    const note = () => {
        const [hours, minutes, seconds] = live.querySelector('time').textContent.split(':').map((n) => parseInt(n));
        watched.push([((hours * 60 + minutes) * 60 + seconds) * 1000, live.textContent.includes('127.1.0.6')]);
    };
    new MutationObserver(note).observe(live, { childList: true });
})()";

/// A server whose name is markup. It writes the name itself, as anybody may.
fn hostile() -> Server {
    let mut python = command("python3");
    python.args([
        "-c",
        "from http.server import *; open('/proc/self/comm', 'w').write('<b id=owned>'); \
         ThreadingHTTPServer(('127.0.0.1', 8181), SimpleHTTPRequestHandler).serve_forever()",
    ]);
    Server::start(python, HOSTILE_PORT)
}

#[test]
fn the_page_is_alive_in_a_browser_and_harmless() {
    need_root!();
    if !are_installed(&[PROGRAM, "python3"]) {
        return;
    }
    let namespace = Namespace::new();
    let (server, bad) = (EchoServer::start((Ipv4Addr::LOCALHOST, 0)), hostile());
    let ports = format!("{},{}", server.port(), bad.port());
    let agent = Agent::start(&namespace, &["--interval", "500ms", "--port", &ports]);
    (0..12).for_each(|_| visit(source(0), server.address));
    let held: Vec<TcpStream> = (0..3)
        .map(|_| connect(source(1), server.address).unwrap())
        .collect();
    let _accepted = TcpStream::connect(bad.address).unwrap();
    let url = format!("http://{ADDRESS}/");
    let mut browser = Browser::open(&url);

    let rows = "[...document.querySelectorAll('#peers tbody tr')]";
    let peers =
        format!("{rows}.filter(row => !row.hidden).map(row => row.querySelector('summary').textContent)");
    let seen = |browser: &mut Browser, what: &str, wanted: &dyn Fn(&[String]) -> bool| {
        let mut found = Vec::new();
        eventually(what, || {
            found = serde_json::from_value(browser.value(&peers)).unwrap();
            wanted(&found)
        });
        found
    };
    let has = |peers: &[String], address: &str| peers.iter().any(|peer| peer.contains(address));
    seen(&mut browser, "both peers", &|peers| {
        has(peers, "127.1.0.1") && has(peers, "127.1.0.2")
    });
    let answer = browser.value("document.querySelector('h1').textContent");
    assert!(
        answer.as_str().is_some_and(|answer| !answer.is_empty()),
        "{answer}"
    );

    // The name is text, and shown.
    eventually("the server's name", || {
        browser.value("document.body.textContent.includes('<b id=owned>')") == true
    });
    assert_eq!(browser.value("document.getElementById('owned') === null"), true);

    // Filter, then all again.
    let typed = |text: &str| {
        format!("(() => {{ filter.value = '{text}'; filter.dispatchEvent(new Event('input')); }})()")
    };
    browser.value(&typed("127.1.0.2"));
    seen(&mut browser, "the filter", &|peers| {
        has(peers, "127.1.0.2") && !has(peers, "127.1.0.1")
    });
    browser.value(&typed(""));

    // Sort by the number of opened connections, either way.
    let click = "document.querySelectorAll('#peers thead button')[3].click()";
    browser.value(click);
    let most = seen(&mut browser, "an order", &|peers| peers.len() > 1);
    assert!(most[0].contains("127.1.0.1"), "{most:?}");
    browser.value(click);
    let least = seen(&mut browser, "the other order", &|peers| peers.len() > 1);
    assert!(least.last().unwrap().contains("127.1.0.1"), "{least:?}");

    // Open a peer: it stays open while the page goes on.
    browser.value(&format!(
        "{rows}.find(row => row.textContent.includes('127.1.0.1')).querySelector('details').open = true"
    ));
    let stamp = "document.querySelector('#live time').textContent";
    let before = browser.value(stamp);
    eventually("a live change", || browser.value(stamp) != before);
    let quote = "document.querySelector('details[open] .quote').textContent";
    let sentence = browser.value(quote);
    assert!(
        sentence.as_str().is_some_and(|text| !text.is_empty()),
        "{sentence}"
    );

    // A peer that comes is in every state of the page that is two intervals younger, however long one takes
    // to arrive on a busy machine.
    browser.value(WATCH);
    visit(source(5), server.address);
    let visited = browser.value("Date.now()");
    let younger = format!(
        "watched.map(([at, shown]) => [((at - {visited}) % DAY + DAY) % DAY, shown])\
         .filter(([later]) => later >= 1000 && later < DAY / 2).map(([, shown]) => shown)"
    );
    let mut shown = json!([]);
    eventually("a younger state", || {
        shown = browser.value(&younger);
        shown != json!([])
    });
    let always = shown.as_array().unwrap().iter().all(|one| *one == true);
    assert!(always, "{shown}");

    // By the keyboard alone: to a column and sort, to a peer and close it.
    let steps = |browser: &mut Browser, what: &str| {
        let reached = format!("document.activeElement.matches('{what}')");
        for _ in 0..40 {
            browser.press("Tab");
            if browser.value(&reached) == true {
                return;
            }
        }
        panic!("{what} cannot be reached");
    };
    browser.value("filter.focus()");
    steps(&mut browser, "#peers th:nth-child(2) button");
    browser.press("Enter");
    let sorted = "document.querySelector('#peers th:nth-child(2)').getAttribute('aria-sort')";
    assert_eq!(browser.value(sorted), "ascending");
    steps(&mut browser, "#peers details[open] summary");
    browser.press("Enter");
    assert_eq!(
        browser.value("document.querySelector('details[open]') === null"),
        true
    );
    let focus = "document.activeElement.textContent";
    let (stays, before) = (browser.value(focus), browser.value(stamp));
    browser.press("Enter");
    eventually("another state", || browser.value(stamp) != before);
    assert_eq!(browser.value(focus), stays);
    assert_eq!(
        browser.value("document.querySelector('details[open]') !== null"),
        true
    );

    // On a telephone, a tablet and a desk, by day and night.
    for width in [390, 768, 1280] {
        for scheme in ["light", "dark"] {
            browser.resize(width, scheme);
            let scrolls = "[...document.querySelectorAll('html, .wide')]\
                           .some((part) => part.scrollWidth > part.clientWidth)";
            assert_eq!(browser.value(scrolls), false, "{width} px");
            browser.picture(&format!("page-{width}-{scheme}"));
        }
    }
    assert!(browser.faults().is_empty(), "{:?}", browser.faults());

    let elsewhere: Vec<&String> = browser
        .asked()
        .iter()
        .filter(|asked| !asked.starts_with(&url))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(browser.asked().iter().any(|asked| asked.ends_with("/events")));
    drop(held);
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}

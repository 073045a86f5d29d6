//! The page in a browser, in a network namespace where nothing else can be reached.

use std::net::{Ipv4Addr, TcpStream};

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

    // A peer that comes shows within two intervals, however long that is on a busy machine.
    let number = "Number(document.querySelector('#peers') !== null)";
    assert_eq!(browser.value(number), 1);
    visit(source(5), server.address);
    seen(&mut browser, "a new peer", &|peers| has(peers, "127.1.0.6"));

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

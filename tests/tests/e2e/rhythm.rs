//! How long requests are held and clients pause, against what both ends measured themselves.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    ops::Range,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tcpreuse_tests::{
    eventually,
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace},
    traffic::{EchoServer, abort, connect, connections, pair, source, turn},
};

/// No kernel has longer timer ticks. One is what a time may be off by, and the next one may come late.
const TICK: Duration = Duration::from_millis(10);

/// When something was written: at some moment in between.
type Written = Range<Instant>;

fn write(stream: &mut TcpStream, bytes: &[u8]) -> Written {
    let begun = Instant::now();
    stream.write_all(bytes).unwrap();
    begun..Instant::now()
}

/// The least and the most that can have passed between two writes.
#[derive(Clone, Copy)]
struct Apart {
    least: Duration,
    most: Duration,
}

fn apart(one: &Written, other: &Written) -> Apart {
    Apart {
        least: other.start.saturating_duration_since(one.end),
        most: other.end - one.start,
    }
}

/// What both ends of a connection know of its turns.
#[derive(Default)]
struct Measured {
    holds: Vec<Apart>,
    pauses: Vec<Apart>,
    answered: Option<Written>,
}

impl Measured {
    /// The client pauses, asks, and the server answers after a while.
    fn turn(&mut self, ends: &mut (TcpStream, TcpStream), pause: Duration, hold: Duration) {
        let (client, server) = ends;
        thread::sleep(pause);
        let asked = write(client, b"GET / HTTP/1.1\r\n\r\n");
        server.read_exact(&mut [0; 18]).unwrap();
        thread::sleep(hold);
        let answered = write(server, b"HTTP/1.1 204 \r\n\r\n");
        client.read_exact(&mut [0; 17]).unwrap();
        self.holds.push(apart(&asked, &answered));
        if let Some(before) = &self.answered {
            self.pauses.push(apart(before, &asked));
        }
        self.answered = Some(answered);
    }
}

fn number(peer: &Value, pointer: &str) -> Option<u64> {
    peer.pointer(pointer).and_then(Value::as_u64)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

/// Number, sum and longest of the holds or pauses of a peer are those that were measured.
#[track_caller]
fn assert_close(peer: &Value, what: &str, measured: &[Apart]) {
    let count = u64::try_from(measured.len()).unwrap();
    assert_eq!(number(peer, &format!("/basis/{what}s")), Some(count), "{peer:#}");
    let close = |name: &str, value: u64, least: Duration, most: Duration, off: Duration| {
        let (low, high) = (ms(least.saturating_sub(off)), ms(most + off));
        assert!(
            (low..=high).contains(&value),
            "{what}, {name}: {value} ms is not in {low}..={high}: {peer:#}"
        );
    };
    let sum: u64 = number(peer, &format!("/basis/{what}s_sum_ms")).unwrap();
    let (least, most) = (
        measured.iter().map(|one| one.least).sum(),
        measured.iter().map(|one| one.most).sum(),
    );
    close("sum", sum, least, most, TICK * u32::try_from(count).unwrap());
    let longest = number(peer, &format!("/figures/{what}_ms/max")).unwrap();
    let (least, most) = (
        measured.iter().map(|one| one.least).max().unwrap(),
        measured.iter().map(|one| one.most).max().unwrap(),
    );
    close("longest", longest, least, most, TICK);
    let of = |part: &str| number(peer, &format!("/figures/{what}_ms/{part}")).unwrap();
    assert!(of("p50") <= of("p95") && of("p95") <= longest, "{peer:#}");
}

#[track_caller]
fn assert_unknown(diagnosis: &Diagnosis, client: u16, what: &str) {
    let peer = diagnosis.peer(&source(client).to_string(), "inbound");
    for part in ["p50", "p95", "max"] {
        let figure = peer.pointer(&format!("/figures/{what}_ms/{part}"));
        assert_eq!(figure, Some(&Value::Null), "{client}: {peer:#}");
    }
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

#[test]
fn holds_and_pauses_are_what_both_ends_measured() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let port = address.port().to_string();
    let trace = Trace::start(&namespace, &["--port", &port, "--direction", "both"]);
    let mut measured = Measured::default();
    let mut ends = pair(source(0), address, &listener);
    for (pause, hold) in [(30, 200), (120, 60), (0, 350), (300, 0)] {
        let [pause, hold] = [pause, hold].map(Duration::from_millis);
        measured.turn(&mut ends, pause, hold);
    }
    drop(ends);
    eventually("the connection to end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for (peer, direction) in [("127.1.0.1", "inbound"), ("127.0.0.1", "outbound")] {
        let peer = diagnosis.peer(peer, direction);
        assert_close(peer, "hold", &measured.holds);
        assert_close(peer, "pause", &measured.pauses);
    }
}

#[test]
fn the_last_hold_is_known_whoever_ends_the_connection() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let trace = Trace::start(&namespace, &["--port", &address.port().to_string()]);
    const HOLD: Duration = Duration::from_millis(150);
    let mut measured: Vec<Measured> = Vec::new();
    // 0: the server closes at once, 1: it closes later, 2: the client closes, 3: the client aborts.
    for way in 0..4 {
        let mut ends = pair(source(way), address, &listener);
        let mut one = Measured::default();
        one.turn(&mut ends, Duration::ZERO, HOLD);
        measured.push(one);
        let (mut client, mut server) = ends;
        if way == 1 {
            thread::sleep(HOLD);
        }
        match way {
            0 | 1 => {
                drop(server);
                assert_eq!(client.read(&mut [0]).unwrap(), 0);
            }
            2 => {
                drop(client);
                assert_eq!(server.read(&mut [0]).unwrap(), 0);
            }
            _ => abort(client),
        }
    }
    // The client gives up: nobody knows how long it would have been held.
    let (mut client, mut server) = pair(source(4), address, &listener);
    client.write_all(b"q").unwrap();
    server.read_exact(&mut [0]).unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    drop(server);
    eventually("the connections to end", || connections().is_empty());
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    for (client, one) in (0..).zip(&measured) {
        let peer = diagnosis.peer(&source(client).to_string(), "inbound");
        assert_close(peer, "hold", &one.holds);
        // There was no second request.
        assert_unknown(&diagnosis, client, "pause");
    }
    assert_unknown(&diagnosis, 4, "hold");
}

#[test]
fn turns_shorter_than_a_timer_tick_are_counted_while_the_connection_is_open() {
    need_root!();
    const TURNS: u64 = 300;
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let trace = Trace::start(&namespace, &["--port", &server.port().to_string()]);
    let mut stream = connect(source(0), server.address).unwrap();
    (0..TURNS).for_each(|_| turn(&mut stream));
    let diagnosis = trace.finish();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    // The last answer's end would be seen at the next read.
    assert_eq!(number(peer, "/basis/holds"), Some(TURNS - 1), "{peer:#}");
    assert_eq!(number(peer, "/basis/pauses"), Some(TURNS - 1), "{peer:#}");
}

#[test]
fn what_was_held_and_busy_is_an_integral() {
    need_root!();
    let namespace = Namespace::new();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let port = address.port().to_string();
    // One was there before, and one does nothing.
    let mut before = pair(source(0), address, &listener);
    let trace = Trace::start(&namespace, &["--port", &port]);
    let begun = Instant::now();
    let mut held = Duration::ZERO;
    for _ in 0..3 {
        let opened = Instant::now();
        let mut ends = pair(source(0), address, &listener);
        let [pause, hold] = [50, 250].map(Duration::from_millis);
        Measured::default().turn(&mut ends, pause, hold);
        drop(ends);
        eventually("the connection to end", || connections().len() == 2);
        held += opened.elapsed();
    }
    // A request that is held at the end.
    before.0.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    before.1.read_exact(&mut [0; 18]).unwrap();
    let asked = Instant::now();
    thread::sleep(Duration::from_millis(700));
    let waited = asked.elapsed();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    let whole = begun.elapsed();
    let peer = diagnosis.peer("127.1.0.1", "inbound");
    let held_ms = number(peer, "/basis/held_sum_ms").unwrap();
    let busy_ms = number(peer, "/basis/busy_sum_ms").unwrap();
    // Before the trace began to count, and after it was told to end, some time passes.
    let about = |least: Duration, most: Duration| ms(least)..=ms(most);
    assert!(
        about(held + waited, held + whole * 2).contains(&held_ms),
        "{peer:#}"
    );
    let holds = Duration::from_millis(3 * 250) + waited;
    assert!(
        about(
            holds - 5 * TICK,
            holds + (held - Duration::from_millis(750)) + whole / 2
        )
        .contains(&busy_ms),
        "{peer:#}"
    );
    let (mean, seconds) = (
        peer["figures"]["held"]["mean"].as_f64().unwrap(),
        peer["figures"]["seconds"].as_f64().unwrap(),
    );
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a test")]
    let expected = held_ms as f64 / 1000.0 / seconds;
    assert!(
        (mean - expected).abs() < 0.2 * expected,
        "{mean}, not {expected}: {peer:#}"
    );
    let held = &peer["figures"]["held"];
    assert_eq!(
        (&held["start"], &held["end"]),
        (&Value::from(1), &Value::from(1)),
        "{peer:#}"
    );
}

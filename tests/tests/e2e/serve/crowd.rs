//! A crowd at its door: nobody without the token gets anything, and no sample is late for it.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tcpreuse_tests::{
    agent::{ADDRESS, Agent, ask},
    eventually,
    namespace::Namespace,
    need_root,
    pace::load,
    traffic::source,
};

use crate::record::text;

const TOKEN: &str = "Authorization: Bearer a long enough token\r\n";

/// How long the crowd stays. `TCPREUSE_CROWD_SECONDS` makes it longer.
fn stay() -> Duration {
    let seconds = std::env::var("TCPREUSE_CROWD_SECONDS");
    Duration::from_secs(seconds.map_or(5, |text| text.parse().unwrap()))
}

fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\n{headers}Connection: close\r\n\r\n")
}

/// A connection, unless there is no room for it: the crowd itself must not wait.
fn connection() -> Option<TcpStream> {
    TcpStream::connect_timeout(&ADDRESS.parse().unwrap(), Duration::from_secs(1)).ok()
}

/// Connections that are begun, however many of them are ever accepted.
fn knock(times: u64) -> Vec<Socket> {
    let address: SocketAddr = ADDRESS.parse().unwrap();
    let knocks = (0..times).filter_map(|n| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        socket.set_nonblocking(true).ok()?;
        let from = source(u16::try_from(n % 50_000).ok()?);
        socket.bind(&SocketAddr::new(from, 0).into()).ok()?;
        // It is under way.
        let _ = socket.connect(&address.into());
        Some(socket)
    });
    knocks.collect()
}

/// The anonymous memory of a process, KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .unwrap()
}

/// The longest time between two samples that were recorded, and their number.
fn longest_gap(place: &Path) -> (Duration, usize) {
    let kept = fs::read_dir(place.join("evidence-kept")).unwrap().next();
    let journal = fs::read_to_string(kept.unwrap().unwrap().path().join("intervals.jsonl")).unwrap();
    let times: Vec<u64> = journal
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line)
                .ok()?
                .get("monotonic_ns")?
                .as_u64()
        })
        .collect();
    let gaps = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(before, after)| after - before);
    (Duration::from_nanos(gaps.max().unwrap()), times.len())
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are wanted")]
fn a_crowd_at_the_door_gets_nothing_and_delays_no_sample() {
    need_root!();
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    let (namespace, place) = (Namespace::new(), tempfile::tempdir().unwrap());
    let token = place.path().join("token");
    fs::write(&token, "a long enough token\n").unwrap();
    let evidence = place.path().join("evidence");
    let args = [
        "--interval",
        "100ms",
        "--evidence",
        text(&evidence),
        "--token-file",
        text(&token),
    ];
    let agent = Agent::start(&namespace, &[&args[..], &["--keep-after", "1h"]].concat());
    agent.signal(Signal::USR1);
    assert!(ask(&request("/metrics", TOKEN)).0.starts_with("HTTP/1.1 200 "));
    let before = memory(agent.pid());
    let (stop, answered, leaked) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        // Scrapers with and without the token, 250 a second each.
        for scraper in 0..4 {
            let (stop, answered, leaked) = (&stop, &answered, &leaked);
            scope.spawn(move || {
                let headers = if scraper % 2 == 0 { TOKEN } else { "" };
                while !stop.load(Ordering::Relaxed) {
                    let next = Instant::now() + Duration::from_millis(4);
                    let Some(mut stream) = connection() else {
                        continue;
                    };
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                    let mut reply = String::new();
                    let asked = stream.write_all(request("/metrics", headers).as_bytes());
                    if asked.is_ok() && stream.read_to_string(&mut reply).is_ok() && !reply.is_empty() {
                        answered.fetch_add(1, Ordering::Relaxed);
                        let has_more = !reply.starts_with("HTTP/1.1 401 ") || reply.contains("tcpreuse_");
                        leaked.fetch_add(u64::from(headers.is_empty() && has_more), Ordering::Relaxed);
                    }
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            });
        }
        thread::sleep(stay() / 2);
        // Those who ask and do not read, those who do not finish asking, and those who only knock.
        let wait = |request: &str| {
            let stream = connection()?;
            (&stream).write_all(request.as_bytes()).ok()?;
            Some(stream)
        };
        let slow: Vec<_> = (0..20).map(|_| wait(&request("/api/diagnosis", TOKEN))).collect();
        let half: Vec<_> = (0..20).map(|_| wait("GET /metrics HTT")).collect();
        let knocks = knock(load(10_000));
        thread::sleep(stay() / 2);
        stop.store(true, Ordering::Relaxed);
        drop((slow, half, knocks));
    });
    let took = begun.elapsed();
    // Once they are gone it answers as before.
    eventually("an answer", || ask(&request("/healthz", TOKEN)).1 == "ok\n");
    let after = memory(agent.pid());
    let (gap, samples) = longest_gap(&evidence);
    println!(
        "{took:.1?}: {} scrapes answered, {samples} samples, the longest time between two {gap:.0?}, \
         memory {before} to {after} KiB",
        answered.load(Ordering::Relaxed)
    );
    assert_eq!(
        leaked.load(Ordering::Relaxed),
        0,
        "somebody without the token got something"
    );
    assert!(answered.load(Ordering::Relaxed) > 0);
    // What a busy machine takes, not what a crowd could.
    assert!(gap < Duration::from_secs(3), "{gap:?}");
    assert!(after < before + 16 * 1024, "{before} to {after} KiB");
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}

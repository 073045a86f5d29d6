//! A crowd at its door: nobody without the token gets anything, and no sample is late for it.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tcpreuse_tests::{
    StopOnDrop,
    agent::{Agent, ask},
    bench::process::Memory,
    door::{Scraped, knock, longest_gap, request, waiting},
    eventually,
    namespace::Namespace,
    need_root,
    pace::load,
};

use crate::record::text;

const TOKEN: &str = "Authorization: Bearer a long enough token\r\n";

/// A connection for this request alone.
const ALONE: &str = "Connection: close\r\n";

/// How long the crowd stays. `TCPREUSE_CROWD_SECONDS` makes it longer.
fn stay() -> Duration {
    let seconds = std::env::var("TCPREUSE_CROWD_SECONDS");
    Duration::from_secs(seconds.map_or(5, |text| text.parse().unwrap()))
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are wanted")]
fn a_crowd_at_the_door_gets_nothing_and_delays_no_sample() {
    need_root!();
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
    let with_token = format!("{TOKEN}{ALONE}");
    assert!(
        ask(&request("/metrics", &with_token))
            .0
            .starts_with("HTTP/1.1 200 ")
    );
    let memory = || Memory::of(agent.pid()).unwrap().anonymous;
    let before = memory();
    let (stop, scraped) = (AtomicBool::new(false), Scraped::default());
    let begun = Instant::now();
    // With the token and without it, on connections that are kept and on one for each request.
    let all = [TOKEN, "", &with_token, ALONE];
    thread::scope(|scope| {
        scope.spawn(|| scraped.run(&stop, &all));
        let stopping = StopOnDrop(&stop);
        thread::sleep(stay() / 2);
        let slow: Vec<_> = (0..20)
            .map(|_| waiting(&request("/api/diagnosis", TOKEN)))
            .collect();
        let half: Vec<_> = (0..20).map(|_| waiting("GET /metrics HTT")).collect();
        let knocks = knock(load(10_000));
        thread::sleep(stay() / 2);
        drop((stopping, slow, half, knocks));
    });
    let took = begun.elapsed();
    // Once they are gone it answers as before.
    eventually("an answer", || ask(&request("/healthz", &with_token)).1 == "ok\n");
    let after = memory();
    let (gap, samples) = longest_gap(&evidence);
    println!(
        "{took:.1?}: {} scrapes answered, {:.0} a second, {samples} samples, the longest time between two {gap:.0?}, \
         memory {before} to {after} KiB",
        scraped.answered(),
        scraped.answered() as f64 / took.as_secs_f64()
    );
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
    assert_eq!(
        count(&scraped.leaked),
        0,
        "somebody without the token got something"
    );
    assert!(
        count(&scraped.served) > 0 && count(&scraped.refused) > 0,
        "{scraped:?}"
    );
    // What a busy machine takes, not what a crowd could.
    assert!(gap < Duration::from_secs(3), "{gap:?}");
    assert!(after < before + 16 * 1024, "{before} to {after} KiB");
    let (code, errors) = agent.end();
    assert_eq!(code, Some(0), "{errors}");
}

//! The response time to keys while there is much to count.

use std::{
    fs,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    terminal::OnTerminal,
    traffic::{EchoServer, source, visit},
};

/// CPU time used by a process, in ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // `utime` and `stime`.
    let times = fields.split(' ').skip(11).take(2);
    times.map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn keys_are_answered_at_once_under_load() {
    need_root!();
    let namespace = Namespace::new();
    let server = EchoServer::start((Ipv4Addr::LOCALHOST, 0));
    let address = server.address;
    let stop = Arc::new(AtomicBool::new(false));
    let churn = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let mut visits = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                visit(source(u16::try_from(visits % 10_000).unwrap()), address);
                visits += 1;
            }
            visits
        })
    };
    let mut top = OnTerminal::top(&namespace, &[], (160, 50));
    // A verdict needs several samples, and an unoptimised build takes few of them.
    top.wait_within(Duration::from_secs(90), "a verdict", |screen| {
        screen.contains("PROBLEM")
    });
    thread::sleep(Duration::from_secs(5));
    let (begun, used) = (Instant::now(), ticks(top.pid()));
    let mut answers = Vec::new();
    for i in 0..60 {
        thread::sleep(Duration::from_millis(50));
        let before = top.bytes();
        let pressed = Instant::now();
        top.type_in(if i % 2 == 0 { "2" } else { "1" });
        while top.bytes() == before {
            assert!(pressed.elapsed() < Duration::from_secs(5), "no answer");
            thread::sleep(Duration::from_micros(200));
        }
        answers.push(pressed.elapsed());
    }
    let (seconds, used) = (begun.elapsed().as_secs_f64(), ticks(top.pid()) - used);
    stop.store(true, Ordering::Relaxed);
    let visits = churn.join().unwrap();
    answers.sort();
    let memory = fs::read_to_string(format!("/proc/{}/status", top.pid())).unwrap();
    let memory: Vec<&str> = memory.lines().filter(|line| line.starts_with("Rss")).collect();
    let memory = memory.join(" ");
    let peers = top
        .lines()
        .into_iter()
        .find(|line| line.starts_with("1 peers"))
        .unwrap();
    println!(
        "{peers}\n{memory}\n{visits} connections, keys answered in {:?} (median), {:?} (95 %), {:?} (most); \
         {:.0} % of a CPU",
        answers[30],
        answers[57],
        answers[59],
        f64::from(u32::try_from(used).unwrap()) / seconds,
    );
    // A quantile below the median, because other tests may use the CPUs for part of the time.
    assert!(answers[15] < Duration::from_millis(50), "{answers:?}");
    top.type_in("q");
    assert!(top.end().success());
}

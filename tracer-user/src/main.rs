//! x
fn main() {
    env_logger::Builder::new().filter_module("tcpreuse", log::LevelFilter::Debug).init();
    let mut s = tcpreuse::kernel::load::Settings { record_bytes: Some(1<<20), ..Default::default() };
    s.log = std::env::args().nth(2).is_some();
    let t = std::time::Instant::now();
    let mut live = match tcpreuse::source::live::Live::start(&s) { Ok(l) => l, Err(e) => { eprintln!("{e}"); std::process::exit(3) } };
    eprintln!("start {:?}", t.elapsed());
    for _ in 0..std::env::args().nth(1).map_or(3, |n| n.parse().unwrap()) {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let t = std::time::Instant::now();
        let sample = live.sample().unwrap();
        eprintln!("{:?} {:?} {:?}", t.elapsed(), sample.accounting, sample.losses);
        for p in &sample.peers { eprintln!("{} {} {} opens {} now {} closes {:?} life {:?} idle {:?} gap {:?}", p.id.name(), p.id.direction, p.id.port, p.counters.opens(), p.counters.open_now, p.counters.closes, p.counters.lifetime.median_ns(), p.counters.idle.median_ns(), p.counters.gap.median_ns()); }
        for c in sample.sockets.connections.iter().take(5) { eprintln!("{c:?}"); }
        for c in sample.sockets.listeners.iter().take(5) { eprintln!("{c:?}"); }
        for e in live.ended(2) { eprintln!("{e:?}"); }
    }
    for (name, p) in live.tracer().programs() { let i = p.info().unwrap(); eprintln!("{name} {:?} {:?}ns/{}", i.verified_instruction_count(), i.run_time(), i.run_count()); }
}

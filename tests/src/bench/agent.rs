//! The agent with many peers: what a scrape costs it, what a thousand a second delay, and how soon its page
//! shows.

use std::{
    fs,
    path::Path,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    holder::hold,
    math::{median, number},
    process::{Memory, thread_cpu},
};
use crate::{
    StopOnDrop,
    agent::Agent,
    browser::{Browser, PROGRAM},
    door::{Scraped, Scraper, longest_gap, request, waiting},
    eventually,
    namespace::Namespace,
    servers::missing,
};

/// Time between two of its samples.
const INTERVAL: Duration = Duration::from_secs(1);

/// Scrapes of a diagnosis that nobody has scraped before.
const FRESH: u32 = 9;

/// Scrapers at once, each with a connection.
const SCRAPERS: usize = 8;

/// Those who do not read, and those who do not finish asking.
const IDLE: u32 = 20;

/// How often the page is opened.
const PAGES: u32 = 5;

/// Name of the thread that answers.
const THREAD: &str = "http";

/// The results.
#[derive(Clone, Debug)]
pub struct Scrapes {
    /// Number of peers, each with a connection.
    pub peers: u32,
    /// CPU time of a scrape for which the document is made, ms.
    pub fresh_ms: Option<f64>,
    /// CPU time of a scrape under load, ms.
    pub loaded_ms: Option<f64>,
    /// Scrapes a second under load.
    pub per_second: f64,
    /// How much longer than the interval the longest time between two samples was, ms.
    pub late_ms: f64,
    /// Memory before the load and after.
    pub memory: [Option<Memory>; 2],
    /// Time until the page shows something, ms; `None` without a browser.
    pub paint_ms: Option<f64>,
}

/// Measures with this number of peers, under load for as long as `stay`.
///
/// # Errors
/// If the evidence cannot be read.
///
/// # Panics
/// If not root, or if the agent does not answer.
pub fn measure(peers: u32, stay: Duration, scratch: &Path) -> Result<Scrapes, String> {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let evidence = scratch.join("agent");
    let place = evidence.to_str().ok_or("the path is no text")?;
    let interval = format!("{}ms", INTERVAL.as_millis());
    let room = (peers + 1000).to_string();
    let args = [
        "--direction",
        "inbound",
        "--interval",
        &interval,
        "--max-peers",
        &room,
        "--evidence",
        place,
    ];
    let agent = Agent::start(&namespace, &[&args[..], &["--keep-after", "1h"]].concat());
    let _held = hold(peers);
    let mut scraper = Scraper::new("");
    eventually("all peers to be counted", || {
        scraper
            .scrape()
            .is_some_and(|metrics| held(&metrics) >= f64::from(peers))
    });
    agent.signal(Signal::USR1);
    let fresh: Vec<f64> = (0..FRESH)
        .filter_map(|_| {
            thread::sleep(INTERVAL + INTERVAL / 10);
            cpu_ms(&agent, || scraper.scrape()).1
        })
        .collect();
    let before = Memory::of(agent.pid());
    let scraped = Scraped::default();
    let idle: Vec<_> = (0..IDLE)
        .flat_map(|_| {
            [
                waiting(&request("/api/diagnosis", "")),
                waiting("GET /metrics HTT"),
            ]
        })
        .collect();
    let begun = Instant::now();
    let (_, spent_ms) = cpu_ms(&agent, || {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| scraped.run(&stop, &[""; SCRAPERS]));
            let _stopping = StopOnDrop(&stop);
            thread::sleep(stay);
        });
    });
    let (answered, took) = (number(scraped.answered()), begun.elapsed().as_secs_f64());
    drop(idle);
    // What they held is given up with the next sample.
    thread::sleep(2 * INTERVAL);
    let after = Memory::of(agent.pid());
    let (gap, _) = longest_gap(&evidence);
    let paint_ms = missing(&[PROGRAM]).is_none().then(painted).flatten();
    let (_, errors) = agent.end();
    fs::remove_dir_all(&evidence).map_err(|error| format!("{error}: {errors}"))?;
    Ok(Scrapes {
        peers,
        fresh_ms: median(&fresh),
        loaded_ms: spent_ms.map(|spent| spent / answered),
        per_second: answered / took,
        late_ms: gap.saturating_sub(INTERVAL).as_secs_f64() * 1e3,
        memory: [before, after],
        paint_ms,
    })
}

/// Runs something, and says how much CPU time the thread that answers has used meanwhile, ms.
fn cpu_ms<T>(agent: &Agent, work: impl FnOnce() -> T) -> (T, Option<f64>) {
    let before = thread_cpu(agent.pid(), THREAD);
    let result = work();
    let spent = thread_cpu(agent.pid(), THREAD).zip(before);
    (
        result,
        spent.map(|(after, before)| (after - before).as_secs_f64() * 1e3),
    )
}

/// Connections that the metrics say are held.
fn held(metrics: &str) -> f64 {
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("tcpreuse_connections{"));
    let values = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    values.sum()
}

/// Time until a browser shows something of the page, ms.
fn painted() -> Option<f64> {
    let times: Vec<f64> = (0..PAGES)
        .filter_map(|_| {
            let mut browser = Browser::open(&format!("http://{}/", crate::agent::ADDRESS));
            let mut shown = None;
            eventually("the page", || {
                shown = browser
                    .value("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
                    .as_f64();
                shown.is_some()
            });
            shown
        })
        .collect();
    median(&times)
}

//! A crowd at the door of `serve`: those who scrape, those who ask and do not read, those who do not finish
//! asking, and those who only knock.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::{
    agent::ADDRESS,
    traffic::{allow_many_files, source},
};

/// How long one waits for a connection, or for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Scrapes a second that they attempt together.
pub const RATE: u32 = 1000;

/// The head of a request. `headers` end with a line break.
pub fn request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\n{headers}\r\n")
}

/// A connection, unless there is no room for it: the crowd itself must not wait.
fn connection() -> Option<TcpStream> {
    TcpStream::connect_timeout(&ADDRESS.parse().ok()?, PATIENCE).ok()
}

/// A connection on which this was sent and nothing is read.
pub fn waiting(request: &str) -> Option<TcpStream> {
    let stream = connection()?;
    (&stream).write_all(request.as_bytes()).ok()?;
    Some(stream)
}

/// Connections that are begun, however many of them are ever accepted.
///
/// # Panics
/// If the limit of open files cannot be raised.
pub fn knock(times: u64) -> Vec<Socket> {
    allow_many_files();
    let address: SocketAddr = ADDRESS.parse().expect("an address");
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

/// Asks for the metrics again and again, on a connection that is kept, as Prometheus does, or that the server
/// closes.
#[derive(Debug)]
pub struct Scraper {
    request: String,
    stream: Option<TcpStream>,
}

impl Scraper {
    /// One that sends these headers, each with a line break.
    pub fn new(headers: &str) -> Self {
        Self {
            request: request("/metrics", headers),
            stream: None,
        }
    }

    /// The whole answer; `None` if there was none in time.
    pub fn scrape(&mut self) -> Option<String> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connection()?,
        };
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(self.request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = stream.read(&mut buffer).ok()?;
            answer.extend_from_slice(buffer.get(..read)?);
            let whole = length(&answer);
            if whole.is_some_and(|whole| answer.len() >= whole) {
                self.stream = Some(stream).filter(|_| !self.request.contains("Connection: close"));
                return String::from_utf8(answer).ok();
            }
            if read == 0 {
                return None;
            }
        }
    }
}

/// The length of an answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(answer.get(..end)?).to_lowercase();
    let (_, rest) = head.split_once("content-length: ")?;
    let (body, _) = rest.split_once("\r\n")?;
    Some(end + body.parse::<usize>().ok()?)
}

/// What the scrapers of a crowd got.
#[derive(Debug, Default)]
pub struct Scraped {
    /// Answers with a document.
    pub served: AtomicU64,
    /// Refusals that say nothing else.
    pub refused: AtomicU64,
    /// Answers to somebody without the token that are more than a refusal.
    pub leaked: AtomicU64,
}

impl Scraped {
    /// All answers.
    pub fn answered(&self) -> u64 {
        let all = [&self.served, &self.refused, &self.leaked];
        all.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Scrapes until `stop` with one scraper for each of these headers, [`RATE`] a second in all while the
    /// machine is fast enough. Those without a header have no token.
    pub fn run(&self, stop: &AtomicBool, all: &[&str]) {
        let pause = Duration::from_secs(1) * u32::try_from(all.len()).unwrap_or(1) / RATE;
        thread::scope(|scope| {
            for headers in all {
                scope.spawn(move || {
                    let mut scraper = Scraper::new(headers);
                    let mut next = Instant::now();
                    while !stop.load(Ordering::Relaxed) {
                        // What is a little late is made up for; what falls far behind does not come in one
                        // burst.
                        let now = Instant::now();
                        next = next.max(now.checked_sub(PATIENCE / 10).unwrap_or(now)) + pause;
                        if let Some(answer) = scraper.scrape() {
                            self.note(&answer, headers.contains("Authorization"));
                        }
                        thread::sleep(next.saturating_duration_since(Instant::now()));
                    }
                });
            }
        });
    }

    fn note(&self, answer: &str, has_token: bool) {
        let is_refusal = answer.starts_with("HTTP/1.1 401 ") && !answer.contains("tcpreuse_");
        let count = match (is_refusal, has_token) {
            (true, _) => &self.refused,
            (false, true) => &self.served,
            (false, false) => &self.leaked,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The longest time between two samples in the evidence that is kept below a folder, and their number.
///
/// # Panics
/// If nothing is kept there.
pub fn longest_gap(place: &Path) -> (Duration, usize) {
    let mut kept = fs::read_dir(place.join("evidence-kept")).expect("kept evidence");
    let kept = kept.next().expect("kept evidence").expect("a directory").path();
    let journal = fs::read_to_string(kept.join("intervals.jsonl")).expect("a journal");
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
    (
        Duration::from_nanos(gaps.max().expect("two samples")),
        times.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(length(answer), Some(answer.len()));
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"), None);
    }
}

//! Requests the server's status while tracing continues.
//!
//! It has its own thread, since an answer may take seconds: a server without a free worker does not answer at
//! all. So the last answer is kept.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    model::{
        history::Trend,
        workers::{FINISHING, Workers},
    },
    server_status::{Limits, Status, StatusError, StatusUrl, fetch},
};

/// Time from an answer to the next request. Each request takes a worker for a moment.
const PACE: Duration = Duration::from_secs(10);

/// An older answer says nothing about how busy the server is now.
const FRESH: Duration = Duration::from_secs(25);

/// The server's latest answer about its workers. The thread behind it ends with the process, or with its next
/// answer once this is dropped.
pub(super) struct StatusWatch {
    answers: Receiver<Result<Status, StatusError>>,
    asked: Arc<Asked>,
    patience: Duration,
    latest: Option<(Instant, Status)>,
    /// The last maximum reported by a page. A graceful restart, as after each log rotation, hides it until
    /// the old workers have finished.
    maximum: Option<(u32, AtMost)>,
    /// The number of busy workers.
    busy: Trend,
    begun: Instant,
    port: u16,
    /// The last fault; it is reported once, until a different one occurs.
    fault: Option<String>,
    answered: bool,
}

/// Whether a maximum is only an upper bound.
type AtMost = bool;

/// The requests sent, so that their connections can be excluded.
#[derive(Default)]
struct Asked {
    from: OnceLock<Option<IpAddr>>,
    connections: AtomicU64,
}

impl StatusWatch {
    /// Starts sending requests.
    pub(super) fn start(url: StatusUrl) -> Self {
        let limits = Limits::default();
        let patience = limits.total + Duration::from_millis(500);
        // At most one answer waits; then the thread waits with it.
        let (send, answers) = sync_channel(1);
        let asked = Arc::new(Asked::default());
        let counted = Arc::clone(&asked);
        let port = url.port();
        let ask = move || {
            counted.from.get_or_init(|| url.source());
            loop {
                if send.send(fetch(&url, &limits, &counted.connections)).is_err() {
                    return;
                }
                thread::sleep(PACE);
            }
        };
        // Without a thread there are no answers, and the first wait reports that.
        let _ = thread::Builder::new().name("server-status".to_owned()).spawn(ask);
        Self {
            asked,
            patience,
            ..Self::of(answers, port)
        }
    }

    fn of(answers: Receiver<Result<Status, StatusError>>, port: u16) -> Self {
        Self {
            answers,
            asked: Arc::default(),
            patience: Duration::ZERO,
            latest: None,
            maximum: None,
            busy: Trend::default(),
            begun: Instant::now(),
            port,
            fault: None,
            answered: false,
        }
    }

    /// Takes in the answers, and returns a line about a new fault, if any.
    pub(super) fn news(&mut self) -> Option<String> {
        let mut news = None;
        while let Ok(answer) = self.answers.try_recv() {
            news = self.take(answer).or(news);
        }
        news
    }

    /// Waits for the first answer, if there has been none. Returns a line if it is a fault.
    pub(super) fn finish(&mut self) -> Option<String> {
        let news = self.news();
        if self.answered {
            return news;
        }
        match self.answers.recv_timeout(self.patience) {
            Ok(answer) => self.take(answer),
            Err(_) => Some("the server status did not arrive in time; continuing without it".to_owned()),
        }
    }

    /// The workers according to the last answer.
    pub(super) fn workers(&self) -> Option<Workers> {
        let (at, status) = self.latest.as_ref()?;
        let fresh = at.elapsed() <= FRESH;
        let (max, at_most) = self.maximum.unzip();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "workers, and a second has few answers"
        )]
        let per_1000s = |growth: f64| (growth * 1000.0).round() as i64;
        let always = Workers {
            max,
            at_most: at_most.unwrap_or(false),
            no_max: status.no_max(),
            mpm: status.mpm,
            version: status.version.clone(),
            port: Some(self.port),
            ..Workers::default()
        };
        if !fresh {
            return Some(always);
        }
        Some(Workers {
            busy: Some(status.busy),
            idle: Some(status.idle),
            states: states(status),
            finishing: Some(status.scoreboard.graceful),
            processes: status.processes,
            ending: status.processes.map(|_| status.stopping),
            connections: status.connections,
            uptime_s: status.uptime_s,
            busy_per_1000s: self.busy.per_second().map(per_1000s),
            ..always
        })
    }

    /// The address the server was asked from, and an upper bound of the number of connections used.
    pub(super) fn own_requests(&self) -> Option<(IpAddr, u64)> {
        let from = self.asked.from.get().copied().flatten()?;
        Some((from, self.asked.connections.load(Ordering::Relaxed)))
    }

    fn take(&mut self, answer: Result<Status, StatusError>) -> Option<String> {
        self.answered = true;
        match answer {
            Ok(status) => {
                let now = Instant::now();
                let since = now.saturating_duration_since(self.begun);
                let at_ns = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
                self.busy.add(at_ns, status.busy.into());
                let maximum = status.max_workers().map(|max| (max, status.at_most()));
                self.maximum = maximum.or(self.maximum);
                self.latest = Some((now, status));
                self.fault = None;
                None
            }
            Err(error) => {
                let text = format!("{error}; continuing without it");
                let new = self.fault.as_ref() != Some(&text);
                self.fault = Some(text.clone());
                new.then_some(text)
            }
        }
    }
}

/// The workers' states, most frequent first.
fn states(status: &Status) -> Vec<(Cow<'static, str>, u32)> {
    let board = &status.scoreboard;
    let mut states: Vec<(Cow<'static, str>, u32)> = [
        ("starting", board.starting),
        ("reading", board.reading),
        ("sending or holding a poll", board.sending),
        ("in keep-alive", board.keepalive),
        ("looking up names", board.dns),
        ("closing", board.closing),
        ("logging", board.logging),
        (FINISHING, board.graceful),
        ("ending", board.idle_cleanup),
    ]
    .into_iter()
    .filter(|(_, n)| *n > 0)
    .map(|(state, n)| (Cow::Borrowed(state), n))
    .collect();
    states.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    states
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::SyncSender;

    use super::*;
    use crate::{model::workers::NoMax, server_status::parse};

    const NORMAL: &str = "ServerMPM: event\nServerVersion: Apache/2.4.58\nServerUptimeSeconds: 60\n\
        BusyWorkers: 2\nIdleWorkers: 3\nProcesses: 1\nStopping: 0\nScoreboard: WW___.....\n";
    const RESTARTED: &str = "ServerMPM: event\nServerVersion: Apache/2.4.58\nServerUptimeSeconds: 1\n\
        BusyWorkers: 1\nIdleWorkers: 4\nProcesses: 2\nStopping: 1\nScoreboard: GG...W____.....\n";

    fn watch(pages: &[&str]) -> StatusWatch {
        let (send, answers): (SyncSender<Result<Status, StatusError>>, _) = sync_channel(pages.len());
        for page in pages {
            send.send(Ok(parse(page).unwrap())).unwrap();
        }
        let mut watch = StatusWatch::of(answers, 80);
        assert_eq!(watch.news(), None);
        watch
    }

    #[test]
    fn a_page_tells_the_workers() {
        let workers = watch(&[NORMAL]).workers().unwrap();
        assert_eq!(
            (workers.busy, workers.idle, workers.max),
            (Some(2), Some(3), Some(10))
        );
        assert_eq!((workers.no_max, workers.ending), (None, Some(0)));
        assert_eq!((workers.port, workers.uptime_s), (Some(80), Some(60)));
    }

    /// Each log rotation restarts a server gracefully, and long polls keep its old processes.
    #[test]
    fn a_graceful_restart_keeps_the_maximum_of_before() {
        let workers = watch(&[NORMAL, RESTARTED]).workers().unwrap();
        assert_eq!(
            (workers.busy, workers.idle, workers.max),
            (Some(1), Some(4), Some(10))
        );
        assert_eq!(workers.no_max, Some(NoMax::Ending));
        assert_eq!((workers.ending, workers.finishing), (Some(1), Some(2)));
    }

    #[test]
    fn without_a_page_of_before_there_is_no_maximum() {
        let workers = watch(&[RESTARTED]).workers().unwrap();
        assert_eq!((workers.busy, workers.max), (Some(1), None));
        assert_eq!(workers.no_max, Some(NoMax::Ending));
    }
}

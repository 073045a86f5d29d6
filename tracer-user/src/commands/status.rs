//! Asks the server for its status while tracing goes on.
//!
//! In a thread of its own, since the answer may take seconds: a server whose workers are all taken
//! does not answer at all. So what it said before is kept.

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
    model::workers::Workers,
    server_status::{Limits, Status, StatusError, StatusUrl, fetch},
};

/// From one answer to the next question. Each question takes a worker for a moment.
const PACE: Duration = Duration::from_secs(10);

/// An answer older than this says nothing of how busy the server is now.
const FRESH: Duration = Duration::from_secs(25);

/// The server's latest word on its workers. The thread behind it ends with the process, or with
/// its next answer once this is dropped.
pub(super) struct StatusWatch {
    answers: Receiver<Result<Status, StatusError>>,
    asked: Arc<Asked>,
    patience: Duration,
    latest: Option<(Instant, Status)>,
    /// What was said last; each fault is reported once until another one comes.
    fault: Option<String>,
    answered: bool,
}

/// What was sent, for whoever counts connections.
#[derive(Default)]
struct Asked {
    from: OnceLock<Option<IpAddr>>,
    times: AtomicU64,
}

impl StatusWatch {
    /// Starts to ask.
    pub(super) fn start(url: StatusUrl) -> Self {
        let limits = Limits::default();
        let patience = limits.total + Duration::from_millis(500);
        // One answer waits at most; the thread then waits with it.
        let (send, answers) = sync_channel(1);
        let asked = Arc::new(Asked::default());
        let counted = Arc::clone(&asked);
        let ask = move || {
            counted.from.get_or_init(|| url.source());
            loop {
                counted.times.fetch_add(1, Ordering::Relaxed);
                if send.send(fetch(&url, &limits)).is_err() {
                    return;
                }
                thread::sleep(PACE);
            }
        };
        // Without a thread there are no answers, and the first wait says so.
        let _ = thread::Builder::new().name("server-status".to_owned()).spawn(ask);
        Self {
            answers,
            asked,
            patience,
            latest: None,
            fault: None,
            answered: false,
        }
    }

    /// Takes in what has come, and gives a line to say when it is bad news that is new.
    pub(super) fn news(&mut self) -> Option<String> {
        let mut news = None;
        while let Ok(answer) = self.answers.try_recv() {
            news = self.take(answer).or(news);
        }
        news
    }

    /// Waits for the first answer if there has been none. Gives a line to say when that is bad news.
    pub(super) fn finish(&mut self) -> Option<String> {
        let news = self.news();
        if self.answered {
            return news;
        }
        match self.answers.recv_timeout(self.patience) {
            Ok(answer) => self.take(answer),
            Err(_) => Some("no server status in time; going on without it".to_owned()),
        }
    }

    /// The workers as last heard of.
    pub(super) fn workers(&self) -> Option<Workers> {
        let (at, status) = self.latest.as_ref()?;
        let fresh = at.elapsed() <= FRESH;
        Some(Workers {
            busy: fresh.then_some(status.busy),
            max: status.max_workers(),
            states: if fresh { states(status) } else { Vec::new() },
        })
    }

    /// From where and how often the server was asked, at most.
    pub(super) fn own_requests(&self) -> Option<(IpAddr, u64)> {
        let from = self.asked.from.get().copied().flatten()?;
        Some((from, self.asked.times.load(Ordering::Relaxed)))
    }

    fn take(&mut self, answer: Result<Status, StatusError>) -> Option<String> {
        self.answered = true;
        match answer {
            Ok(status) => {
                self.latest = Some((Instant::now(), status));
                self.fault = None;
                None
            }
            Err(error) => {
                let text = format!("{error}; going on without it");
                let new = self.fault.as_ref() != Some(&text);
                self.fault = Some(text.clone());
                new.then_some(text)
            }
        }
    }
}

/// The states that workers are in, those of most workers first.
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
        ("finishing", board.graceful),
        ("ending", board.idle_cleanup),
        ("of unknown state", board.unknown),
    ]
    .into_iter()
    .filter(|(_, n)| *n > 0)
    .map(|(state, n)| (Cow::Borrowed(state), n))
    .collect();
    states.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    states
}

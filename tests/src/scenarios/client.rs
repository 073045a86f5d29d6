//! One client at work. It goes on until its task is ended from outside, and closes all it has then.

mod acts;

use std::{
    convert::Infallible,
    future::pending,
    io::Result,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    behaviour::Behaviour,
    http::{Connection, Poll, Then},
};
use crate::random::Random;

/// After a failure, so that a dead server is not hammered.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// How long a reply may be overdue, beyond the hold. In some scenarios it waits in an accept queue.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than any scenario takes.
const FOREVER: Duration = Duration::from_secs(3600);

/// What the clients of a group did together, by their own count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Connects that succeeded.
    pub(super) opened: AtomicU64,
    /// Polls that were answered.
    pub(super) polls: AtomicU64,
    /// Connects and polls that failed without being meant to.
    pub(super) failed: AtomicU64,
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    source: IpAddr,
    server: SocketAddr,
    tally: Arc<Tally>,
    random: Random,
    /// Connections that its earlier behaviour has left.
    held: Vec<Connection>,
    /// When its present behaviour ends.
    until: Option<Instant>,
}

impl Client {
    pub(super) fn new(source: IpAddr, server: SocketAddr, tally: Arc<Tally>, seed: u64) -> Self {
        Self {
            source,
            server,
            tally,
            random: Random::new(seed),
            held: Vec::new(),
            until: None,
        }
    }

    /// Never returns, so that all it holds stays open until its task is ended.
    pub(super) async fn run(mut self, behaviour: Behaviour) -> Infallible {
        self.act(behaviour).await;
        pending().await
    }

    /// Behaves like this until its time is over or nothing is left to do.
    async fn act(&mut self, behaviour: Behaviour) {
        match behaviour {
            Behaviour::Then { first, lasts, second } => {
                let (outer, until) = (self.until, self.at_most(Instant::now() + lasts));
                self.until = Some(until);
                Box::pin(self.act(*first)).await;
                sleep_until(until).await;
                self.until = outer;
                Box::pin(self.act(*second)).await;
            }
            Behaviour::Reuse {
                connections,
                hold,
                pause,
                notices,
            } => self.pool(connections, hold, pause, notices).await,
            Behaviour::Fresh { hold, pause, asks } => self.fresh(hold, pause, asks).await,
            Behaviour::MeetLeak { one_in, hold, pause } => self.meet_leak(one_in, hold, pause).await,
            Behaviour::IdleClose {
                polls,
                hold,
                idle,
                pause,
                reset,
            } => self.idle_close(polls, hold, idle, pause, reset).await,
            Behaviour::Pile {
                at_once,
                every,
                most,
                hold,
                pause,
            } => self.pile(at_once, every, most, hold, pause).await,
            Behaviour::Members {
                members,
                stay,
                away,
                hold,
                pause,
            } => self.members(members, stay, away, hold, pause).await,
            Behaviour::Renew {
                connections,
                renewal,
                hold,
                pause,
            } => self.renew(connections, renewal, hold, pause).await,
            Behaviour::Load {
                least,
                most,
                course,
                hold,
                pause,
            } => self.load(least, most, course, hold, pause).await,
            Behaviour::Threads {
                threads,
                pool,
                hold,
                pause,
            } => self.threads(threads, pool, hold, pause).await,
            Behaviour::Stream {
                streams,
                apart,
                kind,
                every,
                pause,
            } => self.streams(streams, apart, kind, every, pause).await,
            Behaviour::Hoard { every, hold, closes } => self.hoard(every, hold, closes).await,
            Behaviour::HalfOpen {
                polls,
                hold,
                last_hold,
                patience,
            } => self.half_open(polls, hold, last_hold, patience).await,
            Behaviour::Forgotten {
                polls,
                hold,
                idle,
                patience,
            } => self.forgotten(polls, hold, idle, patience).await,
            Behaviour::GiveUp {
                polls,
                hold,
                patience,
                pause,
                reset,
            } => self.give_up(polls, hold, patience, pause, reset).await,
            Behaviour::Knock { every } => self.knock(every).await,
            Behaviour::Dribble { every } => self.dribble(every).await,
        }
    }

    /// Whether the time of its present behaviour is over.
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    /// A moment, or the end of its present behaviour if that comes first.
    fn at_most(&self, moment: Instant) -> Instant {
        self.until.map_or(moment, |until| until.min(moment))
    }

    /// The same client, for a task of its own, with one of the connections it has.
    fn beside(&mut self) -> Self {
        Self {
            held: self.held.pop().into_iter().collect(),
            until: self.until,
            source: self.source,
            server: self.server,
            tally: Arc::clone(&self.tally),
            random: Random::new(self.random.below(u64::MAX)),
        }
    }

    /// A tenth more or less.
    fn about(&mut self, time: Duration) -> Duration {
        time.mul_f64(0.9) + time.mul_f64(0.2).mul_f64(self.share())
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.random.below(1 << 20)).unwrap_or(0)) / f64::from(1 << 20)
    }

    async fn pause(&mut self, time: Duration) {
        let next = Instant::now() + self.about(time);
        sleep_until(self.at_most(next)).await;
    }

    /// Waits for several tasks. The connections that they leave are this client's again.
    async fn together(&mut self, all: JoinSet<Option<Connection>>) {
        self.held = all.join_all().await.into_iter().flatten().collect();
    }

    /// Waits up to a time, so that the clients of a group are not in step.
    pub(super) async fn wait_within(&mut self, time: Duration) {
        sleep(time.mul_f64(self.share())).await;
    }

    async fn open(&mut self) -> Option<Connection> {
        match Connection::open(self.source, self.server).await {
            Ok(connection) => {
                self.tally.opened.fetch_add(1, Ordering::Relaxed);
                Some(connection)
            }
            Err(_) => self.failed().await,
        }
    }

    async fn failed<T>(&self) -> Option<T> {
        self.tally.failed.fetch_add(1, Ordering::Relaxed);
        sleep(AFTER_FAILURE).await;
        None
    }

    async fn try_poll(&self, connection: &mut Connection, poll: Poll) -> Result<Then> {
        let then = timeout(poll.hold + PATIENCE, connection.poll(poll)).await??;
        self.tally.polls.fetch_add(1, Ordering::Relaxed);
        Ok(then)
    }

    /// Polls once; hands the connection back if it can be used again.
    async fn poll(&self, mut connection: Connection, poll: Poll) -> Option<Connection> {
        match self.try_poll(&mut connection, poll).await {
            Ok(Then::Keep) => Some(connection),
            Ok(Then::Close) => {
                // As clients do that are told so: they leave the first FIN to the server.
                let _ = timeout(AFTER_FAILURE, connection.ended()).await;
                None
            }
            Err(_) => self.failed().await,
        }
    }
}

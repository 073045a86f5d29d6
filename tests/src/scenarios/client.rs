//! A client at work. It runs until its task is aborted, which closes all its connections.

mod acts;

use std::{
    convert::Infallible,
    future::pending,
    io::Result,
    net::IpAddr,
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
    connection::{Connection, Poll, Then, Way},
};
use crate::random::Random;

/// Pause after a failure, so that clients do not hammer a dead server.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Time limit for a reply beyond the hold. It is long because in some scenarios connections wait in an accept
/// queue.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than any scenario.
const FOREVER: Duration = Duration::from_secs(3600);

/// The work done by the clients of a group, as counted by themselves.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Connects that succeeded.
    pub(crate) opened: AtomicU64,
    /// Polls answered.
    pub(crate) polls: AtomicU64,
    /// Connects and polls that failed unintentionally.
    pub(crate) failed: AtomicU64,
}

/// A client.
pub(crate) struct Client {
    source: IpAddr,
    way: Way,
    tally: Arc<Tally>,
    random: Random,
    /// Connections left over from the previous behaviour.
    held: Vec<Connection>,
    /// End of the current behaviour.
    until: Option<Instant>,
}

impl Client {
    pub(crate) fn new(source: IpAddr, way: Way, tally: Arc<Tally>, seed: u64) -> Self {
        Self {
            source,
            way,
            tally,
            random: Random::new(seed),
            held: Vec::new(),
            until: None,
        }
    }

    /// Ends whatever it does at a moment, with the connections that it then holds.
    pub(crate) fn until(self, moment: Instant) -> Self {
        Self {
            until: Some(moment),
            ..self
        }
    }

    /// Runs a behaviour and never returns, so that remaining connections stay open until the task is aborted.
    pub(crate) async fn run(mut self, behaviour: Behaviour) -> Infallible {
        self.act(behaviour).await;
        pending().await
    }

    /// Follows a behaviour until its time is over or nothing is left to do.
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

    /// Whether the time of the current behaviour is over.
    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    /// The earlier of `moment` and the end of the current behaviour.
    fn at_most(&self, moment: Instant) -> Instant {
        self.until.map_or(moment, |until| until.min(moment))
    }

    /// A copy of this client for another task, which takes over one of its connections.
    fn beside(&mut self) -> Self {
        Self {
            held: self.held.pop().into_iter().collect(),
            until: self.until,
            source: self.source,
            way: self.way.clone(),
            tally: Arc::clone(&self.tally),
            random: Random::new(self.random.below(u64::MAX)),
        }
    }

    /// Varies a time by up to ±10 %.
    fn about(&mut self, time: Duration) -> Duration {
        time.mul_f64(0.9) + time.mul_f64(0.2).mul_f64(self.share())
    }

    /// A random number from 0 up to 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.random.below(1 << 20)).unwrap_or(0)) / f64::from(1 << 20)
    }

    async fn pause(&mut self, time: Duration) {
        let next = Instant::now() + self.about(time);
        sleep_until(self.at_most(next)).await;
    }

    /// Waits for all tasks and takes back the connections they return.
    async fn together(&mut self, all: JoinSet<Option<Connection>>) {
        self.held = all.join_all().await.into_iter().flatten().collect();
    }

    /// Waits for a random part of `time`, so that the clients of a group do not run in step.
    pub(crate) async fn wait_within(&mut self, time: Duration) {
        sleep(time.mul_f64(self.share())).await;
    }

    async fn open(&mut self) -> Option<Connection> {
        match Connection::open(self.source, &self.way).await {
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

    /// Polls once; returns the connection if it can be used again.
    async fn poll(&self, mut connection: Connection, poll: Poll) -> Option<Connection> {
        match self.try_poll(&mut connection, poll).await {
            Ok(Then::Keep) => Some(connection),
            Ok(Then::Close) => {
                // Lets the server send the first FIN, as clients usually do after `Connection: close`.
                let _ = timeout(AFTER_FAILURE, connection.ended()).await;
                None
            }
            Err(_) => self.failed().await,
        }
    }
}

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
    time::{sleep, timeout},
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
}

impl Client {
    pub(super) fn new(source: IpAddr, server: SocketAddr, tally: Arc<Tally>, seed: u64) -> Self {
        Self {
            source,
            server,
            tally,
            random: Random::new(seed),
        }
    }

    /// Never returns, so that all it holds stays open until its task is ended.
    pub(super) async fn run(mut self, behaviour: Behaviour) -> Infallible {
        match behaviour {
            Behaviour::Reuse {
                connections,
                hold,
                pause,
                notices,
            } => {
                let mut pool = JoinSet::new();
                for _ in 0..connections {
                    pool.spawn(self.beside().reuse(hold, pause, notices));
                }
                pool.join_all().await;
            }
            Behaviour::Fresh { hold, pause, asks } => {
                let poll = Poll {
                    close: asks,
                    ..Poll::held(hold)
                };
                self.fresh(poll, pause).await;
            }
            Behaviour::MeetLeak { hold, pause } => {
                let poll = Poll {
                    path: "/leak",
                    ..Poll::held(hold)
                };
                self.fresh(poll, pause).await;
            }
            Behaviour::IdleClose {
                polls,
                hold,
                idle,
                pause,
                reset,
            } => self.idle_close(polls, hold, idle, pause, reset).await,
            Behaviour::Pile { every, hold, pause } => self.pile(every, hold, pause, None).await,
            Behaviour::Surge { after, every, hold } => {
                let steady = self.surge(after, hold).await;
                self.pile(every, hold, Duration::ZERO, steady).await;
            }
            Behaviour::HalfOpen {
                polls,
                hold,
                last_hold,
                patience,
            } => self.half_open(polls, hold, last_hold, patience).await,
            Behaviour::GiveUp {
                polls,
                hold,
                patience,
                pause,
                reset,
            } => loop {
                self.give_up(polls, hold, patience, reset).await;
                self.pause(pause).await;
            },
            Behaviour::Knock { every } => self.knock(every).await,
            Behaviour::Dribble { every } => self.dribble(every).await,
        }
        pending().await
    }

    /// The same client, to do something at the same time.
    fn beside(&mut self) -> Self {
        Self {
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
        let time = self.about(time);
        sleep(time).await;
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

//! One client at work. It goes on until its task is ended from outside, and closes all it has then.

use std::{
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
    time::{Instant, sleep, timeout},
};

use super::{
    behaviour::{Behaviour, Notices},
    cut,
    http::{Connection, Poll, Then},
};
use crate::random::Random;

/// After a failure, so that a dead server is not hammered.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Connections one client piles up at most.
const MOST_HELD: usize = 64;

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

    /// Never returns.
    pub(super) async fn run(mut self, behaviour: Behaviour) {
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
                hold,
                patience,
                pause,
                reset,
            } => self.give_up(hold, patience, pause, reset).await,
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

    async fn reuse(mut self, hold: Duration, pause: Duration, notices: Notices) {
        let mut kept: Option<Connection> = None;
        loop {
            let poll = Poll::held(self.about(hold));
            if let Some(mut connection) = kept.take() {
                // The server may have closed it meanwhile, and that is no failure.
                match self.try_poll(&mut connection, poll).await {
                    Ok(Then::Keep) => kept = Some(connection),
                    Ok(Then::Close) => {
                        let _ = timeout(AFTER_FAILURE, connection.ended()).await;
                        continue;
                    }
                    Err(_) => continue,
                }
            } else if let Some(connection) = self.open().await {
                kept = self.poll(connection, poll).await;
            }
            let next = Instant::now() + self.about(pause);
            if notices == Notices::AtOnce
                && let Some(connection) = &mut kept
                && tokio::time::timeout_at(next, connection.ended()).await.is_ok()
            {
                kept = None;
            }
            tokio::time::sleep_until(next).await;
        }
    }

    async fn fresh(&mut self, poll: Poll, pause: Duration) {
        loop {
            let hold = self.about(poll.hold);
            if let Some(connection) = self.open().await {
                drop(self.poll(connection, Poll { hold, ..poll }).await);
            }
            self.pause(pause).await;
        }
    }

    async fn idle_close(&mut self, polls: u32, hold: Duration, idle: Duration, pause: Duration, reset: bool) {
        loop {
            let mut kept = self.open().await;
            for _ in 0..polls {
                let poll = Poll::held(self.about(hold));
                if let Some(connection) = kept.take() {
                    kept = self.poll(connection, poll).await;
                }
            }
            sleep(idle).await;
            match kept {
                Some(connection) if reset => connection.reset(),
                other => drop(other),
            }
            self.pause(pause).await;
        }
    }

    /// Polls on one connection for a time, and hands it over.
    async fn surge(&mut self, after: Duration, hold: Duration) -> Option<Connection> {
        let until = Instant::now() + after;
        let mut kept = None;
        while Instant::now() < until {
            let poll = Poll::held(self.about(hold));
            kept = match kept {
                Some(connection) => self.poll(connection, poll).await,
                None => self.open().await,
            };
        }
        kept
    }

    async fn pile(&mut self, every: Duration, hold: Duration, pause: Duration, first: Option<Connection>) {
        let mut all = JoinSet::new();
        if let Some(first) = first {
            all.spawn(self.beside().go_on(first, hold, pause));
        }
        while all.len() < MOST_HELD {
            if let Some(connection) = self.open().await {
                all.spawn(self.beside().go_on(connection, hold, pause));
            }
            self.pause(every).await;
        }
        all.join_all().await;
    }

    async fn go_on(mut self, mut connection: Connection, hold: Duration, pause: Duration) {
        loop {
            let poll = Poll::held(self.about(hold));
            match self.poll(connection, poll).await {
                Some(kept) => connection = kept,
                None => return,
            }
            self.pause(pause).await;
        }
    }

    async fn half_open(&mut self, polls: u32, hold: Duration, last_hold: Duration, patience: Duration) {
        // What a client behind a dead way still has, it does not use any more.
        let mut dead = Vec::new();
        while dead.len() < MOST_HELD {
            let mut kept = self.open().await;
            for _ in 0..polls {
                let poll = Poll::held(self.about(hold));
                if let Some(connection) = kept.take() {
                    kept = self.poll(connection, poll).await;
                }
            }
            let Some(mut connection) = kept else { continue };
            let request = Poll::held(last_hold).request();
            if connection.send(request.as_bytes()).await.is_err() {
                continue;
            }
            let Ok(port) = connection.port() else { continue };
            // The request gets there and its reply does not.
            sleep(Duration::from_millis(50)).await;
            cut::off(self.source, port, self.server).await;
            dead.push(connection);
            self.pause(patience).await;
        }
    }

    async fn give_up(&mut self, hold: Duration, patience: Duration, pause: Duration, reset: bool) {
        loop {
            // The connect counts too: an overfull accept queue lets clients wait there.
            let attempt = async {
                let mut connection = Connection::open(self.source, self.server).await?;
                self.tally.opened.fetch_add(1, Ordering::Relaxed);
                let polled = timeout(patience, self.try_poll(&mut connection, Poll::held(hold))).await;
                if polled.is_err() && reset {
                    connection.reset();
                }
                Ok::<_, std::io::Error>(())
            };
            if timeout(2 * patience, attempt)
                .await
                .is_ok_and(|ended| ended.is_err())
            {
                self.failed::<()>().await;
            }
            self.pause(pause).await;
        }
    }

    async fn knock(&mut self, every: Duration) {
        loop {
            drop(self.open().await);
            self.pause(every).await;
        }
    }

    async fn dribble(&mut self, every: Duration) {
        loop {
            if let Some(mut connection) = self.open().await {
                for byte in Poll::held(Duration::ZERO).request().trim_end().bytes() {
                    if connection.send(&[byte]).await.is_err() {
                        break;
                    }
                    self.pause(every).await;
                }
            }
            self.pause(every).await;
        }
    }
}

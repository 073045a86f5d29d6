//! What a client does over and over, one function for each behaviour.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{AFTER_FAILURE, Client};
use crate::scenarios::{
    behaviour::Notices,
    cut,
    http::{Connection, Poll, Then},
};

/// Connections one client piles up at most.
const MOST_HELD: usize = 64;

impl Client {
    pub(super) async fn reuse(mut self, hold: Duration, pause: Duration, notices: Notices) {
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
                && timeout_at(next, connection.ended()).await.is_ok()
            {
                kept = None;
            }
            sleep_until(next).await;
        }
    }

    pub(super) async fn fresh(&mut self, poll: Poll, pause: Duration) {
        loop {
            let hold = self.about(poll.hold);
            if let Some(connection) = self.open().await {
                drop(self.poll(connection, Poll { hold, ..poll }).await);
            }
            self.pause(pause).await;
        }
    }

    pub(super) async fn idle_close(
        &mut self,
        polls: u32,
        hold: Duration,
        idle: Duration,
        pause: Duration,
        reset: bool,
    ) {
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
    pub(super) async fn surge(&mut self, after: Duration, hold: Duration) -> Option<Connection> {
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

    pub(super) async fn pile(
        &mut self,
        every: Duration,
        hold: Duration,
        pause: Duration,
        first: Option<Connection>,
    ) {
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

    pub(super) async fn half_open(
        &mut self,
        polls: u32,
        hold: Duration,
        last_hold: Duration,
        patience: Duration,
    ) {
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

    pub(super) async fn give_up(&mut self, polls: u32, hold: Duration, patience: Duration, reset: bool) {
        // The connect counts too: an overfull accept queue lets clients wait there.
        let opening = timeout(patience, Connection::open(self.source, self.server));
        let Ok(Ok(mut connection)) = opening.await else {
            let _: Option<()> = self.failed().await;
            return;
        };
        self.tally.opened.fetch_add(1, Ordering::Relaxed);
        let holds = (0..polls).map(|_| patience / 2).chain([hold]);
        for hold in holds {
            let polled = timeout(patience, self.try_poll(&mut connection, Poll::held(hold)));
            match polled.await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return,
                Err(_) if reset => return connection.reset(),
                Err(_) => return,
            }
        }
    }

    pub(super) async fn knock(&mut self, every: Duration) {
        loop {
            drop(self.open().await);
            self.pause(every).await;
        }
    }

    pub(super) async fn dribble(&mut self, every: Duration) {
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

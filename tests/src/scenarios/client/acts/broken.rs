//! Connections that are given up, forgotten, cut off or never closed.

use std::{future::pending, mem::take, sync::atomic::Ordering, time::Duration};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::Client;
use crate::scenarios::{
    connection::{Connection, Poll},
    cut,
    dialects::http1,
};

/// Upper limit for dead connections per client, because each takes two firewall rules.
const MOST_DEAD: usize = 64;

impl Client {
    pub(in super::super) async fn half_open(
        &mut self,
        polls: u32,
        hold: Duration,
        last_hold: Duration,
        patience: Duration,
    ) {
        // Dead connections stay open but unused.
        let mut dead = Vec::new();
        while dead.len() < MOST_DEAD && !self.is_over() {
            let Some(mut connection) = self.after_polls(polls, hold).await else {
                continue;
            };
            let request = http1::request(&Poll::held(last_hold));
            if connection.send(request.as_bytes()).await.is_err() {
                continue;
            }
            let Ok(port) = connection.port() else { continue };
            // The request arrives; its reply will not.
            sleep(Duration::from_millis(50)).await;
            cut::off(self.source, port, self.way.address).await;
            dead.push(connection);
            self.pause(patience).await;
        }
    }

    pub(in super::super) async fn forgotten(
        &mut self,
        polls: u32,
        hold: Duration,
        idle: Duration,
        patience: Duration,
    ) {
        for _ in 0..MOST_DEAD {
            if self.is_over() {
                break;
            }
            let Some(mut connection) = self.after_polls(polls, hold).await else {
                continue;
            };
            let Ok(port) = connection.port() else { continue };
            self.pause(idle / 2).await;
            cut::off(self.source, port, self.way.address).await;
            self.pause(idle / 2).await;
            // There is no reply, and neither side learns that the path is dead.
            let _ = timeout(patience, connection.poll(Poll::held(hold))).await;
        }
    }

    /// Opens a connection and makes some polls on it.
    async fn after_polls(&mut self, polls: u32, hold: Duration) -> Option<Connection> {
        let mut kept = self.open().await;
        for _ in 0..polls {
            let poll = Poll::held(self.about(hold));
            if let Some(connection) = kept.take() {
                kept = self.poll(connection, poll).await;
            }
        }
        kept
    }

    pub(in super::super) async fn give_up(
        &mut self,
        polls: u32,
        hold: Duration,
        patience: Duration,
        pause: Duration,
        reset: bool,
    ) {
        drop(take(&mut self.held));
        while !self.is_over() {
            self.give_up_once(polls, hold, patience, reset).await;
            self.pause(pause).await;
        }
    }

    async fn give_up_once(&mut self, polls: u32, hold: Duration, patience: Duration, reset: bool) {
        // The time limit includes the connect, which waits while the accept queue is full.
        let opening = timeout(patience, Connection::open(self.source, &self.way));
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

    pub(in super::super) async fn hoard(&mut self, every: Duration, hold: Duration, closes: bool) {
        drop(take(&mut self.held));
        let mut all = JoinSet::new();
        while !self.is_over() {
            let poll = Poll::held(self.about(hold));
            if let Some(connection) = self.open().await
                && let Some(mut connection) = self.poll(connection, poll).await
            {
                all.spawn(async move {
                    connection.ended().await;
                    if !closes {
                        pending::<()>().await;
                    }
                });
            }
            self.pause(every).await;
        }
    }
}

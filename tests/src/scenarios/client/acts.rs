//! What a client does repeatedly, one function per behaviour.

mod broken;
mod pools;
mod streams;

use std::{mem::take, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{AFTER_FAILURE, Client};
use crate::scenarios::{
    behaviour::Notices,
    connection::{Connection, Poll, Then},
    dialects::http1,
};

impl Client {
    pub(super) async fn pool(&mut self, connections: u16, hold: Duration, pause: Duration, notices: Notices) {
        let mut all = JoinSet::new();
        for _ in 0..connections {
            all.spawn(self.beside().reuse(hold, pause, notices));
        }
        // Closes connections left over from the previous behaviour.
        drop(take(&mut self.held));
        self.together(all).await;
    }

    async fn reuse(mut self, hold: Duration, pause: Duration, notices: Notices) -> Option<Connection> {
        let mut kept = self.held.pop();
        while !self.is_over() {
            let poll = Poll::held(self.about(hold));
            if let Some(mut connection) = kept.take() {
                // The server may have closed the connection meanwhile; that does not count as a failure.
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
            let next = self.at_most(next);
            if notices == Notices::AtOnce
                && let Some(connection) = &mut kept
                && timeout_at(next, connection.ended()).await.is_ok()
            {
                kept = None;
            }
            sleep_until(next).await;
        }
        kept
    }

    pub(super) async fn fresh(&mut self, hold: Duration, pause: Duration, asks: bool) {
        drop(take(&mut self.held));
        while !self.is_over() {
            let poll = Poll {
                close: asks,
                ..Poll::held(self.about(hold))
            };
            if let Some(connection) = self.open().await {
                drop(self.poll(connection, poll).await);
            }
            self.pause(pause).await;
        }
    }

    pub(super) async fn meet_leak(&mut self, one_in: u32, hold: Duration, pause: Duration) {
        let mut n = 0;
        while !self.is_over() {
            n += 1;
            let mut poll = Poll::held(self.about(hold));
            if n % one_in == 0 {
                poll.path = "/leak";
            }
            if let Some(connection) = self.open().await {
                drop(self.poll(connection, poll).await);
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
        while !self.is_over() {
            let mut kept = match self.held.pop() {
                Some(connection) => Some(connection),
                None => self.open().await,
            };
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

    pub(super) async fn pile(
        &mut self,
        at_once: u16,
        every: Duration,
        most: u16,
        hold: Duration,
        pause: Duration,
    ) {
        let mut all = JoinSet::new();
        while let Some(connection) = self.held.pop() {
            all.spawn(self.beside().go_on(connection, hold, pause));
        }
        while all.len() < usize::from(most) && !self.is_over() {
            if let Some(connection) = self.open().await {
                all.spawn(self.beside().go_on(connection, hold, pause));
            }
            if all.len() >= usize::from(at_once) {
                self.pause(every).await;
            }
        }
        self.together(all).await;
    }

    async fn go_on(
        mut self,
        mut connection: Connection,
        hold: Duration,
        pause: Duration,
    ) -> Option<Connection> {
        while !self.is_over() {
            let poll = Poll::held(self.about(hold));
            connection = self.poll(connection, poll).await?;
            self.pause(pause).await;
        }
        Some(connection)
    }

    pub(super) async fn knock(&mut self, every: Duration) {
        while !self.is_over() {
            drop(self.open().await);
            self.pause(every).await;
        }
    }

    pub(super) async fn dribble(&mut self, every: Duration) {
        while !self.is_over() {
            if let Some(mut connection) = self.open().await {
                for byte in http1::request(&Poll::held(Duration::ZERO)).trim_end().bytes() {
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

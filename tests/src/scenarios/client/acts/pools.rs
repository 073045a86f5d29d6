//! Addresses with several connections: users behind a NAT, and all kinds of pools.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::Client;
use crate::scenarios::{
    behaviour::{Course, Notices, Renewal},
    connection::{Connection, Poll},
};

/// Shortest stay of a user, as a multiple of the mean.
const SHORTEST_STAY: f64 = 0.2;

/// Longest stay, limited so that every user leaves within a short scenario.
const LONGEST_STAY: f64 = 2.5;

impl Client {
    pub(in super::super) async fn members(
        &mut self,
        members: u16,
        stay: Duration,
        away: Duration,
        hold: Duration,
        pause: Duration,
    ) {
        let mut all = JoinSet::new();
        for _ in 0..members {
            all.spawn(self.beside().member(stay, away, hold, pause));
        }
        self.together(all).await;
    }

    /// A sequence of users behind a NAT, each arriving after the previous one has left.
    async fn member(
        mut self,
        stay: Duration,
        away: Duration,
        hold: Duration,
        pause: Duration,
    ) -> Option<Connection> {
        while !self.is_over() {
            let times = -(1.0 - self.share()).ln();
            let stays = stay.mul_f64(times.clamp(SHORTEST_STAY, LONGEST_STAY));
            let leaves = self.at_most(Instant::now() + stays);
            let mut kept = self.open().await;
            while Instant::now() < leaves {
                let Some(connection) = kept.take() else { break };
                let poll = Poll::held(self.about(hold));
                kept = self.poll(connection, poll).await;
                // A user can leave at any time, not at a fixed time after a reply.
                let next = Instant::now() + self.about(pause);
                sleep_until(next.min(leaves)).await;
            }
            drop(kept);
            self.pause(away).await;
        }
        None
    }

    pub(in super::super) async fn renew(
        &mut self,
        connections: u16,
        renewal: Renewal,
        hold: Duration,
        pause: Duration,
    ) {
        let mut all = JoinSet::new();
        for _ in 0..connections {
            all.spawn(self.beside().renew_one(renewal, hold, pause));
        }
        self.together(all).await;
    }

    async fn renew_one(mut self, renewal: Renewal, hold: Duration, pause: Duration) -> Option<Connection> {
        while !self.is_over() {
            let (mut kept, opened, mut polls) = (self.open().await, Instant::now(), 0);
            while let Some(connection) = kept.take() {
                let poll = Poll::held(self.about(hold));
                kept = self.poll(connection, poll).await;
                polls += 1;
                let next = Instant::now() + self.about(pause);
                let closes = match renewal {
                    Renewal::Polls(most) => (polls >= most).then(Instant::now),
                    Renewal::Age(most) => (opened + most <= next).then_some(opened + most),
                };
                if let Some(closes) = closes {
                    sleep_until(closes).await;
                    // The next connection is opened only when the next poll is due.
                    kept = None;
                }
                sleep_until(self.at_most(next)).await;
                if self.is_over() {
                    break;
                }
            }
        }
        None
    }

    pub(in super::super) async fn load(
        &mut self,
        least: u16,
        most: u16,
        course: Course,
        hold: Duration,
        pause: Duration,
    ) {
        let mut all = JoinSet::new();
        let steps = f64::from(most.saturating_sub(least).max(1));
        for n in 1..=most {
            // The share of the load's rise at which this connection is needed; 0 means always.
            let share = f64::from(n.saturating_sub(least)) / steps;
            all.spawn(self.beside().on_demand(share, course, hold, pause));
        }
        self.together(all).await;
    }

    /// A connection of a pool that is open only while the load requires it.
    async fn on_demand(
        mut self,
        share: f64,
        course: Course,
        hold: Duration,
        pause: Duration,
    ) -> Option<Connection> {
        let begun = Instant::now();
        match course {
            Course::Rises(over) => {
                sleep_until(self.at_most(begun + over.mul_f64(share))).await;
                self.reuse(hold, pause, Notices::AtOnce).await
            }
            Course::Breathes(_) if share <= 0.0 => self.reuse(hold, pause, Notices::AtOnce).await,
            Course::Breathes(period) => {
                // All connections are needed shortly before the peak of the load.
                let rises = period.mul_f64(0.5).mul_f64(share * 0.9);
                let mut next = begun;
                while !self.is_over() {
                    sleep_until(self.at_most(next + rises)).await;
                    let mut beside = self.beside();
                    beside.until = Some(self.at_most(next + period - rises));
                    drop(beside.reuse(hold, pause, Notices::AtOnce).await);
                    next += period;
                }
                None
            }
        }
    }

    pub(in super::super) async fn threads(
        &mut self,
        threads: u16,
        size: u16,
        hold: Duration,
        pause: Duration,
    ) {
        let pool = Arc::new(Mutex::new(Vec::new()));
        let mut all = JoinSet::new();
        for _ in 0..threads {
            all.spawn(
                self.beside()
                    .thread(Arc::clone(&pool), usize::from(size), hold, pause),
            );
        }
        self.together(all).await;
    }

    async fn thread(
        mut self,
        pool: Arc<Mutex<Vec<Connection>>>,
        size: usize,
        hold: Duration,
        pause: Duration,
    ) -> Option<Connection> {
        while !self.is_over() {
            // Last in, first out, as in most pools.
            let idle = pool.lock().expect("a pool").pop();
            let connection = match idle {
                Some(connection) => Some(connection),
                None => self.open().await,
            };
            let poll = Poll::held(self.about(hold));
            if let Some(connection) = connection
                && let Some(connection) = self.poll(connection, poll).await
            {
                let mut pool = pool.lock().expect("a pool");
                if pool.len() < size {
                    pool.push(connection);
                }
            }
            // The wait varies widely because each thread waits for work independently.
            self.wait_within(pause * 2).await;
        }
        None
    }
}

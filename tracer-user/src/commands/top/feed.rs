//! Live samples for the view.

use std::collections::VecDeque;

use super::log::Messages;
use crate::{
    commands::{give_up_privileges, status::StatusWatch},
    diagnosis::Options,
    exit::Failure,
    kernel::{privileges::Role, settings::Settings},
    model::ended::Ended,
    server_status::StatusUrl,
    source::live::Live,
    view::{
        feed::{Feed, News},
        keeper::Batch,
    },
};

/// Maximum number of records kept between batches, latest first; they only illustrate, and the view keeps few
/// more in all.
const MAX_ENDED: usize = 4096;

/// Number of records read from the ring at a time.
const BATCH: usize = 1024;

/// Samples of this machine.
pub(super) struct LiveFeed {
    live: Live,
    status: Option<StatusWatch>,
    options: Options,
    ended: VecDeque<Ended>,
    notes: Vec<String>,
    messages: Option<Messages>,
}

impl LiveFeed {
    /// Attaches the programs.
    pub(super) fn start(
        settings: &Settings,
        options: Options,
        status_url: Option<StatusUrl>,
        messages: Option<Messages>,
    ) -> Result<Self, Failure> {
        let live = Live::start(settings)?;
        give_up_privileges(&Role::Tracing);
        Ok(Self {
            notes: live.limits(),
            live,
            status: status_url.map(StatusWatch::start),
            options,
            ended: VecDeque::new(),
            messages,
        })
    }
}

impl Feed for LiveFeed {
    fn next(&mut self) -> Result<News, Failure> {
        self.between();
        let sample = self.live.sample()?;
        if let Some(status) = &mut self.status {
            self.notes.extend(status.news());
            self.options.workers = status.workers();
            self.options.own_requests = status.own_requests();
        }
        if let Some(messages) = &self.messages {
            self.notes.extend(messages.take());
        }
        Ok(News::Batch(Box::new(Batch {
            sample,
            ended: std::mem::take(&mut self.ended).into(),
            options: self.options.clone(),
            notes: std::mem::take(&mut self.notes),
            replayed: None,
        })))
    }

    /// The ring has little room, so it is emptied often.
    fn between(&mut self) {
        // A failure here will be reported with the next sample.
        let _ = self.live.glance();
        loop {
            let ended = self.live.ended(BATCH);
            let last = ended.len() < BATCH;
            let surplus = (self.ended.len() + ended.len()).saturating_sub(MAX_ENDED);
            self.ended.drain(..surplus.min(self.ended.len()));
            self.ended.extend(ended);
            if last {
                return;
            }
        }
    }
}

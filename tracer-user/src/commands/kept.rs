//! What a live run keeps for a report of it.

use std::collections::VecDeque;

use anyhow::Context;
use hashbrown::HashMap;

use super::{
    record::{RING, drain::Drain},
    top::words::filters,
};
use crate::{
    diagnosis::{Diagnosis, Judge},
    exit::Failure,
    kernel::settings::Settings,
    model::{
        chronicle::{Chronicle, Point},
        ended::Ended,
        peer::PeerId,
        sample::Sample,
    },
    report::html::{Basis, Host, Material, to_prove},
    source::live::Live,
    view::keeper::past::Past,
};

/// The course of the run, and the latest connections of each peer.
pub(super) struct Kept {
    chronicle: Chronicle,
    past: Past,
    drain: Drain,
    traced: String,
}

impl Kept {
    /// What to trace with, so that there are records of ended connections.
    pub(super) fn settings(settings: Settings) -> Settings {
        Settings {
            records: Some(RING),
            ..settings
        }
    }

    /// Begins with the tracing.
    ///
    /// # Errors
    /// If the thread that takes the records cannot be started.
    pub(super) fn start(live: &mut Live, settings: &Settings) -> Result<Self, Failure> {
        Ok(Self {
            chronicle: Chronicle::default(),
            past: Past::new(settings.filter.prefixes()),
            drain: Drain::start(live.take_records()).context("cannot start a thread")?,
            traced: filters(&settings.filter),
        })
    }

    /// Takes in a sample with what was said about it.
    pub(super) fn look(&mut self, sample: &Sample, diagnosis: &Diagnosis) {
        self.past.add(self.drain.take());
        self.past.follow(sample);
        self.chronicle.add(point(sample, diagnosis));
    }

    /// What a report shows besides the last diagnosis.
    pub(super) fn material(mut self, sample: &Sample, judge: &Judge, diagnosis: &Diagnosis) -> Material {
        let mut ended = self.drain.finish();
        // What the last sample lists as open did not end before it.
        ended.retain(|one| one.closed_ns <= sample.taken.monotonic_ns);
        self.past.add(ended);
        self.past.follow(sample);
        self.chronicle.add(point(sample, diagnosis));
        let past = self.past.shared();
        let proven = to_prove(diagnosis).into_iter();
        let ended = proven.filter_map(|place| {
            let id = diagnosis.peers.get(place)?.id;
            Some((id, known(past.get(&id)?)))
        });
        let ended: HashMap<PeerId, Vec<Ended>> = ended.collect();
        let host = Host {
            name: None,
            sample,
            judge,
            chronicle: self.chronicle,
            ended,
        };
        let basis = Basis {
            facts: vec![("Traced", self.traced)],
            notes: vec!["Made by a live trace; nothing was recorded that could be checked later".to_owned()],
            files: Vec::new(),
        };
        Material::of(diagnosis, vec![host], basis)
    }
}

fn known(past: &VecDeque<Ended>) -> Vec<Ended> {
    past.iter().cloned().collect()
}

fn point(sample: &Sample, diagnosis: &Diagnosis) -> Point {
    let totals = sample.accounting.totals;
    let mut point = Point {
        at: sample.taken.utc_ns,
        open: sample.accounting.open_now,
        close_wait: sample.peers.iter().map(|peer| peer.counters.close_wait_now).sum(),
        never_accepted: diagnosis.listeners.iter().map(|now| now.never_accepted).sum(),
        moved: Some((totals.opened, totals.closed)),
        ..Point::default()
    };
    for now in &diagnosis.listeners {
        point.add_queue(now.backlog.accept_queue, now.backlog.accept_queue_limit);
    }
    for process in &diagnosis.capacity {
        if let (Some(busy), Some(max)) = (process.busy_workers, process.max_workers) {
            point.add_workers(busy.into(), max.into());
        }
    }
    point
}

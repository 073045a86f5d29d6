//! What a report of recordings shows besides the diagnosis.

use std::path::PathBuf;

use hashbrown::HashMap;

use super::{Answered, Asked};
use crate::{
    evidence::{
        extract::{Extract, Whose},
        join::{Group, Plan},
        load::Loaded,
    },
    exit::Failure,
    model::{chronicle::Chronicle, ended::Ended, peer::PeerId},
    report::html::{Basis, Host, Material, to_prove},
};

/// What directories have of one host.
#[derive(Default)]
struct OfHost {
    chronicle: Chronicle,
    ended: HashMap<PeerId, Vec<Ended>>,
}

impl Answered {
    /// What a report of it shows besides.
    ///
    /// # Errors
    /// If a recording cannot be read.
    pub(in crate::commands) fn material(&self, asked: &Asked<'_>) -> Result<Material, Failure> {
        let mut basis = Basis::default();
        let of_all = match &self.plan {
            Some(plan) => self.of_hosts(plan, asked, &mut basis)?,
            None => {
                let start = self.window_start();
                let until = self.loaded.sample.taken.utc_ns;
                let alone = self.of_host(&self.paths, asked, &mut basis, &Whose::One, (start, until))?;
                vec![(None, alone)]
            }
        };
        basis.notes.extend(self.loaded.notes.iter().cloned());
        if self.is_selection {
            let note = "Filters were given for the report: the course is that of all that was recorded, \
                        everything else is of the selection";
            basis.notes.push(note.to_owned());
        }
        let mut ended: HashMap<PeerId, Vec<Ended>> = HashMap::new();
        let mut chronicles = Vec::new();
        for (name, of_host) in of_all {
            chronicles.push((name, of_host.chronicle));
            for (id, more) in of_host.ended {
                ended.entry(id).or_default().extend(more);
            }
        }
        let Loaded { sample, judge, .. } = &self.loaded;
        let host = Host {
            name: None,
            sample,
            judge,
            chronicle: Chronicle::default(),
            ended,
        };
        Ok(Material::of(&self.diagnosis, vec![host], basis).with_chronicles(chronicles))
    }

    fn of_hosts(
        &self,
        plan: &Plan,
        asked: &Asked<'_>,
        basis: &mut Basis,
    ) -> Result<Vec<(Option<String>, OfHost)>, Failure> {
        let answered = |group: &&Group| self.diagnosis.hosts.iter().any(|host| *host.host == *group.host);
        let hosts = plan.groups.iter().filter(answered).map(|group| {
            let whose = Whose::Service {
                number: group.service,
                common: &|utc_ns| i128::from(group.common_ns(utc_ns)),
            };
            let found = self.of_host(&group.paths, asked, basis, &whose, (group.begin, group.end))?;
            Ok((Some(group.host.clone()), found))
        });
        hosts.collect()
    }

    fn of_host(
        &self,
        paths: &[PathBuf],
        asked: &Asked<'_>,
        basis: &mut Basis,
        whose: &Whose<'_>,
        (from, until): (i128, i128),
    ) -> Result<OfHost, Failure> {
        let mut found = OfHost::default();
        let mut extracts = Vec::new();
        for path in paths {
            extracts.push(Extract::open(path, asked.recording)?);
        }
        // Recordings of one host follow each other, and the last one shows single connections.
        extracts.sort_by_key(Extract::started);
        for mut extract in extracts {
            extract.chronicle(until, &mut found.chronicle)?;
            found.ended = extract.ended(&self.proven(), (from, until), whose)?;
            let of_this = extract.basis(asked.paths.len() == 1)?;
            basis.facts.extend(of_this.facts);
            basis.files.extend(of_this.files);
        }
        Ok(found)
    }

    /// The peers whose connections are shown.
    fn proven(&self) -> Vec<PeerId> {
        let places = to_prove(&self.diagnosis).into_iter();
        let peers = places.filter_map(|place| self.diagnosis.peers.get(place));
        let theirs = peers.filter(|peer| peer.host.is_none());
        theirs.map(|peer| peer.id).collect()
    }

    /// When the judged part of the last recording begins, UTC, ns.
    fn window_start(&self) -> i128 {
        let Loaded { sample, judge, .. } = &self.loaded;
        let start = judge.history().window().start().unwrap_or(sample.started);
        start.utc_ns
    }
}

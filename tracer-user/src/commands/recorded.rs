//! `tcpreuse diagnose --from`: the answer from recordings.

use std::{borrow::Cow, path::PathBuf};

use hashbrown::HashMap;

use super::{page::Target, print_of, progress::Progress};
use crate::{
    cli::{Diagnose, Server, SettingsFlags, Trace, values::Span},
    config,
    diagnosis::{Diagnosis, combine},
    evidence::{
        at::At,
        extract::Extract,
        load::{Loaded, Wanted, load_wanted},
        merge::by_host,
        select::{narrow, select},
    },
    exit::{Failure, Outcome},
    filter::Filter,
    kernel::privileges::Role,
    model::{chronicle::Chronicle, ended::Ended, names::Names, peer::PeerId},
    report::{
        Origin,
        html::{Basis, Host, Material, to_prove},
    },
};

/// What is asked of recordings.
pub(super) struct Asked<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) recording: Option<u32>,
    pub(super) at: Option<At>,
    pub(super) window_ns: Option<u64>,
    pub(super) trace: &'a Trace,
    pub(super) server: &'a Server,
    pub(super) settings: &'a SettingsFlags,
}

/// The answer, and what it was made from.
pub(super) struct Answered {
    pub(super) diagnosis: Diagnosis,
    pub(super) origin: Origin,
    hosts: Vec<Loaded>,
    is_selection: bool,
}

pub(super) fn run(args: &Diagnose) -> Result<Outcome, Failure> {
    args.output.refuse_metrics("--from")?;
    let target = Target::of_output(&args.output)?;
    let asked = Asked {
        paths: &args.from,
        recording: args.recording.recording,
        at: args.at,
        window_ns: args.window.map(Span::as_ns),
        trace: &args.trace,
        server: &args.server,
        settings: &args.settings,
    };
    let answered = answer(&asked)?;
    answered.say();
    let mut material = match target {
        Some(_) => answered.material(&asked)?,
        None => Material::default(),
    };
    material.first_aid = args.first_aid;
    print_of(&answered.diagnosis, &answered.origin, &args.output, &material)?;
    Ok(Outcome::of(&answered.diagnosis, args.exit_code))
}

/// Reads the recordings and judges them. The calling thread can open nothing else from then on.
pub(super) fn answer(asked: &Asked<'_>) -> Result<Answered, Failure> {
    if asked.server.server_status.is_some() {
        return Err(Failure::Usage(
            "--server-status asks a running server and cannot be used with a recording".to_owned(),
        ));
    }
    if asked.recording.is_some() && asked.paths.len() > 1 {
        return Err(Failure::Usage(
            "--recording chooses one of the recordings in a directory, but --from names several directories"
                .to_owned(),
        ));
    }
    let filter = asked.trace.selection();
    // Thresholds may come from a file too.
    let read = asked.paths.iter().chain(&asked.settings.config);
    super::give_up_privileges(&Role::Reading {
        files: read.cloned().collect(),
    });
    let wanted = Wanted {
        number: asked.recording,
        at: asked.at,
        window_ns: asked.window_ns,
    };
    let (mut all, mut names) = (Vec::<Loaded>::new(), Names::default());
    for path in asked.paths {
        let mut loaded = load_wanted(path, &wanted)?;
        select(&mut loaded.sample, &filter)?;
        let recorded = loaded.options.clone();
        loaded.options = asked.server.options_over(loaded.options);
        loaded.options.thresholds = config::of_recording(asked.settings, loaded.options.thresholds)?;
        if loaded.options != recorded {
            loaded.judge.reconsider();
        }
        names = names.with(loaded.options.names.all()).map_err(Failure::Usage)?;
        all.push(loaded);
    }
    // A peer is called the same on all hosts.
    let names = config::names_of_recording(asked.settings, &names)?;
    for loaded in &mut all {
        loaded.options.names = names.clone();
    }
    let hosts = by_host(all);
    let judged = hosts.iter().map(|host| {
        let diagnosis = host.judge.again(&host.sample, &host.options);
        (host.origin.host.clone(), diagnosis)
    });
    let mut diagnoses: Vec<_> = judged.collect();
    let diagnosis = match hosts.len() {
        0 | 1 => diagnoses.pop().map(|(_, diagnosis)| diagnosis),
        _ => combine(diagnoses),
    };
    let Some(mut diagnosis) = diagnosis else {
        return Err(Failure::Usage("--from needs a directory".to_owned()));
    };
    narrow(&mut diagnosis, &filter);
    Ok(Answered {
        diagnosis,
        origin: origin(&hosts),
        hosts,
        is_selection: filter != Filter::default(),
    })
}

/// What directories have of one host.
#[derive(Default)]
struct OfHost {
    chronicle: Chronicle,
    ended: HashMap<PeerId, Vec<Ended>>,
}

impl Answered {
    /// Tells the user what there is to know about the recordings.
    pub(super) fn say(&self) {
        let mut progress = Progress::new();
        for note in self.hosts.iter().flat_map(|host| &host.notes) {
            progress.say(note);
        }
    }

    /// What a report of it shows besides.
    ///
    /// # Errors
    /// If a recording cannot be read.
    pub(super) fn material(&self, asked: &Asked<'_>) -> Result<Material, Failure> {
        let is_alone = asked.paths.len() == 1;
        let mut basis = Basis::default();
        let mut found: HashMap<String, OfHost> = HashMap::new();
        let mut extracts = Vec::new();
        for path in asked.paths {
            extracts.push(Extract::open(path, asked.recording)?);
        }
        // Recordings of one host follow each other, and the last one shows single connections.
        extracts.sort_by_key(Extract::started);
        for mut extract in extracts {
            let Some(host) = self.hosts.iter().find(|host| host.origin.host == extract.host()) else {
                continue;
            };
            let of_host = found.entry(host.origin.host.clone()).or_default();
            extract.chronicle(host.sample.taken.utc_ns, &mut of_host.chronicle)?;
            let start = host
                .judge
                .history()
                .window()
                .start()
                .unwrap_or(host.sample.started);
            of_host.ended = extract.ended(&self.proven(host), (start.utc_ns, host.sample.taken.utc_ns))?;
            let of_this = extract.basis(is_alone)?;
            basis.facts.extend(of_this.facts);
            basis.files.extend(of_this.files);
        }
        let notes = self.hosts.iter().flat_map(|host| &host.notes);
        basis.notes.extend(notes.cloned());
        if self.is_selection {
            let note = "Filters were given for the report: the course is that of all that was recorded, \
                        everything else is of the selection";
            basis.notes.push(note.to_owned());
        }
        let several = self.hosts.len() > 1;
        let hosts = self.hosts.iter().map(|host| {
            let name = &host.origin.host;
            let OfHost { chronicle, ended } = found.remove(name).unwrap_or_default();
            Host {
                name: several.then_some(name.as_str()),
                sample: &host.sample,
                judge: &host.judge,
                chronicle,
                ended,
            }
        });
        Ok(Material::of(&self.diagnosis, hosts.collect(), basis))
    }

    /// The peers of a host whose connections are shown.
    fn proven(&self, host: &Loaded) -> Vec<PeerId> {
        let places = to_prove(&self.diagnosis).into_iter();
        let peers = places.filter_map(|place| self.diagnosis.peers.get(place));
        let theirs = peers.filter(|peer| peer.host.as_ref().is_none_or(|name| *name == host.origin.host));
        theirs.map(|peer| peer.id).collect()
    }
}

/// The hosts where they were made, all by name.
fn origin(hosts: &[Loaded]) -> Origin {
    let list = |of: fn(&Origin) -> &str| {
        let mut names: Vec<Cow<'_, str>> = hosts.iter().map(|host| of(&host.origin).into()).collect();
        names.dedup();
        names.join(", ")
    };
    Origin {
        host: list(|origin| &origin.host),
        kernel: list(|origin| &origin.kernel),
    }
}

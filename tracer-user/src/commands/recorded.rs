//! `tcpreuse diagnose --from`: the answer from recordings.

mod hosts;
mod lines;
mod material;
mod paths;

use std::{
    borrow::Cow,
    io::{self, Write},
    path::PathBuf,
};

use super::{page::Target, print_of, progress::Progress};
use crate::{
    cli::{Diagnose, Format, Server, SettingsFlags, Trace, values::Span},
    diagnosis::Diagnosis,
    evidence::{
        at::At,
        join::{Joined, Plan},
        load::Loaded,
        merge::by_host,
        select::narrow,
    },
    exit::{Failure, Outcome},
    filter::Filter,
    kernel::privileges::Role,
    report::{Origin, html::Material},
};

/// What is asked of recordings.
pub(super) struct Asked<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) recording: Option<u32>,
    pub(super) at: Option<At>,
    pub(super) window_ns: Option<u64>,
    /// The service that all hosts belong to, whatever their recordings say.
    pub(super) service: Option<&'a str>,
    pub(super) trace: &'a Trace,
    pub(super) server: &'a Server,
    pub(super) settings: &'a SettingsFlags,
}

/// The answer, and what it was made from.
pub(super) struct Answered {
    pub(super) diagnosis: Diagnosis,
    pub(super) origin: Origin,
    /// The recording, or those of all hosts together.
    loaded: Loaded,
    /// The hosts, if there are several.
    plan: Option<Plan>,
    /// The directories of a single host.
    paths: Vec<PathBuf>,
    is_selection: bool,
}

pub(super) fn run(args: &Diagnose) -> Result<Outcome, Failure> {
    args.output.refuse_metrics("--from")?;
    let target = Target::of_output(&args.output)?;
    let paths = paths::expand(&args.from);
    let asked = Asked {
        paths: &paths,
        recording: args.past.recording.recording,
        at: args.past.at,
        window_ns: args.window.map(Span::as_ns),
        service: args.service.as_deref(),
        trace: &args.trace,
        server: &args.server,
        settings: &args.settings,
    };
    let answered = answer(&asked)?;
    answered.say();
    if args.output.format == Format::Figures {
        let mut out = io::BufWriter::new(io::stdout().lock());
        lines::write(&mut out, &answered)?;
        out.flush()?;
        return Ok(Outcome::of(&answered.diagnosis, args.exit_code));
    }
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
    if asked.paths.len() < 2 {
        return alone(asked, asked.paths, &filter, Vec::new());
    }
    let (plan, refused) = Plan::of(asked.paths, &asked.wanted(), asked.service);
    let refused: Vec<Failure> = refused.into_iter().map(|(_, error)| error.into()).collect();
    match plan.groups.as_slice() {
        [] => Err(hosts::first(refused)),
        [group] => alone(asked, &group.paths, &filter, refused),
        _ => together(asked, plan, &filter, refused),
    }
}

/// The answer of one host, from one recording or several.
fn alone(
    asked: &Asked<'_>,
    paths: &[PathBuf],
    filter: &Filter,
    mut refused: Vec<Failure>,
) -> Result<Answered, Failure> {
    let (mut all, mut read) = (Vec::new(), Vec::new());
    for path in paths {
        match hosts::load(asked, path, filter) {
            Ok(loaded) => {
                all.push(loaded);
                read.push(path.clone());
            }
            Err(failure) => refused.push(failure),
        }
    }
    // A peer is called the same in all recordings.
    let names = hosts::names(asked, all.iter().map(|loaded| &loaded.options))?;
    for loaded in &mut all {
        loaded.options.names = names.clone();
    }
    let Some(mut loaded) = by_host(all).into_iter().next() else {
        return Err(hosts::first(refused));
    };
    let mut diagnosis = loaded.judge.again(&loaded.sample, &loaded.options);
    narrow(&mut diagnosis, filter);
    loaded.notes.extend(refused.iter().map(left_out));
    Ok(Answered {
        diagnosis,
        origin: loaded.origin.clone(),
        loaded,
        plan: None,
        paths: read,
        is_selection: *filter != Filter::default(),
    })
}

/// The answer of several hosts, joined.
fn together(
    asked: &Asked<'_>,
    plan: Plan,
    filter: &Filter,
    refused: Vec<Failure>,
) -> Result<Answered, Failure> {
    let (joined, more) = hosts::join(asked, &plan, filter)?;
    let Joined {
        sample,
        judge,
        mut diagnosis,
        origins,
        mut notes,
    } = joined;
    narrow(&mut diagnosis, filter);
    notes.extend(refused.iter().chain(&more).map(left_out));
    let origin = origin(&origins);
    Ok(Answered {
        loaded: Loaded {
            sample,
            judge,
            options: diagnosis.options.clone(),
            origin: origin.clone(),
            notes,
        },
        diagnosis,
        origin,
        plan: Some(plan),
        paths: Vec::new(),
        is_selection: *filter != Filter::default(),
    })
}

/// Says that a recording could not be read, where others could.
fn left_out(failure: &Failure) -> String {
    format!("LEFT OUT: {failure}")
}

impl Answered {
    /// Tells the user what there is to know about the recordings.
    pub(super) fn say(&self) {
        let mut progress = Progress::new();
        for note in &self.loaded.notes {
            progress.say(note);
        }
    }
}

/// The hosts where they were made, all by name.
fn origin(hosts: &[Origin]) -> Origin {
    let list = |of: fn(&Origin) -> &str| {
        let mut names: Vec<Cow<'_, str>> = hosts.iter().map(|host| of(host).into()).collect();
        names.dedup();
        names.join(", ")
    };
    Origin {
        host: list(|origin| &origin.host),
        kernel: list(|origin| &origin.kernel),
    }
}

//! `tcpreuse diagnose --from`: the answer from recordings.

use std::borrow::Cow;

use super::{print_of, progress::Progress};
use crate::{
    cli::{Diagnose, values::Span},
    config,
    diagnosis::combine,
    evidence::{
        load::{Loaded, Wanted, load_wanted},
        merge::by_host,
        select::{narrow, select},
    },
    exit::{Failure, Outcome},
    kernel::privileges::Role,
    report::Origin,
};

pub(super) fn run(args: &Diagnose) -> Result<Outcome, Failure> {
    if args.server.server_status.is_some() {
        return Err(Failure::Usage(
            "--server-status asks a running server and cannot be used with --from".to_owned(),
        ));
    }
    if args.recording.recording.is_some() && args.from.len() > 1 {
        return Err(Failure::Usage(
            "--recording chooses one of the recordings in a directory, but --from names several directories"
                .to_owned(),
        ));
    }
    args.output.refuse_metrics("--from")?;
    let filter = args.trace.selection();
    // Thresholds may come from a file too.
    let read = args.from.iter().chain(&args.settings.config);
    super::give_up_privileges(&Role::Reading {
        files: read.cloned().collect(),
    });
    let mut progress = Progress::new();
    let wanted = Wanted {
        number: args.recording.recording,
        at: args.at,
        window_ns: args.window.map(Span::as_ns),
    };
    let mut all: Vec<Loaded> = Vec::new();
    for path in &args.from {
        let mut loaded = load_wanted(path, &wanted)?;
        select(&mut loaded.sample, &filter)?;
        let recorded = loaded.options.clone();
        loaded.options = args.server.options_over(loaded.options);
        loaded.options.thresholds = config::of_recording(&args.settings, loaded.options.thresholds)?;
        if loaded.options != recorded {
            loaded.judge.reconsider();
        }
        all.push(loaded);
    }
    let hosts = by_host(all);
    for note in hosts.iter().flat_map(|host| &host.notes) {
        progress.say(note);
    }
    let origin = origin(&hosts);
    let several = hosts.len() > 1;
    let mut diagnoses: Vec<_> = hosts
        .into_iter()
        .map(|host| (host.origin.host, host.judge.again(&host.sample, &host.options)))
        .collect();
    let diagnosis = if several {
        combine(diagnoses)
    } else {
        diagnoses.pop().map(|(_, diagnosis)| diagnosis)
    };
    let Some(mut diagnosis) = diagnosis else {
        return Err(Failure::Usage("--from needs a directory".to_owned()));
    };
    narrow(&mut diagnosis, &filter);
    print_of(&diagnosis, &origin, &args.output)?;
    Ok(Outcome::of(&diagnosis, args.exit_code))
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

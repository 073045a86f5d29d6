//! `tcpreuse diagnose`: trace for a while, then answer.

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::{MissedTickBehavior, interval};

use super::{kept::Kept, page::Target, print, print_metrics, progress::Progress, status::StatusWatch};
use crate::{
    cli::{Diagnose, Format, values::Span},
    config,
    diagnosis::{Diagnosis, Judge, Options, words},
    exit::{Failure, Outcome},
    kernel::{privileges::Role, settings::Settings},
    report::{html::Material, openmetrics::Counted},
    source::live::Live,
    stop::{Stop, event_loop},
    view::theme::environment,
};

/// How often it looks between samples how busy connections are.
pub(super) const GLANCE_EVERY: Duration = Duration::from_millis(200);

/// Runs the command.
///
/// # Errors
/// If tracing is impossible or the answer cannot be written.
pub fn run(args: &Diagnose) -> Result<Outcome, Failure> {
    super::log_to_stderr(args.trace.verbose);
    if args.first_aid && !matches!(args.output.format, Format::Text | Format::Html) {
        return Err(Failure::Usage(
            "--first-aid prints commands for people: use --format text or html".to_owned(),
        ));
    }
    if !args.from.is_empty() {
        return super::recorded::run(args);
    }
    if args.past.recording.recording.is_some() {
        return Err(Failure::Usage(
            "--recording chooses one of the recordings in a directory: add --from DIR".to_owned(),
        ));
    }
    if args.past.at.is_some() {
        return Err(Failure::Usage(
            "--at is a moment of a recording: add --from DIR".to_owned(),
        ));
    }
    let runtime = event_loop()?;
    // A report that would go nowhere is refused before the tracing.
    let is_report = Target::of_output(&args.output)?.is_some();
    let traced = runtime.block_on(trace(args, is_report))?;
    let outcome = Outcome::of(&traced.diagnosis, args.exit_code);
    match args.output.format.metrics() {
        Some(style) => print_metrics(traced.diagnosis, traced.counted, style)?,
        None => print(&traced.diagnosis, &args.output, &traced.material)?,
    }
    Ok(outcome)
}

/// What a trace came to.
struct Traced {
    diagnosis: Diagnosis,
    counted: Counted,
    /// For a report; empty unless one was asked for.
    material: Material,
}

async fn trace(args: &Diagnose, is_report: bool) -> Result<Traced, Failure> {
    // Before the programs load, so that no signal is lost in the meantime.
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let status_url = args.server.status_url()?;
    let options = config::options_of_run(&args.server, &args.trace, &args.settings, environment)?;
    let mut settings = settings(args)?;
    if is_report {
        settings = Kept::settings(settings);
    }
    let mut live = Live::start(&settings)?;
    super::give_up_privileges(&Role::Tracing);
    let mut kept = match is_report {
        true => Some(Kept::start(&mut live, &settings)?),
        false => None,
    };
    let mut status = status_url.map(StatusWatch::start);
    let (begun, duration) = (Instant::now(), args.duration.0);
    let mut progress = Progress::new();
    for limit in live.limits() {
        progress.say(&limit);
    }
    let mut judge = Judge::new(args.window.map(Span::as_ns));
    let mut tick = interval(args.interval.0);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut glances = interval(GLANCE_EVERY);
    glances.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let deadline = tokio::time::sleep(duration);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            () = &mut deadline => break,
            _ = tick.tick() => {
                let sample = live.sample()?;
                let diagnosis = judge.look(&sample, &told(&options, status.as_ref()));
                if let Some(kept) = &mut kept {
                    kept.look(&sample, &diagnosis);
                }
                let counted = sample.accounting.totals;
                progress.update(begun.elapsed(), &format!(
                    "tracing, {} of {}: {} opened, {} closed, {} open (Ctrl-C answers now)",
                    words::duration(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)),
                    words::duration(args.duration.as_ns()),
                    words::number(counted.opened),
                    words::number(counted.closed),
                    words::number(counted.open_now()),
                ));
                if let Some(news) = status.as_mut().and_then(StatusWatch::news) {
                    progress.say(&news);
                }
            }
            _ = glances.tick() => live.glance()?,
        }
    }
    let sample = live.sample()?;
    if let Some(news) = status.as_mut().and_then(StatusWatch::finish) {
        progress.say(&news);
    }
    let options = told(&options, status.as_ref());
    let mut counted = Counted::default();
    counted.look(&sample, &options);
    let diagnosis = judge.conclude(&sample, &options);
    let mut material = kept
        .map(|kept| kept.material(&sample, &judge, &diagnosis))
        .unwrap_or_default();
    material.first_aid = args.first_aid;
    Ok(Traced {
        diagnosis,
        counted,
        material,
    })
}

/// What to load. What is judged is not forgotten before the end.
fn settings(args: &Diagnose) -> Result<Settings, Failure> {
    let window = args.window.unwrap_or(args.duration);
    Ok(args.trace.settings()?.retaining(window.as_ns()))
}

/// What is known beside the counters.
fn told(options: &Options, status: Option<&StatusWatch>) -> Options {
    Options {
        workers: status.and_then(StatusWatch::workers),
        own_requests: status.and_then(StatusWatch::own_requests),
        ..options.clone()
    }
}

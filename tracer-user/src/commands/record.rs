//! `tcpreuse record`: writes evidence to disk while it runs, and a diagnosis at the end.

pub(super) mod drain;
pub(super) mod rows;
mod sink;

use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::time::{MissedTickBehavior, interval};

use self::{drain::Drain, rows::Rows, sink::Sink};
use super::{print, progress::Progress, status::StatusWatch};
use crate::{
    cli::{Format, Output, Record, RecordFormat},
    config,
    diagnosis::{Diagnosis, Judge, Options, words},
    evidence::recording::Block,
    exit::{Failure, Outcome},
    kernel::{privileges::Role, settings::Settings},
    model::{ended::Ended, sample::Sample},
    report::{Origin, html::Material, json, text},
    source::live::Live,
    stop::{Stop, event_loop},
    text::sanitise,
    view::theme::environment,
};

/// Records in the ring: three seconds of 40,000 ends each. 19 MB of kernel memory.
pub(super) const RING: u32 = 1 << 17;

/// How often records become rows. In between, they wait in memory.
const ROWS_EVERY: Duration = Duration::from_millis(100);

/// Runs the command.
///
/// # Errors
/// If tracing is impossible, or the evidence cannot be written completely.
pub fn run(args: &Record) -> Result<Outcome, Failure> {
    super::log_to_stderr(args.trace.verbose);
    args.owner.take_over()?;
    let runtime = event_loop()?;
    runtime.block_on(record(args))
}

async fn record(args: &Record) -> Result<Outcome, Failure> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let status_url = args.server.status_url()?;
    let settings = Settings {
        records: Some(RING),
        ..args.trace.settings()?.retaining(args.window.as_ns())
    };
    let options = config::options_of_run(&args.server, &args.trace, &args.settings, environment)?;
    let sink = Sink::open(args, &settings, &options)?;
    let live = match Live::start(&settings) {
        Ok(live) => live,
        Err(error) => {
            sink.discard();
            return Err(error.into());
        }
    };
    super::give_up_privileges(&Role::Tracing);
    let mut sink = sink.begin(live.started())?;
    let mut run = Run::new(args, options, live, settings, status_url.map(StatusWatch::start))?;
    let mut tick = interval(args.interval.0);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut rows = interval(ROWS_EVERY);
    rows.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let deadline = tokio::time::sleep(args.duration.map_or(Duration::MAX, |span| span.0));
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            () = &mut deadline, if args.duration.is_some() => break,
            _ = tick.tick() => {
                run.interval(&mut sink)?;
                if sink.is_full(args.max_size)? {
                    run.progress.say("the files have reached --max-size: stopping here");
                    break;
                }
            }
            _ = rows.tick() => {
                run.live.glance()?;
                run.rows(&mut sink)?;
            }
        }
    }
    run.finish(sink)
}

/// A run of the command.
struct Run<'a> {
    args: &'a Record,
    options: Options,
    live: Live,
    drain: Drain,
    rows: Rows,
    status: Option<StatusWatch>,
    judge: Judge,
    progress: Progress,
    begun: Instant,
}

impl<'a> Run<'a> {
    fn new(
        args: &'a Record,
        options: Options,
        mut live: Live,
        settings: Settings,
        status: Option<StatusWatch>,
    ) -> Result<Self, Failure> {
        let drain = Drain::start(live.take_records()).context("cannot start a thread")?;
        let mut progress = Progress::unhurried();
        for limit in live.limits() {
            progress.say(&limit);
        }
        Ok(Self {
            rows: Rows::new(
                live.started(),
                live.tracer().known(),
                settings.filter,
                args.server.usual.expect_peers.clone(),
            ),
            args,
            options,
            live,
            drain,
            status,
            judge: Judge::new(Some(args.window.as_ns())),
            progress,
            begun: Instant::now(),
        })
    }

    /// Takes a sample and judges it.
    fn look(&mut self, sink: &Sink) -> Result<(Sample, Options, Diagnosis), Failure> {
        let mut sample = self.live.sample()?;
        sample.losses.rows_not_written = sink.rows_not_written();
        let mut options = self.options.clone();
        if let Some(status) = &mut self.status {
            options.workers = status.workers();
            options.own_requests = status.own_requests();
        }
        let diagnosis = self.judge.look(&sample, &options);
        self.rows.learn(&diagnosis, &sample);
        Ok((sample, options, diagnosis))
    }

    fn interval(&mut self, sink: &mut Sink) -> Result<(), Failure> {
        let (sample, options, diagnosis) = self.look(sink)?;
        self.rows(sink)?;
        sink.interval(&Block {
            sample: &sample,
            judge: &self.judge,
            options: &options,
            diagnosis: &diagnosis,
        });
        self.say(sink, &sample);
        Ok(())
    }

    /// Turns records into rows.
    fn rows(&mut self, sink: &mut Sink) -> Result<(), Failure> {
        if self.rows.is_ready() {
            let ended = self.drain.take();
            self.write(sink, &ended)?;
            sink.flush()?;
        }
        Ok(())
    }

    fn write(&mut self, sink: &mut Sink, ended: &[Ended]) -> Result<(), Failure> {
        let rows = ended
            .iter()
            .map(|one| self.rows.ended(one, |pid| self.live.comm(pid)));
        sink.rows(rows.collect())?;
        Ok(())
    }

    fn say(&mut self, sink: &mut Sink, sample: &Sample) {
        if let Some(news) = self.status.as_mut().and_then(StatusWatch::news) {
            self.progress.say(&news);
        }
        let lost = text::lost(&sample.losses);
        if let Sink::Folder(folder) = sink {
            folder.news().iter().for_each(|news| self.progress.say(news));
        }
        let elapsed = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let of = self.args.duration.map_or_else(String::new, |span| {
            format!(" of {}", words::duration(span.as_ns()))
        });
        let counted = sample.accounting.totals;
        let lost = match lost.is_empty() {
            true => "nothing lost".to_owned(),
            false => format!("not covered: {}", lost.join("; ")),
        };
        self.progress.update(
            self.begun.elapsed(),
            &format!(
                "recording, {}{of}: {}; {} opened, {} closed, {} open; {lost} (Ctrl-C stops)",
                words::duration(elapsed),
                sink.written(),
                words::number(counted.opened),
                words::number(counted.closed),
                words::number(counted.open_now()),
            ),
        );
    }

    fn finish(mut self, mut sink: Sink) -> Result<Outcome, Failure> {
        if let Some(news) = self.status.as_mut().and_then(StatusWatch::finish) {
            self.progress.say(&news);
        }
        let (sample, options, diagnosis) = self.look(&sink)?;
        let mut ended = self.drain.finish();
        // The counters do not include what ended later.
        ended.retain(|one| one.closed_ns <= sample.taken.monotonic_ns);
        self.write(&mut sink, &ended)?;
        let Sink::Folder(folder) = &mut sink else {
            self.say_end(&sink, &sample);
            return Ok(sink.flush().map(|()| Outcome::Done)?);
        };
        let open = self.rows.open(&sample, &ended, |pid| self.live.comm(pid));
        folder.writer.connections(open.collect());
        let mut report = Vec::new();
        json::write(&mut report, &diagnosis, &Origin::this_machine())?;
        folder.writer.finish(
            &Block {
                sample: &sample,
                judge: &self.judge,
                options: &options,
                diagnosis: &diagnosis,
            },
            report,
        );
        // A disk that hangs does not keep the answer back.
        folder.wait();
        folder.news().iter().for_each(|news| self.progress.say(news));
        self.say_end(&sink, &sample);
        let printed = print(&diagnosis, &self.output(), &Material::default());
        if let Sink::Folder(folder) = &sink
            && let Some(incomplete) = folder.end()
        {
            return Err(Failure::NotWritten(incomplete));
        }
        printed?;
        Ok(Outcome::Done)
    }

    fn say_end(&mut self, sink: &Sink, sample: &Sample) {
        let mut losses = sample.losses;
        losses.rows_not_written = sink.rows_not_written();
        let lost = text::lost(&losses);
        let lost = match lost.is_empty() {
            true => "nothing was lost".to_owned(),
            false => format!("not covered: {}", lost.join("; ")),
        };
        let place = match sink {
            Sink::Folder(folder) => format!(" in {}", sanitise(&folder.path.to_string_lossy())),
            Sink::New(..) | Sink::Stdout(..) => String::new(),
        };
        self.progress
            .say(&format!("recorded {}{place}; {lost}", sink.written()));
    }

    fn output(&self) -> Output {
        Output {
            format: match self.args.format {
                Some(RecordFormat::Json) => Format::Json,
                _ => Format::Text,
            },
            colours: self.args.colours,
        }
    }
}

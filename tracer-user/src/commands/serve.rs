//! `tcpreuse serve`: traces for good. One loop owns everything; others see what it publishes.

mod recorder;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};

use self::recorder::Recorder;
use super::{diagnose::GLANCE_EVERY, progress::Progress, record::RING, status::StatusWatch};
use crate::{
    cli::Serve,
    config,
    diagnosis::{Judge, Options},
    evidence::recording::Block,
    exit::{Failure, Outcome},
    kernel::{clock, privileges::Role, settings::Settings},
    report::{Origin, openmetrics::Counted, text},
    serve::{
        door::{self, Address, Door},
        events::Teller,
        http::{self, Serving},
        keeping::{Promise, Reason},
        latest::{Course, Latest},
        secrets::Secrets,
        systemd::Systemd,
    },
    source::live::Live,
    stop::event_loop,
    view::theme::environment,
};

/// A diagnosis is late when it is older than this and three intervals.
const LATE: Duration = Duration::from_secs(10);

/// Requests to keep evidence that may wait.
const MAX_ASKED: usize = 16;

/// Runs the command.
///
/// # Errors
/// If tracing is impossible, or it cannot listen where it should.
pub fn run(args: &Serve) -> Result<Outcome, Failure> {
    super::log_to_stderr(args.trace.verbose);
    args.owner.take_over()?;
    let runtime = event_loop()?;
    runtime.block_on(serve(args))
}

async fn serve(args: &Serve) -> Result<Outcome, Failure> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let status_url = args.server.status_url()?;
    let options = config::options_of_run(&args.server, &args.trace, &args.settings, environment)?;
    let secrets = secrets(args)?;
    let doors = doors(&args.listen, &secrets)?;
    let settings = args.trace.settings()?;
    let flight = recorder::open(args, &settings, &options)?;
    let settings = Settings {
        records: flight.is_some().then_some(RING),
        ..settings
    };
    let mut progress = Progress::unhurried();
    let addresses: Vec<String> = doors
        .iter()
        .filter_map(|door| Some(door.address().ok()?.to_string()))
        .collect();
    let mut live = Live::start(&settings)?;
    super::give_up_privileges(&Role::Tracing);
    let (publish, latest) = watch::channel(None);
    let (renew, secrets) = watch::channel(Arc::new(secrets));
    let (ask, mut asked) = mpsc::channel(MAX_ASKED);
    let serving = Serving {
        doors,
        latest,
        secrets,
        metrics_peers: args.metrics_peers,
        stale_after: LATE + args.interval.0 * 3,
        keep: flight.is_some().then_some(ask),
    };
    for limit in live.limits() {
        progress.say(&limit);
    }
    let recorder = match flight {
        Some(flight) => {
            Some(Recorder::begin(flight, args, settings, &mut live).context("cannot start a thread")?)
        }
        None => {
            progress.say("without --evidence, nothing is recorded and no evidence is kept");
            None
        }
    };
    let origin = Origin::this_machine();
    let mut agent = Agent {
        teller: Teller::start(&origin, args.webhook.clone()).context("cannot start a thread")?,
        options,
        live,
        status: status_url.map(StatusWatch::start),
        judge: Judge::new(Some(args.window.as_ns())),
        counted: Counted::default(),
        course: Course::default(),
        number: 0,
        origin: Arc::new(origin),
        publish,
        systemd: Systemd::new(),
        progress,
        recorder,
    };
    if agent.recorder.is_some() {
        agent.counted.expect_records();
    }
    agent.look(false)?;
    // Requests wait until there is something to answer, also the one for which systemd starts the service.
    http::start(serving).context("cannot serve")?;
    agent
        .progress
        .say(&format!("tracing; listening on {}", addresses.join(", ")));
    agent.systemd.ready();
    let mut tick = interval(args.interval.0);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tick.reset();
    let mut glances = interval(GLANCE_EVERY);
    glances.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            order = signals.next() => match order {
                Order::End => break,
                Order::Reload => {
                    agent.systemd.reloading();
                    agent.reload(args, &renew);
                    agent.systemd.ready();
                }
                Order::Keep => {
                    agent.keep(Reason::Signal);
                }
            },
            Some(answer) = asked.recv() => {
                if let Some(promise) = agent.keep(Reason::Request) {
                    // Who asked may have gone.
                    let _ = answer.send(promise);
                }
            }
            _ = tick.tick() => agent.look(false)?,
            _ = glances.tick() => {
                agent.live.glance()?;
                if let Some(recorder) = &mut agent.recorder {
                    recorder.rows(&agent.live, &mut agent.counted);
                }
            }
        }
        agent.systemd.alive();
    }
    agent.systemd.stopping();
    if agent.recorder.is_some() {
        agent.look(true)?;
    }
    agent.teller.end();
    Ok(Outcome::Done)
}

/// What a signal means.
enum Order {
    End,
    Reload,
    Keep,
}

/// The signals it obeys.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    keep: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            keep: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.interrupt.recv() => Order::End,
            _ = self.terminate.recv() => Order::End,
            _ = self.hangup.recv() => Order::Reload,
            _ = self.keep.recv() => Order::Keep,
        }
    }
}

/// The state, and where it goes.
struct Agent {
    options: Options,
    live: Live,
    status: Option<StatusWatch>,
    judge: Judge,
    counted: Counted,
    course: Course,
    number: u64,
    origin: Arc<Origin>,
    publish: watch::Sender<Option<Arc<Latest>>>,
    teller: Teller,
    systemd: Systemd,
    progress: Progress,
    recorder: Option<Recorder>,
}

impl Agent {
    /// Takes a sample, judges it, records and publishes it.
    fn look(&mut self, is_last: bool) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut sample = self.live.sample()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.rows(&self.live, &mut self.counted);
            sample.losses.rows_not_written = recorder.rows_not_written();
        }
        let took = begun.elapsed();
        let mut options = self.options.clone();
        if let Some(status) = &mut self.status {
            if let Some(news) = status.news() {
                self.progress.say(&news);
            }
            options.workers = status.workers();
            options.own_requests = status.own_requests();
        }
        let diagnosis = self.judge.look(&sample, &options);
        self.counted.look(&sample, &options);
        self.course.add(&sample);
        self.teller.tell(&diagnosis);
        if let Some(recorder) = &mut self.recorder {
            let block = Block {
                sample: &sample,
                judge: &self.judge,
                options: &options,
                diagnosis: &diagnosis,
            };
            match is_last {
                false => recorder.interval(&self.live, &block, &self.origin, &mut self.counted)?,
                true => recorder.finish(&self.live, &block, &self.origin)?,
            }
            recorder.news().iter().for_each(|news| self.progress.say(news));
            self.teller.tell_kept(&recorder.told(), sample.taken);
        }
        self.counted.lose_others(self.teller.lost());
        self.systemd.status(text::headline(&diagnosis));
        self.number += 1;
        self.publish.send_replace(Some(Arc::new(Latest {
            number: self.number,
            at: Instant::now(),
            took,
            diagnosis: Arc::new(diagnosis),
            counted: Arc::new(self.counted.clone()),
            course: self.course.points(),
            origin: Arc::clone(&self.origin),
        })));
        Ok(())
    }

    /// Keeps evidence, if there is a place for it.
    fn keep(&mut self, reason: Reason) -> Option<Promise> {
        let promise = self
            .recorder
            .as_mut()
            .and_then(|recorder| recorder.keep(clock::now(), reason));
        if promise.is_none() {
            self.progress
                .say("there is no place for evidence (--evidence DIR)");
        }
        promise
    }

    /// Reads the settings again. What is wrong in them is said, and nothing of it is used.
    fn reload(&mut self, args: &Serve, renew: &watch::Sender<Arc<Secrets>>) {
        let read = || {
            let options = config::options_of_run(&args.server, &args.trace, &args.settings, environment)?;
            Ok::<_, Failure>((options, secrets(args)?))
        };
        match read() {
            Ok((
                Options {
                    thresholds, names, ..
                },
                secrets,
            )) => {
                self.options.names = names;
                if self.options.thresholds != thresholds {
                    self.options.thresholds = thresholds;
                    self.judge.reconsider();
                }
                renew.send_replace(Arc::new(secrets));
                self.progress.say("the settings were read again");
            }
            Err(failure) => self
                .progress
                .say(&format!("the settings stay as they were: {failure}")),
        }
    }
}

fn secrets(args: &Serve) -> Result<Secrets, Failure> {
    Secrets::read(
        args.tls_cert.as_deref(),
        args.tls_key.as_deref(),
        args.token_file.as_deref(),
    )
}

/// Opens the sockets, none of which may tell strangers anything.
fn doors(addresses: &[Address], secrets: &Secrets) -> Result<Vec<Door>, Failure> {
    let mut doors = Door::inherited().context("cannot take the sockets that systemd hands over")?;
    let standard = if doors.is_empty() && addresses.is_empty() {
        door::DEFAULT.parse().ok()
    } else {
        None
    };
    for address in addresses.iter().chain(&standard) {
        let door = Door::open(address)
            .map_err(|error| Failure::Usage(format!("cannot listen on {address} (--listen): {error}")))?;
        doors.push(door);
    }
    match doors.iter().find(|door| !door.is_local()) {
        Some(door) if !secrets.suffice_for_others() => {
            let address = door
                .address()
                .map_or_else(|error| error.to_string(), |address| address.to_string());
            Err(Failure::Usage(format!(
                "others can reach {address}, so --tls-cert, --tls-key and --token-file are needed; or listen on {} or \
                 unix:PATH",
                door::DEFAULT
            )))
        }
        _ => Ok(doors),
    }
}

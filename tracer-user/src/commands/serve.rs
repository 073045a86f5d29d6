//! `tcpreuse serve`: traces for good. One loop owns everything; others see what it publishes.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{diagnose::GLANCE_EVERY, progress::Progress, status::StatusWatch};
use crate::{
    cli::Serve,
    config,
    diagnosis::{Judge, Options},
    exit::{Failure, Outcome},
    kernel::privileges::Role,
    report::{Origin, openmetrics::Counted, text},
    serve::{
        door::{self, Address, Door},
        events::Teller,
        http::{self, Serving},
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
    let options = Options {
        thresholds: config::of_run(&args.settings, environment)?,
        ..args.server.options()
    };
    let secrets = secrets(args)?;
    let doors = doors(&args.listen, &secrets)?;
    let mut progress = Progress::unhurried();
    let addresses: Vec<String> = doors
        .iter()
        .filter_map(|door| Some(door.address().ok()?.to_string()))
        .collect();
    let live = Live::start(&args.trace.settings()?)?;
    super::give_up_privileges(&Role::Tracing);
    let (publish, latest) = watch::channel(None);
    let (renew, secrets) = watch::channel(Arc::new(secrets));
    http::start(Serving {
        doors,
        latest,
        secrets,
        metrics_peers: args.metrics_peers,
        stale_after: LATE + args.interval.0 * 3,
    })
    .context("cannot serve")?;
    for limit in live.limits() {
        progress.say(&limit);
    }
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
    };
    agent.look()?;
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
            },
            _ = tick.tick() => agent.look()?,
            _ = glances.tick() => agent.live.glance()?,
        }
        agent.systemd.alive();
    }
    agent.systemd.stopping();
    Ok(Outcome::Done)
}

/// What a signal means.
enum Order {
    End,
    Reload,
}

/// The signals it obeys.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.interrupt.recv() => Order::End,
            _ = self.terminate.recv() => Order::End,
            _ = self.hangup.recv() => Order::Reload,
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
}

impl Agent {
    /// Takes a sample, judges it and publishes it.
    fn look(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        let sample = self.live.sample()?;
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

    /// Reads the settings again. What is wrong in them is said, and nothing of it is used.
    fn reload(&mut self, args: &Serve, renew: &watch::Sender<Arc<Secrets>>) {
        let read = || Ok::<_, Failure>((config::of_run(&args.settings, environment)?, secrets(args)?));
        match read() {
            Ok((thresholds, secrets)) => {
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

//! `tcpreuse demo`: well- and ill-behaved clients on loopback, actually traced and diagnosed.

mod picture;

use std::{
    fs,
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

use self::picture::Picture;
use super::{kept::Kept, page::Target, print, progress::Progress};
use crate::{
    cli::Demo,
    demo::{Behaviour, LONGEST_HOLD, LongPollServer, Running, ServerConfig, Tally, compare, standard_cast},
    diagnosis::{Diagnosis, Judge, Options, words},
    exit::{Failure, Outcome},
    filter::{Directions, Filter},
    kernel::{netns, settings::Settings},
    report::{
        Origin,
        html::{self, Material},
    },
    source::live::Live,
    stop::Stop,
};

/// How often the progress line changes.
const STEP: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// If tracing is impossible, the output cannot be written, or the diagnosis does not match the clients'
/// behaviour.
pub fn run(args: &Demo) -> Result<Outcome, Failure> {
    super::log_to_stderr(false);
    args.output.refuse_metrics("demo")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let target = args.report.as_deref().map(Target::of).transpose()?;
    let is_report = Target::of_output(&args.output)?.is_some() || target.is_some() || args.pictures.is_some();
    let played = runtime.block_on(play(args, is_report))?;
    let diagnosis = &played.diagnosis;
    match (&played.drawn, &target) {
        (Some(drawn), _) => {
            if let Some(folder) = &args.pictures {
                fs::write(folder.join("top.svg"), &drawn.view)?;
                fs::write(folder.join("serve.svg"), &drawn.page)?;
                let report = html::picture(diagnosis, &Origin::this_machine(), &played.material);
                fs::write(folder.join("report.svg"), report)?;
            }
            io::stdout().lock().write_all(drawn.text.as_bytes())?;
        }
        (None, Some(Target::Stdout)) => {}
        (None, _) => print(diagnosis, &args.output, &played.material)?,
    }
    let done = check(&played.tallies, diagnosis)?;
    if let Some(target) = &target {
        let mut page = Vec::new();
        html::write(&mut page, diagnosis, &Origin::this_machine(), &played.material)?;
        if let Some(path) = target.write(&page)? {
            Progress::new().say(&format!("wrote the report: {}", path.display()));
        }
    } else if !is_report && args.picture.is_none() {
        Progress::new().say("`tcpreuse demo --report report.html` makes a page to hand in of it");
    }
    Ok(done)
}

/// How the demo went.
struct Played {
    tallies: Vec<Tally>,
    diagnosis: Diagnosis,
    material: Material,
    drawn: Option<Drawn>,
}

/// What the demo looks like.
struct Drawn {
    /// The live view, as text and as SVG.
    text: String,
    view: String,
    /// The page of `serve`, as SVG.
    page: String,
}

async fn play(args: &Demo, is_report: bool) -> Result<Played, Failure> {
    let mut stop = Stop::listen().context("cannot listen for signals")?;
    let mut progress = Progress::new();
    let server =
        LongPollServer::start(ServerConfig::default()).context("cannot listen on 127.0.0.1 for the demo")?;
    let address = server.local_addr();
    // Attached before the first client connects, so that all of its opens are counted.
    let mut settings = Settings {
        filter: Filter {
            ports: vec![address.port()],
            directions: Directions::Inbound,
            netns: netns::own(),
            ..Filter::default()
        },
        ..args.kernel.settings()
    };
    if is_report {
        settings = Kept::settings(settings);
    }
    let mut live = Live::start(&settings)?;
    let mut kept = match is_report {
        true => Some(Kept::start(&mut live, &settings)?),
        false => None,
    };
    let cast = standard_cast();
    progress.say(&format!(
        "started a long-poll server on {address} and {} clients, which are traced in the kernel:",
        cast.len()
    ));
    for behaviour in Behaviour::ALL {
        let clients = cast.iter().filter(|client| client.behaviour == behaviour).count();
        progress.say(&format!("  {clients} clients: each {}", behaviour.describe()));
    }
    let options = Options {
        hold_ns: u64::try_from(LONGEST_HOLD.as_nanos()).ok(),
        ..Options::default()
    };
    let mut picture = args.picture.map(Picture::new);
    let mut judge = Judge::default();
    let running = Running::start(cast, address);
    let begun = Instant::now();
    while begun.elapsed() < args.duration.0 {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            () = tokio::time::sleep(STEP.min(args.duration.0.saturating_sub(begun.elapsed()))) => {}
        }
        let sample = live.sample()?;
        let said = judge.look(&sample, &options);
        if let Some(kept) = &mut kept {
            kept.look(&sample, &said);
        }
        if let Some(picture) = &mut picture {
            picture.add(sample, &options);
        }
        let counted = live.totals()?;
        progress.update(
            begun.elapsed(),
            &format!(
                "{} of {} s: {} opened, {} closed, {} open",
                begun.elapsed().as_secs(),
                args.duration.0.as_secs(),
                counted.opened,
                counted.closed,
                counted.open_now(),
            ),
        );
    }
    // The clients pause while the last sample is taken, so that the comparison is exact.
    let held = running.hold().await;
    let sample = live.sample()?;
    let tallies = held.tallies().to_vec();
    held.release();
    server.shutdown().await;
    let diagnosis = judge.conclude(&sample, &options);
    let material = kept.map(|kept| kept.material(&sample, &judge, &diagnosis));
    let drawn = picture.map(|mut picture| {
        picture.add(sample, &options);
        let filters = format!("port {} inbound", address.port());
        Drawn {
            text: picture.text(&filters),
            view: picture.svg(&filters),
            page: picture.page(&diagnosis),
        }
    });
    Ok(Played {
        tallies,
        diagnosis,
        material: material.unwrap_or_default(),
        drawn,
    })
}

fn check(tallies: &[Tally], diagnosis: &Diagnosis) -> Result<Outcome, Failure> {
    let differences = compare(tallies, diagnosis);
    let opened: u64 = tallies.iter().map(|tally| tally.opened).sum();
    if let Some(first) = differences.first() {
        return Err(Failure::Other(anyhow!(
            "the diagnosis does not match what the demo's clients did ({}, the first: {first}); run `tcpreuse doctor`, and \
             run the demo again on a less busy machine",
            words::count(differences.len() as u64, "difference", "differences"),
        )));
    }
    Progress::new().say(&format!(
        "checked: all {} verdicts match what the clients did, and all {opened} connections they opened were counted",
        tallies.len(),
    ));
    Ok(Outcome::Done)
}

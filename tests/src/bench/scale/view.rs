//! The live view: the time to draw a frame, and to respond to keys while connections come as fast as
//! possible.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ratatui::{buffer::Buffer, layout::Rect};
use tcpreuse::testing::{
    diagnosis::Options,
    filter::Directions,
    model::history::History,
    source::live::Live,
    view::{
        app::{App, Look, Sort, default_columns},
        keeper::{Batch, Keeper, Prefixes},
        keys::Action,
        panes::draw,
        theme::{Glyphs, Theme},
    },
};

use super::{median_ms, ms, sample, settings};
use crate::{
    bench::{
        churn::Churn,
        holder::hold,
        math::median,
        process::{Memory, cpu_seconds},
    },
    namespace::Namespace,
    terminal::OnTerminal,
};

/// Size of a large terminal, columns and rows.
const SIZE: (u16, u16) = (200, 50);

/// Number of frames per measurement.
const FRAMES: u32 = 50;

/// Number of keys pressed, and the pause before each.
const KEYS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(50);

/// How long the view is watched afterwards, and the interval between two readings of its memory.
const WATCHED: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A key without a response within this time is a failure.
const PATIENCE: Duration = Duration::from_secs(5);

/// The results with one number of peers.
#[derive(Clone, Debug)]
pub struct View {
    /// Number of peers, each with one connection.
    pub peers: u32,
    /// Drawing a frame, ms.
    pub frame_ms: f64,
    /// Changing the sort column and drawing the frame, ms.
    pub sort_ms: f64,
    /// Making a snapshot from a sample, which happens in a separate thread, ms.
    pub snapshot_ms: f64,
    /// Median time from a key press to its effect on the terminal under full load, ms.
    pub key_ms: f64,
    /// 95th percentile of the same, ms.
    pub key_late_ms: f64,
    /// Highest of many readings of the memory of `tcpreuse top` under full load.
    pub memory: Option<Memory>,
    /// CPU time of `tcpreuse top` under full load, as a share of one CPU.
    pub cpu: Option<f64>,
}

/// Measures with this number of peers.
///
/// # Panics
/// If not root, or if tracing is not possible.
pub fn measure(peers: u32) -> View {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let mut view = drawn(&namespace, peers);
    pressed(&namespace, Churn::new(&namespace), &mut view);
    view
}

/// Measures drawing without a terminal.
fn drawn(namespace: &Namespace, peers: u32) -> View {
    let settings = settings(namespace.inode, Directions::Inbound, peers, peers);
    let mut live = Live::start(&settings).expect("tracing");
    let _held = hold(peers);
    let mut keeper = Keeper::new(Prefixes { v4: 32, v6: 128 }, Some(300_000_000_000));
    let mut history = History::new();
    let mut batches: Vec<Batch> = (0..5)
        .map(|_| Batch {
            sample: sample(&mut live, &mut history).0,
            ended: Vec::new(),
            options: Options::default(),
            notes: Vec::new(),
            replayed: None,
        })
        .collect();
    let last = batches.pop().expect("five samples");
    let mut batches = batches.into_iter();
    let snapshot_ms = median_ms(4, || keeper.add(batches.next().expect("four more")));
    let look = Look {
        columns: default_columns(),
        sort: Sort::default(),
        theme: Theme { color: true },
        glyphs: Glyphs::UNICODE,
        host: "bench".to_owned(),
        filters: "inbound".to_owned(),
    };
    let mut app = App::new(look, Arc::new(keeper.add(last)));
    let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    let frame_ms = median_ms(FRAMES, || draw(&mut app, &mut buffer));
    let sort_ms = median_ms(FRAMES, || {
        app.act(Action::NextSort);
        draw(&mut app, &mut buffer)
    });
    View {
        peers,
        frame_ms,
        sort_ms,
        snapshot_ms,
        key_ms: f64::NAN,
        key_late_ms: f64::NAN,
        memory: None,
        cpu: None,
    }
}

/// Measures the response to keys on a terminal.
fn pressed(namespace: &Namespace, mut churn: Churn, view: &mut View) {
    let peers = view.peers;
    let stop = Arc::new(AtomicBool::new(false));
    let mut top = OnTerminal::top(namespace, &["--direction", "inbound"], SIZE);
    top.wait_for("1 peers");
    let load = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            churn.until(peers, |_, _| stop.load(Ordering::Relaxed));
        })
    };
    // Every peer must have connected once before keys are timed.
    let begun = Instant::now();
    while !shows(&top, peers) && begun.elapsed() < PATIENCE * 4 {
        thread::sleep(PAUSE);
    }
    let mut answers = Vec::new();
    for i in 0..KEYS {
        thread::sleep(PAUSE);
        let before = top.bytes();
        let typed = Instant::now();
        top.type_in(if i % 2 == 0 { "2" } else { "1" });
        while top.bytes() == before && typed.elapsed() < PATIENCE {
            thread::sleep(Duration::from_micros(200));
        }
        answers.push(ms(typed.elapsed()));
    }
    watched(top.pid(), view);
    stop.store(true, Ordering::Relaxed);
    load.join().expect("no fault in the load");
    top.type_in("q");
    assert!(top.end().success(), "top ends well");
    answers.sort_by(f64::total_cmp);
    view.key_ms = median(&answers).unwrap_or(f64::NAN);
    view.key_late_ms = answers.get(answers.len() * 95 / 100).copied().unwrap_or(f64::NAN);
}

/// Measures CPU time and memory while no key is pressed.
fn watched(pid: u32, view: &mut View) {
    let (begun, before) = (Instant::now(), cpu_seconds(pid));
    while begun.elapsed() < WATCHED {
        thread::sleep(LOOK_EVERY);
        let now = Memory::of(pid);
        view.memory = view
            .memory
            .into_iter()
            .chain(now)
            .max_by_key(|memory| memory.user());
    }
    let used = before.zip(cpu_seconds(pid)).map(|(before, after)| after - before);
    view.cpu = used.map(|seconds| seconds / begun.elapsed().as_secs_f64());
}

/// Whether the view shows this number of peers.
fn shows(top: &OnTerminal, peers: u32) -> bool {
    top.lines().iter().any(|line| {
        line.strip_prefix("1 peers ")
            .and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
            .is_some_and(|shown| shown >= peers)
    })
}

//! What it costs on this machine if two CPUs change the same cache line.

use std::{
    hint::spin_loop,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

use super::{
    churn::on_cpu,
    math::{median, number},
};

/// How often the line goes there and back between two looks at the clock.
const TURNS: u32 = 200;

/// How many times that is measured. Where a thread has to wait for its CPU, few of them are spoilt.
const TIMES: u32 = 100;

/// On a line of its own, and apart from the one beside it, which CPUs fetch along.
#[repr(align(128))]
struct Ball(AtomicU32);

/// Time until a CPU has a cache line that another one has changed, ns; `None` if nothing was measured.
///
/// # Panics
/// Without two CPUs.
pub fn between_cpus() -> Option<f64> {
    let ball = Ball(AtomicU32::new(0));
    // Even numbers are for the first CPU to change, odd ones for the second.
    let play = |side: u32| {
        let one = |time: u32| {
            let begun = Instant::now();
            for turn in time * TURNS..(time + 1) * TURNS {
                while ball.0.load(Ordering::Acquire) != 2 * turn + side {
                    spin_loop();
                }
                ball.0.store(2 * turn + side + 1, Ordering::Release);
            }
            begun.elapsed().as_secs_f64() * 1e9 / number(2 * u64::from(TURNS))
        };
        (0..TIMES).map(one).collect::<Vec<f64>>()
    };
    thread::scope(|scope| {
        scope.spawn(|| on_cpu(1, || play(1)));
        median(&on_cpu(0, || play(0)))
    })
}

//! The time until tracing begins.

use tcpreuse::testing::kernel::{settings::Settings, tracer::Tracer};

use super::timed;
use crate::{bench::math::median, namespace::Namespace, program::Trace};

/// Times counted from the start of the program.
#[derive(Clone, Debug)]
pub struct Start {
    /// Time until the line that reports tracing, ms.
    pub program_ms: f64,
    /// Time to load and attach all programs, which is part of it, ms.
    pub attach_ms: f64,
}

/// Starts the program `times` times in an empty namespace.
///
/// # Panics
/// If not root, or if tracing is not possible.
pub fn measure(times: u32) -> Start {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let (mut program, mut attach) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let (trace, took) = timed(|| Trace::start(&namespace, &[]));
        drop(trace);
        program.push(took);
        let (tracer, took) = timed(|| Tracer::start(&Settings::default()).expect("tracing"));
        drop(tracer);
        attach.push(took);
    }
    Start {
        program_ms: median(&program).unwrap_or(f64::NAN),
        attach_ms: median(&attach).unwrap_or(f64::NAN),
    }
}

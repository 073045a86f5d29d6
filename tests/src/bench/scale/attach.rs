//! How soon tracing begins.

use tcpreuse::testing::kernel::{load::Settings, tracer::Tracer};

use super::timed;
use crate::{bench::math::median, namespace::Namespace, program::Trace};

/// From the start of the program on.
#[derive(Clone, Debug)]
pub struct Start {
    /// To the line that says it traces, ms.
    pub program_ms: f64,
    /// Of that, loading and attaching all programs, ms.
    pub attach_ms: f64,
}

/// Starts it so many times, in an empty namespace.
///
/// # Panics
/// Without root, or when tracing is not possible.
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

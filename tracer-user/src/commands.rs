//! The commands, one per file.

pub mod config;
pub mod demo;
pub mod diagnose;
pub mod doctor;
pub mod export;
pub mod judge;
mod kept;
pub mod manual;
mod page;
mod progress;
pub mod record;
mod recorded;
pub mod replay;
pub mod report;
pub mod serve;
mod status;
pub mod top;
pub mod verify;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    cli::{Format, Output},
    config::Saving,
    diagnosis::Diagnosis,
    kernel::privileges::{self, Role},
    report::{
        Origin,
        html::{self, Material},
        json,
        openmetrics::{Counted, MAX_METRICS_PEERS, Metrics, Style},
        text,
    },
};

/// Prints a diagnosis on stdout in the requested format.
fn print(diagnosis: &Diagnosis, output: &Output, material: &Material) -> io::Result<()> {
    print_of(diagnosis, &Origin::this_machine(), output, material)
}

/// Prints the diagnosis of another machine. Only a report needs the material.
fn print_of(diagnosis: &Diagnosis, origin: &Origin, output: &Output, material: &Material) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match output.format {
        Format::Json => json::write(&mut out, diagnosis, origin)?,
        Format::Html => html::write(&mut out, diagnosis, origin, material)?,
        // Metrics come from what was counted: `print_metrics`.
        Format::Text | Format::Figures | Format::Openmetrics | Format::Prometheus => {
            let style = text::Style {
                color: output.colored(),
            };
            text::write(&mut out, diagnosis, origin, style)?;
            if material.first_aid {
                text::first_aid(&mut out, diagnosis, style)?;
            }
        }
    }
    out.flush()
}

/// Prints what was counted up to a diagnosis as metrics.
fn print_metrics(diagnosis: Diagnosis, counted: Counted, style: Style) -> io::Result<()> {
    let metrics = Metrics {
        counted: Arc::new(counted),
        diagnosis: Arc::new(diagnosis),
        max_peers: MAX_METRICS_PEERS,
        sample_took: None,
        process: None,
    };
    let mut text = String::new();
    metrics.write(style, &mut text).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// To be called once tracing has begun or before a recording is read, and before the calling thread starts
/// others.
fn give_up_privileges(role: &Role) {
    if let Err(error) = privileges::give_up(role) {
        log::warn!("{error}");
    }
}

/// The role of a view that writes into a directory, and keeps settings.
fn showing(parent: &Path, saving: Option<&Saving>) -> Role {
    let settings = saving.map(Saving::folder);
    Role::Showing {
        writes: [parent.to_owned()].into_iter().chain(settings).collect(),
    }
}

/// The current directory, into which the view exports.
fn here() -> PathBuf {
    env::current_dir().unwrap_or_else(|_| "/".into())
}

/// Debugging messages go to stderr on request; otherwise only warnings do.
fn log_to_stderr(verbose: bool) {
    log_to(verbose, env_logger::Target::Stderr);
}

fn log_to(verbose: bool, target: env_logger::Target) {
    let level = if verbose {
        log::LevelFilter::Debug
    } else {
        log::LevelFilter::Warn
    };
    // The programs log under the name of their crate; aya's own debug messages are of no use here.
    let _ = env_logger::Builder::new()
        .filter_module("tcpreuse", level)
        .filter_module("tracer", level)
        .format_target(false)
        .format_timestamp(None)
        .target(target)
        .try_init();
}

//! `cargo xtask`: everything a developer, a newcomer or CI does with the workspace, by one command each.

mod args;
mod commands;
mod process;
mod project;
mod refusal;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Task, USAGE};
use crate::commands::{bench, build, kernels, lint, picture, setup, test};
use crate::project::Project;
use crate::refusal::Refusal;

const BAD_USAGE: u8 = 2;

fn main() -> ExitCode {
    let task = match args::parse(env::args_os().skip(1)) {
        Ok(task) => task,
        Err(error) => {
            process::complain(&format!("xtask: {error}\n\n{USAGE}"));
            return ExitCode::from(BAD_USAGE);
        }
    };
    perform(task).unwrap_or_else(|error| {
        process::complain(&format!("xtask: {error:#}"));
        match error.downcast_ref::<Refusal>() {
            Some(refusal) => {
                process::complain(&refusal.advice);
                ExitCode::from(Refusal::EXIT_CODE)
            }
            None => ExitCode::FAILURE,
        }
    })
}

fn perform(task: Task) -> Result<ExitCode> {
    let project = Project::locate()?;
    match task {
        Task::Help => io::stdout().write_all(USAGE.as_bytes())?,
        Task::Setup(purpose) => setup::run(&project, purpose)?,
        Task::Build { profile } => build::run(&project, profile)?,
        Task::BuildEbpf => build::object(&project)?,
        Task::Demo(arguments) => return build::demo(&project, &arguments),
        Task::Scenarios(arguments) => return build::scenarios(&project, &arguments),
        Task::Bench(arguments) => return bench::run(&project, &arguments),
        Task::Picture => picture::run(&project)?,
        Task::Kernels(options) => return kernels::run(&project, &options),
        Task::Test(arguments) => return test::run(&project, &arguments),
        Task::Lint => lint::run(&project)?,
    }
    Ok(ExitCode::SUCCESS)
}

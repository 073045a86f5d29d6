//! `cargo xtask`: everything a developer, a newcomer or CI does with the workspace, by one command each.

mod args;
mod commands;
mod process;
mod project;
mod refusal;

use std::{env, process::ExitCode};

use anyhow::Result;

use crate::{
    args::Task,
    commands::{bench, build, dist, docs, fleet, fuzz, kernels, lint, picture, sanitize, setup, test},
    project::Project,
    refusal::Refusal,
};

fn main() -> ExitCode {
    let task = args::parse(env::args_os()).unwrap_or_else(|error| error.exit());
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
        Task::Setup(purpose) => setup::run(&project, purpose)?,
        Task::Build { debug } => build::run(&project, debug)?,
        Task::BuildEbpf => build::object(&project)?,
        Task::Demo(it) => return build::demo(&project, &it.arguments),
        Task::Scenarios(it) => return build::scenarios(&project, &it.arguments),
        Task::Bench(it) => return bench::run(&project, &it.arguments),
        Task::Picture => picture::run(&project)?,
        Task::Docs => docs::run(&project)?,
        Task::Kernels(options) => return kernels::run(&project, &options),
        Task::Test(it) => return test::run(&project, &it.arguments),
        Task::Fleet(it) => return fleet::run(&project, &it.arguments),
        Task::Fuzz(what) => fuzz::run(&project, &what)?,
        Task::Soak(it) => return build::soak(&project, &it.arguments),
        Task::Month(it) => return build::month(&project, &it.arguments),
        Task::Sanitize(it) => sanitize::run(&project, &it.arguments)?,
        Task::Miri(it) => sanitize::miri(&project, &it.arguments)?,
        Task::Dist { all, check, again } => dist::run(&project, all, check, again)?,
        Task::Lint => lint::run(&project)?,
    }
    Ok(ExitCode::SUCCESS)
}

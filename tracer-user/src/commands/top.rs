//! `tcpreuse top`: the live view, or plain rows where there is no terminal.

pub(super) mod export;
mod feed;
mod log;
mod words;

use std::{
    io::{self, IsTerminal},
    sync::Arc,
};

use self::{export::NewDirectory, feed::LiveFeed};
use crate::{
    cli::Top,
    config::{self, Config},
    diagnosis::Options,
    evidence::manifest::Session,
    exit::{Failure, Outcome},
    filter::Filter,
    kernel::{clock, load::Settings, privileges::Role},
    report::Origin,
    view::{
        app::Look,
        batch, feed as feeding, run,
        theme::{Glyphs, Theme, environment},
    },
};

/// Room for records of connections that ended since they were last taken. 2 MB of the kernel's memory.
const RECORDS: u32 = 1 << 14;

/// Runs the command.
///
/// # Errors
/// When a setting is wrong, tracing is not possible, or the terminal fails.
pub fn run(args: &Top) -> Result<Outcome, Failure> {
    args.owner.take_over()?;
    let config = Config::resolve(&args.view, args.interval.as_deref(), environment)?;
    let status_url = args.server.status_url()?;
    let batch = args.batch.batch || !io::stdout().is_terminal();
    let messages = if batch {
        super::log_to_stderr(args.trace.verbose);
        None
    } else {
        Some(log::collect(args.trace.verbose))
    };
    let settings = Settings {
        records: Some(RECORDS),
        ..args.trace.settings()?
    };
    let origin = Origin::this_machine();
    let look = look(&config, &origin, &settings.filter);
    let prefixes = settings.filter.prefixes();
    let options = Options {
        thresholds: config::of_run(&args.view.settings, environment)?,
        ..args.server.options()
    };
    let session = Session::here(&settings, config.interval, args.window.as_ns());
    let filter = settings.filter.clone();
    let make = move || LiveFeed::start(&settings, options, status_url, messages);
    let feeding = feeding::start(make, prefixes, Some(args.window.as_ns()), config.interval)?;
    let parent = super::here();
    super::give_up_privileges(&Role::Showing {
        writes: parent.clone(),
    });
    if batch {
        let limits = batch::Limits {
            times: args.batch.iterations,
            rows: args.batch.rows,
        };
        batch::run(look, feeding, limits)?;
    } else {
        let export = Arc::new(NewDirectory {
            parent,
            session,
            filter,
        });
        run::run(look, feeding, export, clock::now())?;
    }
    Ok(Outcome::Done)
}

/// How the view looks with these settings, wherever its samples come from.
pub(super) fn look(config: &Config, origin: &Origin, filter: &Filter) -> Look {
    Look {
        columns: config.columns.clone(),
        sort: config.sort,
        theme: Theme {
            color: config.color.on_stdout(),
        },
        glyphs: Glyphs::new(config.only_ascii(environment)),
        host: origin.host.clone(),
        filters: words::filters(filter),
    }
}

//! `tcpreuse top`: the live view, or plain rows without a terminal.

pub(super) mod export;
mod feed;
mod log;
pub(super) mod words;

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    sync::Arc,
};

use self::{export::NewDirectory, feed::LiveFeed};
use super::progress::Progress;
use crate::{
    cli::{BatchFlags, Color, Top, ViewFlags},
    config::{self, Config, Saving},
    evidence::manifest::Session,
    exit::{Failure, Outcome},
    filter::{Directions, Filter},
    kernel::{clock, netns, settings::Settings},
    report::Origin,
    view::{
        app::{Live, Look, default_columns},
        batch,
        columns::Column,
        feed as feeding, run,
        theme::{Glyphs, Theme, environment, has_screen},
    },
};

/// Room for records of connections that ended since the last read. 2 MB of kernel memory.
const RECORDS: u32 = 1 << 14;

/// Runs the command.
///
/// # Errors
/// If a setting is invalid, tracing is impossible, or the terminal fails.
pub fn run(args: &Top) -> Result<Outcome, Failure> {
    let batch = prints_rows(&args.batch, &args.view)?;
    args.owner.take_over()?;
    let config = Config::resolve(&args.view, args.interval.as_deref(), environment)?;
    let status_url = args.server.status_url()?;
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
    let look = look(&config, &origin, &settings.filter, !batch);
    let prefixes = settings.filter.prefixes();
    let options = config::options_of_run(&args.server, &args.trace, &args.view.settings, environment)?;
    let session = Session::here(&settings, config.interval, args.window.as_ns());
    let filter = settings.filter.clone();
    let live = Live {
        interval: config.interval,
        listening: if batch { Vec::new() } else { listening(&filter) },
    };
    let make = move || LiveFeed::start(&settings, options, status_url, messages);
    let feeding = feeding::start(make, prefixes, Some(args.window.as_ns()), config.interval)?;
    let parent = super::here();
    let saving = Saving::of(&args.view.settings, environment)?;
    super::give_up_privileges(&super::showing(&parent, saving.as_ref()));
    if batch {
        let limits = batch::Limits {
            times: args.batch.iterations,
            rows: args.batch.rows,
        };
        batch::run(look, feeding, limits)?;
    } else {
        let export = Arc::new(NewDirectory {
            settings: saving,
            parent,
            session,
            filter,
        });
        run::run(look, Some(live), feeding, export, clock::now())?;
    }
    Ok(Outcome::Done)
}

/// Whether rows are printed instead of a screen, on request or because there is none.
///
/// # Errors
/// If a flag only applies to the other of the two.
pub(super) fn prints_rows(flags: &BatchFlags, view: &ViewFlags) -> Result<bool, Failure> {
    let is_terminal = io::stdout().is_terminal();
    if flags.batch || !is_terminal || !has_screen(environment) {
        if view.color == Some(Color::Always) {
            return Err(Failure::Usage(
                "--color always is for the screen: printed rows have no colours".to_owned(),
            ));
        }
        if !flags.batch && is_terminal {
            Progress::new().say("this terminal has no screen (TERM): printing rows, as with --batch");
        }
        return Ok(true);
    }
    let only_for_rows = [
        ("--iterations", flags.iterations.is_some()),
        ("--rows", flags.rows.is_some()),
    ];
    match only_for_rows.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(Failure::Usage(format!(
            "{flag} is for printed rows, not for a screen: add --batch"
        ))),
        None => Ok(false),
    }
}

/// The ports that listen here, in order, if the filter excludes all of them: probably the wrong port was
/// given.
fn listening(filter: &Filter) -> Vec<u16> {
    if filter.ports.is_empty() || filter.directions == Directions::Outbound {
        return Vec::new();
    }
    let ports: BTreeSet<u16> = netns::listeners(filter.netns).collect();
    if filter.ports.iter().any(|port| ports.contains(port)) {
        return Vec::new();
    }
    ports.into_iter().collect()
}

/// The view's appearance with these settings, for any source of samples.
pub(super) fn look(config: &Config, origin: &Origin, filter: &Filter, has_screen: bool) -> Look {
    let mut columns = config.columns.clone();
    // All rows would show the same port, and the header has it.
    let one_port = filter.ports.len() == 1 && filter.directions != Directions::Both;
    if has_screen && one_port && columns == default_columns() {
        columns.retain(|column| *column != Column::Port);
    }
    Look {
        columns,
        sort: config.sort,
        theme: Theme {
            color: config.color.on_stdout(),
        },
        glyphs: Glyphs::new(config.only_ascii(environment)),
        host: origin.host.clone(),
        filters: words::filters(filter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_says_the_same_in_each_row_is_left_out_of_the_screen() {
        let origin = Origin {
            host: "web1".to_owned(),
            kernel: "6.18.0".to_owned(),
        };
        let has_port = |config: &Config, ports: &[u16], directions: Directions, has_screen: bool| {
            let filter = Filter {
                ports: ports.to_vec(),
                directions,
                ..Filter::default()
            };
            let look = look(config, &origin, &filter, has_screen);
            look.columns.contains(&Column::Port)
        };
        let (config, inbound) = (Config::default(), Directions::Inbound);
        assert!(!has_port(&config, &[443], inbound, true));
        assert!(
            has_port(&config, &[443], inbound, false),
            "rows are for programs too"
        );
        assert!(has_port(&config, &[443], Directions::Both, true));
        assert!(has_port(&config, &[80, 443], inbound, true));
        assert!(has_port(&config, &[], inbound, true));
        let chosen = Config {
            columns: vec![Column::Peer, Column::Port],
            ..Config::default()
        };
        assert!(has_port(&chosen, &[443], inbound, true), "it was asked for");
    }
}

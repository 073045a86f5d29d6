//! `tcpreuse replay`: the live view of a recording, or plain rows without a terminal.

mod player;

use std::{sync::Arc, time::Instant};

use self::player::Player;
use super::top::{self, export::NewDirectory};
use crate::{
    cli,
    config::{self, Config, Saving},
    evidence::manifest::{Filters, Session},
    exit::{Failure, Outcome},
    filter::{Directions, Filter},
    source::replay::Replay,
    text::sanitise,
    view::{batch, feed as feeding, run, theme::environment},
};

/// Runs the command.
///
/// # Errors
/// If it is not a recording, a setting is invalid, or the terminal fails.
pub fn run(args: &cli::Replay) -> Result<Outcome, Failure> {
    let rows = top::prints_rows(&args.batch, &args.view)?;
    let config = Config::resolve(&args.view, None, environment)?;
    let parent = super::here();
    let saving = Saving::of(&args.view.settings, environment)?;
    super::give_up_privileges(&super::showing(&parent, saving.as_ref()));
    let mut replay = Replay::open(&args.dir, args.recording.recording)?;
    let Some(first) = replay.levels().first().map(|level| level.at) else {
        return Err(Failure::Usage(format!(
            "{}: no interval was recorded, so there is nothing to play",
            sanitise(&args.dir.to_string_lossy())
        )));
    };
    replay.set_speed(args.speed);
    let recorded = replay.options();
    let names = config::names_of_recording(&args.view.settings, &recorded.names)?;
    replay.set_thresholds(config::of_recording(&args.view.settings, recorded.thresholds)?);
    replay.set_names(&names);
    let origin = replay.origin();
    let filter = filter(&replay.manifest().session.filters);
    let (mut look, prefixes) = (top::look(&config, &origin, &filter, !rows), filter.prefixes());
    let (number, all) = replay.number();
    if all > 1 {
        look.filters
            .push_str(&format!(", recording {number} of {all} here"));
    }
    let recorded = &replay.manifest().session;
    let session = Session {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: recorded.host.clone(),
        kernel: recorded.kernel.clone(),
        boot_id: recorded.boot_id.clone(),
        filters: recorded.filters.clone(),
        interval_ms: recorded.interval_ms,
        window_ns: recorded.window_ns,
        ..Session::default()
    };
    let mut player = Player::new(replay, Instant::now());
    if rows {
        let limits = batch::Limits {
            times: args.batch.iterations,
            rows: args.batch.rows,
        };
        batch::run_all(look, prefixes, limits, || player.each())?;
    } else {
        let feeding = feeding::start(move || Ok(player), prefixes, None, config.interval)?;
        let export = Arc::new(NewDirectory {
            settings: saving,
            parent,
            session,
            filter,
        });
        run::run(look, None, feeding, export, first)?;
    }
    Ok(Outcome::Done)
}

/// The filter of the recording. Unknown parts are left out, since it is only displayed.
fn filter(filters: &Filters) -> Filter {
    let networks = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect();
    let prefixes = filters.prefixes();
    Filter {
        ports: filters.ports.clone(),
        include: networks(&filters.peers),
        exclude: networks(&filters.exclude),
        directions: match filters.direction.as_str() {
            "inbound" => Directions::Inbound,
            "outbound" => Directions::Outbound,
            _ => Directions::Both,
        },
        netns: filters.netns,
        cgroup: None,
        prefix4: prefixes.v4,
        prefix6: prefixes.v6,
    }
}

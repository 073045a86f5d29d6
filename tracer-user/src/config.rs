//! Settings of the live view and of the diagnosis. They come from the defaults, a file, the environment and
//! flags; later ones take precedence.

mod file;
mod names;
mod saving;
mod thresholds;
mod values;

use std::{io, path::PathBuf, time::Duration};

use self::values::{columns, sort, when};
pub use self::{
    file::default_file,
    names::{of_recording as names_of_recording, of_run as names_of_run},
    saving::Saving,
    thresholds::{of_recording, of_run},
};
use crate::{
    cli::{Color, Server, SettingsFlags, Trace, ViewFlags, values as flags},
    diagnosis::Options,
    exit::Failure,
    view::{
        app::{Sort, default_columns},
        columns::Column,
        theme::needs_ascii,
    },
};

/// Settings of the live view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Columns of the peer table, in order.
    pub columns: Vec<Column>,
    /// Order of the peers.
    pub sort: Sort,
    /// When to use colour.
    pub color: Color,
    /// Time between samples.
    pub interval: Duration,
    /// When to use only ASCII.
    pub ascii: When,
}

/// What the diagnosis of a trace is told: what is known about the server, and the settings.
///
/// # Errors
/// If a setting is invalid: where it is set, and what is valid.
pub fn options_of_run(
    server: &Server,
    trace: &Trace,
    given: &SettingsFlags,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Options, Failure> {
    Ok(Options {
        strangers_share: trace.prefixes().are_addresses(),
        thresholds: of_run(given, &get)?,
        names: names_of_run(given, &get)?,
        ..server.options()
    })
}

/// When to do something that depends on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Depending on what the terminal can do.
    Auto,
    /// Regardless of the terminal.
    Always,
    /// Regardless of the terminal.
    Never,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            columns: default_columns(),
            sort: Sort::default(),
            color: Color::Auto,
            interval: Duration::from_secs(1),
            ascii: When::Auto,
        }
    }
}

/// Settings from one source, not yet parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    columns: Option<Vec<String>>,
    sort: Option<String>,
    color: Option<String>,
    interval: Option<String>,
    ascii: Option<String>,
    thresholds: thresholds::Written,
    names: names::Written,
}

/// The environment variables, in the order used by [`Config::resolve`].
const VARIABLES: [&str; 5] = [
    "TCPREUSE_COLUMNS",
    "TCPREUSE_SORT",
    "TCPREUSE_COLOR",
    "TCPREUSE_INTERVAL",
    "TCPREUSE_ASCII",
];

impl Config {
    /// The settings for this run; `get` reads an environment variable.
    ///
    /// # Errors
    /// If a setting is invalid: where it is set, its key, and what is valid.
    pub fn resolve(
        given: &ViewFlags,
        interval_given: Option<&str>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let mut config = Self::default();
        if let Some((path, text)) = read(&given.settings, &get)? {
            let name = path.display().to_string();
            let written = file::parse(&name, &text)?;
            config.take(&written, |key| format!("{name}: {key}"))?;
        }
        let [columns, sort, color, interval, ascii] =
            VARIABLES.map(|name| get(name).filter(|value| !value.is_empty()));
        let environment = Written {
            columns: columns.as_deref().map(listed),
            sort,
            color,
            interval,
            ascii,
            ..Written::default()
        };
        config.take(&environment, |key| {
            format!("TCPREUSE_{}", key.to_ascii_uppercase())
        })?;
        let flags = Written {
            columns: given.columns.as_deref().map(listed),
            sort: given.sort.clone(),
            color: None,
            interval: interval_given.map(str::to_owned),
            ascii: given.ascii.then(|| "always".to_owned()),
            ..Written::default()
        };
        config.take(&flags, |key| format!("--{key}"))?;
        config.color = given.color.unwrap_or(config.color);
        Ok(config)
    }

    /// Applies the settings of one source. `place` tells where a key is set.
    fn take(&mut self, written: &Written, place: impl Fn(&str) -> String) -> Result<(), Failure> {
        let wrong = |key: &str, reason: String| Failure::Usage(format!("{}: {reason}", place(key)));
        if let Some(names) = &written.columns {
            self.columns = columns(names).map_err(|reason| wrong("columns", reason))?;
        }
        if let Some(text) = &written.sort {
            self.sort = sort(text).map_err(|reason| wrong("sort", reason))?;
        }
        if let Some(text) = &written.color {
            self.color = match when(text).map_err(|reason| wrong("color", reason))? {
                When::Auto => Color::Auto,
                When::Always => Color::Always,
                When::Never => Color::Never,
            };
        }
        if let Some(text) = &written.interval {
            self.interval = flags::interval(text)
                .map_err(|reason| wrong("interval", reason))?
                .0;
        }
        if let Some(text) = &written.ascii {
            self.ascii = when(text).map_err(|reason| wrong("ascii", reason))?;
        }
        Ok(())
    }

    /// Whether to use only ASCII.
    pub fn only_ascii(&self, get: impl Fn(&str) -> Option<String>) -> bool {
        match self.ascii {
            When::Always => true,
            When::Never => false,
            When::Auto => needs_ascii(get),
        }
    }
}

fn listed(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

/// The user's own settings file, which need not exist.
fn own_file(get: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name: &str| get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    folder.map(|folder| folder.join("tcpreuse/config.toml"))
}

/// The settings file that applies, with its text: the one named by a flag, else the first that exists.
fn read(
    given: &SettingsFlags,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<(PathBuf, String)>, Failure> {
    let unreadable = |path: &PathBuf, error: io::Error| {
        Failure::Usage(format!("cannot read the settings {}: {error}", path.display()))
    };
    if let Some(path) = &given.config {
        let text = file::read(path).map_err(|error| unreadable(path, error))?;
        return Ok(Some((path.clone(), text)));
    }
    let everyones = PathBuf::from("/etc/tcpreuse.toml");
    for path in own_file(get).into_iter().chain([everyones]) {
        match file::read(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            // HOME may still be another user's. Its file is then inaccessible, and even its existence is not
            // revealed.
            Err(_) if path.symlink_metadata().is_err() => {}
            Err(error) => return Err(unreadable(&path, error)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;

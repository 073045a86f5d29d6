//! Settings of the live view and of the diagnosis: defaults, then a file, then the environment, then
//! flags; the later ones win.

mod file;
mod thresholds;
mod values;

use std::{io, path::PathBuf, time::Duration};

use self::values::{columns, sort, when};
pub use self::{
    file::default_file,
    thresholds::{of_recording, of_run},
};
use crate::{
    cli::{Color, SettingsFlags, ViewFlags, values as flags},
    exit::Failure,
    view::{
        app::{Sort, default_columns},
        columns::Column,
        theme::needs_ascii,
    },
};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Columns of the peers, in their order.
    pub columns: Vec<Column>,
    /// Order of the peers.
    pub sort: Sort,
    /// When to colour.
    pub color: Color,
    /// How often to look.
    pub interval: Duration,
    /// When to show nothing but ASCII.
    pub ascii: When,
}

/// When to do something that depends on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// As the terminal can or cannot.
    Auto,
    /// Whatever it is.
    Always,
    /// Not even then.
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

/// Settings as they are written, from one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    columns: Option<Vec<String>>,
    sort: Option<String>,
    color: Option<String>,
    interval: Option<String>,
    ascii: Option<String>,
    thresholds: thresholds::Written,
}

/// The environment's names for them.
const VARIABLES: [&str; 5] = [
    "TCPREUSE_COLUMNS",
    "TCPREUSE_SORT",
    "TCPREUSE_COLOR",
    "TCPREUSE_INTERVAL",
    "TCPREUSE_ASCII",
];

impl Config {
    /// The settings for this run; `get` reads a variable of the environment.
    ///
    /// # Errors
    /// When something that was set is not understood: where, which key, and what would be right.
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

    /// Takes over what is written; `place` says where a key is from.
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

    /// Whether to show nothing but ASCII.
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

/// The file that counts, with what it says: the one that was named, else the first there is.
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
    let absolute = |name: &str| get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let own = absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("tcpreuse/config.toml"));
    let everyones = PathBuf::from("/etc/tcpreuse.toml");
    for path in own.into_iter().chain([everyones]) {
        match file::read(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            // Of another user, whose HOME was left standing; nobody is told even whether it is there.
            Err(_) if path.symlink_metadata().is_err() => {}
            Err(error) => return Err(unreadable(&path, error)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;

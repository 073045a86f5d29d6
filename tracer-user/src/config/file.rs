//! The settings file.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::fs::OFlags;

use super::Written;
use crate::{
    diagnosis::thresholds::{Kind, THRESHOLDS, Thresholds},
    exit::Failure,
    view::columns::COLUMNS,
};

/// All settings with their comments take about 5 KiB.
const MAX_BYTES: u64 = 64 << 10;

/// Reads the file. Under sudo it may belong to another user, so this never blocks on it (a pipe, for example)
/// and never reads more than settings can take.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok(text)
}

/// Parses the file's text; `name` is its name in messages.
pub(super) fn parse(name: &str, text: &str) -> Result<Written, Failure> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = line(text, start) - 1;
        // The key on that line, if there is one.
        let key = text
            .lines()
            .nth(line)
            .and_then(|line| line.split_once('='))
            .map(|(key, _)| format!(", {}", key.trim()))
            .unwrap_or_default();
        let message = error.message().replace('\n', " ");
        Failure::Usage(format!("{name}, line {}{key}: {message}", line + 1))
    })
}

/// The number of the line, counted from 1, that contains the byte at `at`.
pub(super) fn line(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.matches('\n').count() + 1
}

/// A settings file with all the default values.
pub fn default_file() -> String {
    let mut columns = String::new();
    for spec in &COLUMNS {
        let name = format!("\"{}\",", spec.name);
        columns.push_str(&format!("    {name:<26} # {}\n", spec.help));
    }
    let mut thresholds = String::new();
    for one in THRESHOLDS {
        for line in one.help {
            thresholds.push_str(&format!("#{line}\n"));
        }
        let value = one.kind.written((one.get)(&Thresholds::DEFAULT));
        let value = match one.kind {
            Kind::Count => value,
            Kind::Time => format!("\"{value}\""),
        };
        thresholds.push_str(&format!("{} = {value}\n\n", one.name));
    }
    let thresholds = thresholds.trim_end();
    format!(
        "# Settings of tcpreuse. The file is $XDG_CONFIG_HOME/tcpreuse/config.toml (by default in\n\
         # ~/.config), else /etc/tcpreuse.toml, unless --config names another one. Environment variables\n\
         # (TCPREUSE_COLUMNS, _SORT, _COLOR, _INTERVAL, _ASCII, _THRESHOLDS) and flags take precedence.\n\
         # All settings except the thresholds apply to the live view only.\n\
         \n\
         # Columns of the peer table, in order. On a narrow screen some are hidden, always the same ones\n\
         # first.\n\
         columns = [\n{columns}]\n\
         \n\
         # Order of the peers: \"worst\" first, or by a column; \"-opens\" reverses the order.\n\
         sort = \"worst\"\n\
         \n\
         # \"auto\" (on a terminal, unless NO_COLOR is set), \"always\" or \"never\".\n\
         color = \"auto\"\n\
         \n\
         # Time between samples, from 100ms to 1h.\n\
         interval = \"1s\"\n\
         \n\
         # Only ASCII on the screen: \"auto\" (if the locale is not UTF-8 or the terminal is a console),\n\
         # \"always\" or \"never\".\n\
         ascii = \"auto\"\n\
         \n\
         # Limits used by the diagnosis, in every command. A recording keeps those it was made with,\n\
         # unless --threshold or --config gives others.\n\
         [thresholds]\n\
         {thresholds}\n"
    )
}

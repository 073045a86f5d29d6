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
        "# Settings of tcpreuse, as they are by default. They are read from\n\
         # $XDG_CONFIG_HOME/tcpreuse/config.toml (~/.config if XDG_CONFIG_HOME is not set), or else from\n\
         # /etc/tcpreuse.toml; --config FILE replaces both. The environment (TCPREUSE_COLUMNS, _SORT,\n\
         # _COLOR, _INTERVAL, _ASCII, _THRESHOLDS) and flags take precedence. All settings but the\n\
         # thresholds and names are for the live view.\n\
         \n\
         # Columns of the list of peers, in their order. On a narrow screen some are left out, always\n\
         # the same ones first.\n\
         columns = [\n{columns}]\n\
         \n\
         # Order of the peers: \"worst\" first, or by a column; a minus, as in \"-opens\", reverses it.\n\
         sort = \"worst\"\n\
         \n\
         # \"auto\" (on a terminal, unless NO_COLOR is set), \"always\" or \"never\".\n\
         color = \"auto\"\n\
         \n\
         # How often to look at the sockets, from 100ms to 1h.\n\
         interval = \"1s\"\n\
         \n\
         # Draw with ASCII characters only: \"auto\" (if the locale is not UTF-8 or the terminal is a\n\
         # console), \"always\" or \"never\".\n\
         ascii = \"auto\"\n\
         \n\
         # Thresholds of the diagnosis, for every command. A recording is judged with those it was made\n\
         # with, unless --threshold or --config say otherwise.\n\
         [thresholds]\n\
         {thresholds}\n\
         \n\
         # What peers are called in all output, by network; the smallest one that contains a peer decides.\n\
         # --name replaces them one by one. A recording keeps the names it was made with.\n\
         [names]\n\
         # \"192.0.2.7\" = \"checkout\"\n\
         # \"198.51.100.0/24\" = \"office\"\n"
    )
}

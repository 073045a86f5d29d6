//! What the peers are called, from all the places that can say so.

use std::collections::BTreeMap;

use toml::Spanned;

use super::{file, read};
use crate::{
    cli::{SettingsFlags, values},
    exit::Failure,
    model::names::{Name, Names},
};

/// Names as a file states them: labels by network.
pub(super) type Written = BTreeMap<Spanned<String>, String>;

/// The names for tracing: those of the file, then those of flags, which replace them.
///
/// # Errors
/// If one is invalid: where it is, and what is valid.
pub fn of_run(given: &SettingsFlags, get: impl Fn(&str) -> Option<String>) -> Result<Names, Failure> {
    let listed = from_file(given, get)?;
    over(&Names::default(), &listed, given)
}

/// The names for a recording: those it was made with, and over them what the command line gives. Default
/// files do not count, so that a recording reads the same wherever it is read.
///
/// # Errors
/// As for [`of_run`].
pub fn of_recording(given: &SettingsFlags, recorded: &Names) -> Result<Names, Failure> {
    let listed = match given.config {
        Some(_) => from_file(given, |_| None)?,
        None => Vec::new(),
    };
    over(recorded, &listed, given)
}

fn over(names: &Names, listed: &[Name], given: &SettingsFlags) -> Result<Names, Failure> {
    names
        .with(listed)
        .and_then(|names| names.with(&given.names))
        .map_err(Failure::Usage)
}

fn from_file(given: &SettingsFlags, get: impl Fn(&str) -> Option<String>) -> Result<Vec<Name>, Failure> {
    let Some((path, text)) = read(given, get)? else {
        return Ok(Vec::new());
    };
    let file_name = path.display().to_string();
    let written = file::parse(&file_name, &text)?;
    let one = |(network, label): (&Spanned<String>, &String)| {
        values::network(network.get_ref())
            .and_then(|network| Name::new(network, label))
            .map_err(|reason| {
                let line = file::line(&text, network.span().start);
                Failure::Usage(format!("{file_name}, line {line}, names: {reason}"))
            })
    };
    written.names.iter().map(one).collect()
}

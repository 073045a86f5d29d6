//! Thresholds of the diagnosis, from all the places they can be set.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{file, read};
use crate::{
    cli::{SettingsFlags, values},
    diagnosis::thresholds::{Changed, Thresholds},
    exit::Failure,
};

/// The environment variable: `NAME=VALUE[,NAME=VALUE…]`.
const VARIABLE: &str = "TCPREUSE_THRESHOLDS";

/// Thresholds as a file states them.
pub(super) type Written = BTreeMap<String, Entry>;

/// A value and its position in the file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Entry(Spanned<Value>);

impl Eq for Entry {}

/// The thresholds for tracing: defaults, then the file, then the environment, then flags; later ones take
/// precedence.
///
/// # Errors
/// If one is invalid: where it is set, which one it is, and what is valid.
pub fn of_run(given: &SettingsFlags, get: impl Fn(&str) -> Option<String>) -> Result<Thresholds, Failure> {
    let mut thresholds = Thresholds::DEFAULT;
    from_file(given, &get)?
        .iter()
        .for_each(|one| one.apply(&mut thresholds));
    for text in get(VARIABLE).iter().flat_map(|value| value.split(',')) {
        if !text.trim().is_empty() {
            values::threshold(text)
                .map_err(|reason| Failure::Usage(format!("{VARIABLE}: {}: {reason}", text.trim())))?
                .apply(&mut thresholds);
        }
    }
    given.thresholds.iter().for_each(|one| one.apply(&mut thresholds));
    Ok(thresholds)
}

/// The thresholds for a recording: those it was made with, unless the command line gives others. Environment
/// and default files do not count, so that a recording gives the same answer wherever it is read.
///
/// # Errors
/// As for [`of_run`].
pub fn of_recording(given: &SettingsFlags, recorded: Thresholds) -> Result<Thresholds, Failure> {
    let mut thresholds = recorded;
    if given.config.is_some() {
        from_file(given, |_| None)?
            .iter()
            .for_each(|one| one.apply(&mut thresholds));
    }
    given.thresholds.iter().for_each(|one| one.apply(&mut thresholds));
    Ok(thresholds)
}

fn from_file(given: &SettingsFlags, get: impl Fn(&str) -> Option<String>) -> Result<Vec<Changed>, Failure> {
    let Some((path, text)) = read(given, get)? else {
        return Ok(Vec::new());
    };
    let name = path.display().to_string();
    let written = file::parse(&name, &text)?;
    let one = |(key, Entry(value)): (&String, &Entry)| {
        let line = file::line(&text, value.span().start);
        let text = match value.get_ref() {
            Value::Integer(number) => Ok(number.to_string()),
            Value::String(text) => Ok(text.clone()),
            _ => Err("must be a number, or a time such as \"3s\"".to_owned()),
        };
        text.and_then(|text| values::threshold_named(key, &text))
            .map_err(|reason| Failure::Usage(format!("{name}, line {line}, thresholds.{key}: {reason}")))
    };
    written.thresholds.iter().map(one).collect()
}

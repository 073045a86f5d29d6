//! Settings of the view: a file and, after a zero byte, environment variables, one per line.

use std::fs;

use tcpreuse::testing::{
    cli::{SettingsFlags, ViewFlags},
    config::{Config, names_of_run, of_run},
};

use crate::scratch::Scratch;

/// The limits of `--interval`: a tenth of a second and an hour.
const INTERVAL_MS: std::ops::RangeInclusive<u128> = 100..=3_600_000;

pub(super) fn run(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let scratch = Scratch::take();
    let path = scratch.path().join("config.toml");
    fs::write(&path, &input[..end]).expect("a file written");
    let environment = String::from_utf8_lossy(input.get(end + 1..).unwrap_or_default());
    let get = |name: &str| {
        let mut lines = environment.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.to_owned())
    };
    let given = ViewFlags {
        settings: SettingsFlags {
            config: Some(path.clone()),
            ..SettingsFlags::default()
        },
        ..ViewFlags::default()
    };
    if let Ok(thresholds) = of_run(&given.settings, get) {
        assert!(thresholds.changed().len() < 100);
    }
    if let Ok(names) = names_of_run(&given.settings, get) {
        assert!(names.iter().all(|(_, label)| !label.trim().is_empty()));
    }
    if let Ok(config) = Config::resolve(&given, None, get) {
        assert!(!config.columns.is_empty());
        assert!(INTERVAL_MS.contains(&config.interval.as_millis()), "{config:?}");
    }
    fs::remove_file(path).expect("a file removed");
}

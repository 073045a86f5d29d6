//! Where settings come from, and the messages about wrong ones.

use std::fs;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::{
    cli::values::{name as named, threshold as flag},
    diagnosis::thresholds::Thresholds,
    model::names::Names,
};

fn resolve(file: &str, variables: &[(&str, &str)], flags: ViewFlags) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, file).unwrap();
    let flags = ViewFlags {
        settings: SettingsFlags {
            config: Some(path.clone()),
            ..flags.settings
        },
        ..flags
    };
    let get = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Config::resolve(&flags, None, get)
        .map_err(|failure| failure.to_string().replace(&path.display().to_string(), "FILE"))
}

fn sorted(name: &str) -> Sort {
    sort(name).unwrap()
}

#[test]
fn the_default_file_is_the_default() {
    assert_eq!(
        resolve(&default_file(), &[], ViewFlags::default()),
        Ok(Config::default())
    );
    assert_eq!(resolve("", &[], ViewFlags::default()), Ok(Config::default()));
    insta::assert_snapshot!(default_file());
}

#[test]
fn flags_count_more_than_the_environment_and_that_more_than_a_file() {
    let file = "sort = \"opens\"\ninterval = \"3s\"\ncolor = \"never\"\nascii = \"never\"\n";
    let variables = [
        ("TCPREUSE_SORT", "-peer"),
        ("TCPREUSE_INTERVAL", "4s"),
        ("TCPREUSE_ASCII", ""),
    ];
    let flags = ViewFlags {
        sort: Some("open_now".to_owned()),
        ..ViewFlags::default()
    };
    let all = resolve(file, &variables, flags).unwrap();
    assert_eq!(all.sort, sorted("open_now"));
    assert_eq!(all.interval, Duration::from_secs(4));
    assert_eq!(all.color, Color::Never);
    assert_eq!(all.ascii, When::Never, "an empty variable is not set");
    let without = resolve(file, &variables, ViewFlags::default()).unwrap();
    assert_eq!(without.sort, sorted("-peer"));
    assert_eq!(
        resolve(file, &[], ViewFlags::default()).unwrap().sort,
        sorted("opens")
    );
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_file_and_key() {
    let wrong = |file: &str| resolve(file, &[], ViewFlags::default()).unwrap_err();
    for (file, parts) in [
        (
            "colour = \"auto\"\n",
            &["FILE, line 1", "colour", "expected one of"][..],
        ),
        ("sort = \"worst\"\nsort = \"peer\"\n", &["FILE, line 2", "sort"]),
        ("\n\ninterval = 5\n", &["FILE, line 3", "expected a string"]),
        (
            "columns = [\"peer\", \"pear\"]\n",
            &["FILE: columns", "no column `pear`"],
        ),
        ("columns = [\"peer\", \"peer\"]\n", &["FILE: columns", "twice"]),
        ("columns = []\n", &["FILE: columns", "at least one"]),
        ("interval = \"1ms\"\n", &["FILE: interval", "from 100ms to 1h"]),
        ("ascii = \"perhaps\"\n", &["FILE: ascii", "`perhaps`"]),
        ("sort = ", &["FILE, line 1"]),
    ] {
        let said = wrong(file);
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in parts {
            assert!(said.contains(part), "{said} does not say {part}");
        }
    }
    let said = resolve("", &[("TCPREUSE_SORT", "size")], ViewFlags::default()).unwrap_err();
    assert!(
        said.starts_with("TCPREUSE_SORT: there is no column `size`"),
        "{said}"
    );
    let missing = ViewFlags {
        settings: SettingsFlags {
            config: Some("/nonexistent/config.toml".into()),
            ..SettingsFlags::default()
        },
        ..ViewFlags::default()
    };
    let said = Config::resolve(&missing, None, |_| None).unwrap_err().to_string();
    assert!(
        said.starts_with("cannot read the settings /nonexistent/config.toml"),
        "{said}"
    );
}

#[test]
fn the_own_file_counts_before_everyones() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("tcpreuse");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("config.toml"), "interval = \"7s\"\n").unwrap();
    let get = |name: &str| (name == "XDG_CONFIG_HOME").then(|| home.path().display().to_string());
    let config = Config::resolve(&ViewFlags::default(), None, get).unwrap();
    assert_eq!(config.interval, Duration::from_secs(7));
}

#[test]
fn what_is_no_file_of_settings_is_neither_waited_for_nor_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    fs::write(&large, "#".repeat(70_000)).unwrap();
    for (path, wanted) in [
        (pipe, "not a regular file"),
        (PathBuf::from("/dev/zero"), "not a regular file"),
        (large, "larger than 64 KiB"),
    ] {
        let flags = ViewFlags {
            settings: SettingsFlags {
                config: Some(path),
                ..SettingsFlags::default()
            },
            ..ViewFlags::default()
        };
        let said = Config::resolve(&flags, None, |_| None).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
}

fn thresholds(file: &str, variable: Option<&str>, flags: &[&str]) -> Result<Thresholds, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, file).unwrap();
    let given = SettingsFlags {
        config: Some(path.clone()),
        thresholds: flags.iter().map(|text| flag(text).unwrap()).collect(),
        names: Vec::new(),
    };
    of_run(&given, |_| variable.map(str::to_owned))
        .map_err(|failure| failure.to_string().replace(&path.display().to_string(), "FILE"))
}

#[test]
fn thresholds_come_from_file_environment_and_flags() {
    assert_eq!(thresholds(&default_file(), None, &[]), Ok(Thresholds::DEFAULT));
    let file = "[thresholds]\nmin_pile = 5\nsilent = \"2s\"\nmax_pool = 9\n";
    let set = thresholds(file, Some("silent=4s, max_pool=10"), &["max_pool=11"]).unwrap();
    assert_eq!((set.min_pile, set.silent, set.max_pool), (5, 4_000_000_000, 11));
    assert_eq!(set.min_closes, Thresholds::DEFAULT.min_closes);
}

#[test]
fn a_recording_keeps_its_thresholds_unless_the_command_line_names_others() {
    let mut recorded = Thresholds::DEFAULT;
    recorded.min_pile = 7;
    let none = SettingsFlags::default();
    assert_eq!(of_recording(&none, recorded).unwrap(), recorded);
    let given = SettingsFlags {
        thresholds: vec![flag("min_closes=9").unwrap()],
        ..none
    };
    let mixed = of_recording(&given, recorded).unwrap();
    assert_eq!((mixed.min_pile, mixed.min_closes), (7, 9));
}

#[test]
fn a_wrong_threshold_is_said_with_file_line_and_key() {
    for (entry, parts) in [
        (
            "min_pile = 0",
            &["FILE, line 3, thresholds.min_pile: ", "from 1 to 100000"][..],
        ),
        ("silent = \"9h\"", &["thresholds.silent: ", "from 200ms to 1h"]),
        ("silent = true", &["thresholds.silent: ", "a time"]),
        ("min_pile = \"many\"", &["thresholds.min_pile: ", "whole number"]),
        (
            "min_pill = 3",
            &[
                "thresholds.min_pill: ",
                "no threshold `min_pill`; the thresholds are min_closes,",
            ],
        ),
    ] {
        let said = thresholds(&format!("[thresholds]\n\n{entry}\n"), None, &[]).unwrap_err();
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in parts {
            assert!(said.contains(part), "{said} does not say {part}");
        }
    }
    let said = thresholds("", Some("min_pile"), &[]).unwrap_err();
    assert!(said.starts_with("TCPREUSE_THRESHOLDS: min_pile: "), "{said}");
    assert!(flag("min_pile=1000000").is_err());
}

fn names(file: &str, flags: &[&str]) -> Result<Names, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, file).unwrap();
    let given = SettingsFlags {
        config: Some(path.clone()),
        names: flags.iter().map(|text| named(text).unwrap()).collect(),
        ..SettingsFlags::default()
    };
    names_of_run(&given, |_| None)
        .map_err(|failure| failure.to_string().replace(&path.display().to_string(), "FILE"))
}

fn called<'a>(names: &'a Names, peer: &str) -> Option<&'a str> {
    names.get(peer.parse().unwrap()).map(|label| &**label)
}

#[test]
fn names_come_from_the_file_and_flags_replace_them() {
    assert!(names(&default_file(), &[]).unwrap().is_empty());
    let file = "[names]\n\"192.0.2.7\" = \"shop\"\n\"198.51.100.0/24\" = \"office\"\n";
    let both = names(file, &["192.0.2.7=checkout"]).unwrap();
    assert_eq!(called(&both, "192.0.2.7/32"), Some("checkout"));
    assert_eq!(called(&both, "198.51.100.9/32"), Some("office"));
    let given = SettingsFlags {
        names: vec![named("198.51.100.9=proxy").unwrap()],
        ..SettingsFlags::default()
    };
    let replayed = names_of_recording(&given, &both).unwrap();
    assert_eq!(called(&replayed, "198.51.100.9/32"), Some("proxy"));
    assert_eq!(called(&replayed, "192.0.2.7/32"), Some("checkout"), "recorded");
}

#[test]
fn a_wrong_name_is_said_in_one_line_with_file_and_line() {
    for (entry, parts) in [
        (
            "\"192.0.2\" = \"x\"",
            &["FILE, line 2, names: a network is written like"][..],
        ),
        (
            "\"192.0.2.7\" = \"\"",
            &["FILE, line 2, names: the label is empty"],
        ),
        ("\"192.0.2.7\" = 5", &["FILE, line 2", "expected a string"]),
    ] {
        let said = names(&format!("[names]\n{entry}\n"), &[]).unwrap_err();
        assert!(
            parts.iter().all(|part| said.contains(part)) && !said.contains('\n'),
            "{said}"
        );
    }
}

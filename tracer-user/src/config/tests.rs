//! Where settings come from and what is said about wrong ones.

use std::fs;

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;

fn resolve(file: &str, variables: &[(&str, &str)], flags: ViewFlags) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    fs::write(&path, file).unwrap();
    let flags = ViewFlags {
        config: Some(path.clone()),
        ..flags
    };
    let get = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Config::resolve(&flags, get)
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
        config: Some("/nonexistent/config.toml".into()),
        ..ViewFlags::default()
    };
    let said = Config::resolve(&missing, |_| None).unwrap_err().to_string();
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
    let config = Config::resolve(&ViewFlags::default(), get).unwrap();
    assert_eq!(config.interval, Duration::from_secs(7));
}

#[test]
fn what_is_no_file_of_settings_is_neither_waited_for_nor_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
    fs::write(&large, "#".repeat(70_000)).unwrap();
    for (path, wanted) in [
        (pipe, "no regular file"),
        (PathBuf::from("/dev/zero"), "no regular file"),
        (large, "larger than 64 KiB"),
    ] {
        let flags = ViewFlags {
            config: Some(path),
            ..ViewFlags::default()
        };
        let said = Config::resolve(&flags, |_| None).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
}

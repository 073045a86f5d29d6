//! Whole directories of several hosts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{super::plan::Group, Plan, joined_by};
use crate::{
    evidence::{
        load::{Wanted, load_wanted},
        testing::{crowd, recorded},
    },
    report::json,
};

/// Recordings of three hosts and a directory that is none.
fn directories(parent: &Path) -> Vec<PathBuf> {
    let (_kept, path, _) = recorded();
    let copy = |host: &str| {
        let to = parent.join(host);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        let manifest = to.join("manifest.json");
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(text.contains("\"web1\""));
        fs::write(manifest, text.replace("\"web1\"", &format!("\"{host}\""))).unwrap();
        to
    };
    vec![copy("web1"), copy("web3"), copy("web2"), parent.join("missing")]
}

fn answered(paths: &[PathBuf]) -> (String, Vec<String>) {
    let (plan, refused) = Plan::of(paths, &Wanted::default(), None);
    let loaded = |group: &Group| load_wanted(&group.paths[0], &Wanted::default()).unwrap();
    let joined = joined_by(&plan, plan.groups.iter().map(loaded).collect());
    let mut text = Vec::new();
    json::write(&mut text, &joined.diagnosis, &joined.origins[0]).unwrap();
    let refused = refused.iter().map(|(_, error)| error.to_string()).collect();
    (String::from_utf8(text).unwrap(), refused)
}

#[test]
fn the_order_of_hosts_changes_nothing_and_one_that_is_missing_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let mut paths = directories(parent.path());
    let (first, refused) = answered(&paths);
    assert!(
        refused[0].contains("missing: ") && refused.len() == 1,
        "{refused:?}"
    );
    let answer: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(answer["hosts"].as_array().unwrap().len(), 3);
    assert_eq!(answer["hosts"][1]["clock_ahead_ms"], serde_json::Value::Null);
    for _ in 0..paths.len() {
        paths.rotate_left(1);
        assert_eq!(answered(&paths).0, first);
    }
    paths.reverse();
    assert_eq!(answered(&paths).0, first);
}

/// Environment variable: where a hundred hosts with 10,000 clients go, to be measured with, instead of a few.
const MEASURED: &str = "TCPREUSE_MEASURE_HOSTS";

#[test]
fn hosts_with_the_same_clients_and_with_clients_of_their_own() {
    let measured = std::env::var_os(MEASURED).map(PathBuf::from);
    let (hosts, clients) = if measured.is_some() {
        (100, 10_000)
    } else {
        (3, 40)
    };
    let temporary = tempfile::tempdir().unwrap();
    let to = measured.as_deref().unwrap_or(temporary.path());
    let (_kept, path) = crowd::recorded(clients, 30);
    for (kind, own) in [("same", 0), ("distinct", 1)] {
        let folders = (0..hosts).map(|host| {
            let folder = to.join(kind).join(format!("web{host:03}"));
            fs::create_dir_all(&folder).unwrap();
            let change = |file: &str, from: &str, to: &str| {
                let text = fs::read_to_string(path.join(file)).unwrap();
                assert!(text.contains(from), "{file} has no {from}");
                fs::write(folder.join(file), text.replace(from, to)).unwrap();
            };
            change("manifest.json", "\"web1\"", &format!("\"web{host:03}\""));
            change("state.json", "\"10.0.", &format!("\"10.{}.", own * host));
            folder
        });
        let folders: Vec<PathBuf> = folders.collect();
        if measured.is_none() {
            let answer: serde_json::Value = serde_json::from_str(&answered(&folders).0).unwrap();
            let all = if own == 0 { clients } else { hosts * clients };
            assert_eq!(answer["peers"].as_array().unwrap().len(), all as usize, "{kind}");
        }
    }
}

#[test]
fn rows_of_all_hosts_make_a_time_line_of_their_own() {
    let parent = tempfile::tempdir().unwrap();
    let paths = directories(parent.path());
    let (text, _) = answered(&paths);
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let exact: Vec<&serde_json::Value> = answer["peers"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|peer| peer["overlaps_are_exact"] == true)
        .collect();
    // Three recordings of the same moments: each open but the first comes beside those on the other hosts.
    for peer in &exact {
        let figures = &peer["figures"];
        let opens = figures["opens"].as_u64().unwrap();
        let with_none = peer["basis"]["opens_while_none_was_held"].as_u64().unwrap();
        assert!(3 * with_none <= opens, "{peer}");
    }
    assert!(
        answer["peers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|peer| peer["hosts"].as_array().unwrap().len() == 3)
    );
}

//! The BPF object is the same wherever it is built, and does not say where that was.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use xtask::{
    object,
    probe::{Machine, cargo_home},
    toolchain,
};

/// What cargo wants to see of a workspace.
const PARTS: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "tracer-ebpf",
    "tracer-user",
    "xtask",
    "tests",
];

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

fn holds(bytes: &[u8], path: &Path) -> bool {
    let needle = path.as_os_str().as_encoded_bytes();
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_object_is_the_same_in_another_folder() {
    let Ok(toolchain) = toolchain::find(&Machine) else {
        // As without one the whole program has no object, other tests say so.
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("target"), PathBuf::from);
    let target = std::path::absolute(target).unwrap().join("bpf");
    let first = fs::read(object::build(&toolchain, here, &target).unwrap()).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let there = elsewhere.path().join("a rather longer name");
    fs::create_dir(&there).unwrap();
    for part in PARTS {
        copy(&here.join(part), &there.join(part));
    }
    let second_target = elsewhere.path().join("out");
    let second = fs::read(object::build(&toolchain, &there, &second_target).unwrap()).unwrap();
    assert!(!first.is_empty());
    assert!(first == second, "{} and {} bytes", first.len(), second.len());

    let home = cargo_home(&Machine).unwrap();
    for path in [here, &there, &target, &second_target, &home] {
        assert!(
            !holds(&second, path) && !holds(&first, path),
            "{}",
            path.display()
        );
    }
}

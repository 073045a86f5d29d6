//! Replays every stored input on its target.
#![expect(clippy::unwrap_used, reason = "any failure must fail the test")]

use std::{fs, panic::catch_unwind, path::Path};

use tcpreuse_fuzz::TARGETS;

/// Runs all inputs in a folder of this package; returns their number.
fn replay(folder: &str, name: &str) -> usize {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    let Ok(files) = fs::read_dir(folder) else { return 0 };
    let mut count = 0;
    for file in files.flatten() {
        let input = fs::read(file.path()).unwrap();
        let run = target.run;
        assert!(
            catch_unwind(|| run(&input)).is_ok(),
            "see above: {}",
            file.path().display()
        );
        count += 1;
    }
    count
}

macro_rules! replays {
    ($($test:ident: $name:literal,)+) => {
        $(
            #[test]
            fn $test() {
                assert!(replay("corpus", $name) > 0, "no inputs are kept");
                replay("regressions", $name);
            }
        )+

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.map(|target| target.name), [$($name),+]);
        }
    };
}

replays! {
    btf: "btf",
    kernel: "kernel",
    rows: "rows",
    evidence: "evidence",
    files: "files",
    report: "report",
    status_page: "status-page",
    status_url: "status-url",
    settings: "settings",
    command_line: "command-line",
    text: "text",
    names: "names",
    view: "view",
    demo: "demo",
}

//! The command line of `cargo xtask`.

use std::ffi::OsString;

pub(crate) const USAGE: &str = "\
usage: cargo xtask <command>

  setup [--tests | --bench]
                    find or install what the BPF half is built with, and what the tests or the measurements need
  build [--debug]   build the tcpreuse binary
  build-ebpf        build the BPF object alone
  demo [ARG...]     build, then run `tcpreuse demo ARG...` (through sudo if need be)
  scenarios [ARG...]
                    build, then run the scenarios of clients and servers with known verdicts: all, or those
                    named; --list, --figures, --rounds N (through sudo if need be)
  picture           run the demo and put what its live view shows into README.md
  bench [ARG...]    build, then measure what tracing costs beside others, and whether it is within its budgets
                    (through sudo if need be); --quick, --rounds N, --markdown, --json FILE, names of parts;
                    --readme puts the tables into README.md
  test [ARG...]     run all tests; ARG... goes to `cargo test`
  dist [--check]    build what is handed out into target/dist: a static binary, a Debian package and an
                    archive with it; --check installs the package in a fresh root and removes it again
  lint              formatting, clippy for both halves, licences and sources of dependencies

TCPREUSE_BPF_TOOLCHAIN names the rustup toolchain for the BPF half (default: nightly). Where it cannot be
used, the distribution's compiler is: see `cargo xtask setup`.

Exit codes: 0 done, 1 failed, 2 bad usage, 3 something has to be installed first. `demo`, `scenarios`,
`bench` and `test` pass on the code of what they run.
";

/// One command with what it was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Setup(Purpose),
    Build { profile: Profile },
    BuildEbpf,
    Demo(Vec<OsString>),
    Scenarios(Vec<OsString>),
    Bench(Vec<OsString>),
    Picture,
    Test(Vec<OsString>),
    Dist { check: bool },
    Lint,
}

/// What a set-up is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Build,
    Tests,
    Bench,
}

/// How the host half is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Task, String> {
    let mut args = args.into_iter();
    let command = args.next().ok_or("which command?")?;
    let rest: Vec<OsString> = args.collect();
    let switch = |name: &str| match rest.as_slice() {
        [] => Ok(false),
        [only] if only == name => Ok(true),
        [first, ..] => Err(format!(
            "`{}` does not take `{}`",
            command.display(),
            first.display()
        )),
    };
    match command.to_str() {
        Some("help" | "--help" | "-h") => Ok(Task::Help),
        Some("setup") => {
            let purpose = match rest.as_slice() {
                [only] if only == "--bench" => Purpose::Bench,
                _ if switch("--tests")? => Purpose::Tests,
                _ => Purpose::Build,
            };
            Ok(Task::Setup(purpose))
        }
        Some("build") => {
            let profile = if switch("--debug")? {
                Profile::Debug
            } else {
                Profile::Release
            };
            Ok(Task::Build { profile })
        }
        Some("dist") => Ok(Task::Dist {
            check: switch("--check")?,
        }),
        Some("build-ebpf") if rest.is_empty() => Ok(Task::BuildEbpf),
        Some("picture") if rest.is_empty() => Ok(Task::Picture),
        Some("lint") if rest.is_empty() => Ok(Task::Lint),
        Some(name @ ("build-ebpf" | "picture" | "lint")) => Err(format!("`{name}` takes no arguments")),
        Some("demo") => Ok(Task::Demo(rest)),
        Some("scenarios") => Ok(Task::Scenarios(rest)),
        Some("bench") => Ok(Task::Bench(rest)),
        Some("test") => Ok(Task::Test(rest)),
        _ => Err(format!("there is no command `{}`", command.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn switches_belong_to_their_command() {
        assert_eq!(parsed("setup"), Ok(Task::Setup(Purpose::Build)));
        assert_eq!(parsed("setup --tests"), Ok(Task::Setup(Purpose::Tests)));
        assert_eq!(parsed("setup --bench"), Ok(Task::Setup(Purpose::Bench)));
        assert_eq!(
            parsed("build"),
            Ok(Task::Build {
                profile: Profile::Release
            })
        );
        assert_eq!(
            parsed("build --debug"),
            Ok(Task::Build {
                profile: Profile::Debug
            })
        );
        assert_eq!(parsed("dist --check"), Ok(Task::Dist { check: true }));
        assert_eq!(
            parsed("setup --debug"),
            Err("`setup` does not take `--debug`".to_owned())
        );
        assert_eq!(parsed("lint --fix"), Err("`lint` takes no arguments".to_owned()));
    }

    #[test]
    fn what_is_passed_on_is_not_read() {
        let passed_on = vec!["--help".into(), "--".into(), "--nocapture".into()];
        assert_eq!(parsed("test --help -- --nocapture"), Ok(Task::Test(passed_on)));
        assert_eq!(parsed("demo"), Ok(Task::Demo(Vec::new())));
        assert_eq!(
            parsed("scenarios --list"),
            Ok(Task::Scenarios(vec!["--list".into()]))
        );
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(parsed("").is_err());
        assert_eq!(parsed("bulid"), Err("there is no command `bulid`".to_owned()));
    }
}

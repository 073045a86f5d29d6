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
  kernels [--kernel VERSION]... [--minutes N] [--keep] [NAME...]
                    run the tests that are about the kernel on this kernel (`here`) and, in virtual machines,
                    on Debian's 6.1 and 6.12; all such tests, or those with a NAME in their names. --minutes
                    limits each kernel (default 20), --keep keeps the virtual machines' file systems
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
    Kernels(Kernels),
    Test(Vec<OsString>),
    Lint,
}

/// What `kernels` is to try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kernels {
    /// Series such as `6.1`, or `here`; all that are known when there are none.
    pub(crate) kernels: Vec<String>,
    /// Parts of names of tests; all when there are none.
    pub(crate) filters: Vec<String>,
    /// The most each kernel may take.
    pub(crate) minutes: u64,
    /// Whether the file systems stay.
    pub(crate) keep: bool,
}

impl Default for Kernels {
    fn default() -> Self {
        Self {
            kernels: Vec::new(),
            filters: Vec::new(),
            minutes: 20,
            keep: false,
        }
    }
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
        Some("build-ebpf") if rest.is_empty() => Ok(Task::BuildEbpf),
        Some("picture") if rest.is_empty() => Ok(Task::Picture),
        Some("lint") if rest.is_empty() => Ok(Task::Lint),
        Some(name @ ("build-ebpf" | "picture" | "lint")) => Err(format!("`{name}` takes no arguments")),
        Some("demo") => Ok(Task::Demo(rest)),
        Some("scenarios") => Ok(Task::Scenarios(rest)),
        Some("kernels") => kernels(rest).map(Task::Kernels),
        Some("bench") => Ok(Task::Bench(rest)),
        Some("test") => Ok(Task::Test(rest)),
        _ => Err(format!("there is no command `{}`", command.display())),
    }
}

fn kernels(arguments: Vec<OsString>) -> Result<Kernels, String> {
    let mut wanted = Kernels::default();
    let mut words = arguments
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            "--kernel" => {
                let kernel = value()?;
                let series = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                if kernel != "here" && !kernel.split('.').all(series) {
                    return Err(format!(
                        "`--kernel` takes a version such as 6.1, or `here`, not `{kernel}`"
                    ));
                }
                wanted.kernels.push(kernel);
            }
            "--minutes" => {
                let minutes = value()?;
                wanted.minutes = minutes
                    .parse()
                    .ok()
                    .filter(|minutes| (1..=600).contains(minutes))
                    .ok_or(format!(
                        "`--minutes` takes a number from 1 to 600, not `{minutes}`"
                    ))?;
            }
            "--keep" => wanted.keep = true,
            option if option.starts_with('-') => return Err(format!("`kernels` does not take `{option}`")),
            _ => wanted.filters.push(word),
        }
    }
    Ok(wanted)
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
    fn kernels_and_tests_can_be_chosen() {
        assert_eq!(parsed("kernels"), Ok(Task::Kernels(Kernels::default())));
        assert_eq!(
            parsed("kernels --kernel 6.1 --kernel here --keep --minutes 5 seed counts::"),
            Ok(Task::Kernels(Kernels {
                kernels: vec!["6.1".to_owned(), "here".to_owned()],
                filters: vec!["seed".to_owned(), "counts::".to_owned()],
                minutes: 5,
                keep: true,
            }))
        );
        for wrong in [
            "--kernel",
            "--kernel ../x",
            "--kernel 6.",
            "--minutes 0",
            "--minutes x",
            "--fast",
        ] {
            assert!(parsed(&format!("kernels {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(parsed("").is_err());
        assert_eq!(parsed("bulid"), Err("there is no command `bulid`".to_owned()));
    }
}

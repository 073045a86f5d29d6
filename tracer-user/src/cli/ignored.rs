//! Flags that would have no effect beside another one. They are refused: somebody wants something of them.

use clap::{ArgMatches, parser::ValueSource};

/// Flags of one command that another of its flags makes void.
struct Rule {
    command: &'static str,
    with: &'static str,
    /// As clap knows them.
    ignored: &'static [&'static str],
    why: &'static str,
}

/// Flags without a meaning where nothing is traced.
const OF_TRACING: &[&str] = &[
    "max_peers",
    "retain",
    "max_connections",
    "btf",
    "object",
    "no_peek",
    "verbose",
];

const RULES: &[Rule] = &[
    Rule {
        command: "diagnose",
        with: "from",
        ignored: OF_TRACING,
        why: "reads a recording and traces nothing",
    },
    Rule {
        command: "report",
        with: "dir",
        ignored: OF_TRACING,
        why: "reads a recording and traces nothing",
    },
    Rule {
        command: "replay",
        with: "batch",
        ignored: &["speed"],
        why: "prints the rows as fast as they can be read",
    },
];

/// In words, when a flag of the command line would be ignored. What comes from the environment may be.
pub(super) fn refuse(matches: &ArgMatches) -> Result<(), String> {
    let Some((command, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let is_typed = |flag: &&str| matches.value_source(flag) == Some(ValueSource::CommandLine);
    for rule in RULES
        .iter()
        .filter(|rule| rule.command == command && is_typed(&rule.with))
    {
        if let Some(flag) = rule.ignored.iter().copied().find(is_typed) {
            let written = |name: &str| format!("--{}", name.replace('_', "-"));
            // The directory stands without a flag.
            let with = match rule.with {
                "dir" => rule.command.to_owned(),
                with => written(with),
            };
            let flag = written(flag);
            return Err(format!("{flag} has no effect with {with}, which {}", rule.why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn refused(words: &[&str]) -> Option<String> {
        let matches = Cli::command().try_get_matches_from([&["tcpreuse"], words].concat());
        refuse(&matches.unwrap()).err()
    }

    #[test]
    fn a_flag_that_would_be_ignored_is_refused() {
        for flag in [
            "--max-peers=5",
            "--max-connections=5",
            "--btf=x",
            "--object=x",
            "--verbose",
        ] {
            let said = refused(&["diagnose", "--from", "x", flag]).unwrap();
            let name = flag.split('=').next().unwrap();
            assert!(
                said.starts_with(&format!("{name} has no effect with --from")),
                "{said}"
            );
            assert_eq!(refused(&["diagnose", flag]), None, "{flag}");
        }
        let said = refused(&["replay", "x", "--batch", "--speed", "10"]).unwrap();
        assert!(said.starts_with("--speed has no effect with --batch"), "{said}");
        assert_eq!(refused(&["replay", "x", "--speed", "10"]), None);
        assert_eq!(refused(&["diagnose", "--from", "x", "--peer", "192.0.2.7"]), None);
    }

    /// A flag under another name would never be found.
    #[test]
    fn all_flags_are_there() {
        let program = Cli::command();
        for rule in RULES {
            let command = program.find_subcommand(rule.command).unwrap();
            for flag in rule.ignored.iter().chain([&rule.with]) {
                assert!(
                    command.get_arguments().any(|argument| argument.get_id() == flag),
                    "{flag}"
                );
            }
        }
    }
}

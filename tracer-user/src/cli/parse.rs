//! From the words that were typed to a command, and usage errors in one line that names the next step.

use std::ffi::OsString;

use clap::{
    ArgMatches, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue},
};

use super::{Cli, ignored};
use crate::exit::Failure;

/// The program's name.
pub const NAME: &str = "tcpreuse";

/// Why there is no command.
#[derive(Debug)]
pub enum Refused {
    /// Help or the version was asked for.
    Answer(clap::Error),
    /// Bad usage.
    Usage(Failure),
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// When there is no command to run.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Refused> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    if words
        .get(1)
        .and_then(|word| word.to_str())
        .is_some_and(is_flag_of_top)
    {
        words.insert(1, "top".into());
    }
    let matches = matches(&words).map_err(|error| match error.use_stderr() {
        true => Refused::Usage(usage(&error, &words)),
        false => Refused::Answer(error),
    })?;
    ignored::refuse(&matches).map_err(|what| Refused::Usage(failure(&what, &words)))?;
    Cli::from_arg_matches(&matches).map_err(|error| Refused::Usage(usage(&error, &words)))
}

fn matches(words: &[OsString]) -> Result<ArgMatches, clap::Error> {
    Cli::command().try_get_matches_from(words)
}

/// Whether a first word belongs to `top`, which is what runs without a command.
fn is_flag_of_top(word: &str) -> bool {
    word.starts_with('-') && !matches!(word, "-h" | "--help" | "-V" | "--version" | "-" | "--")
}

/// The command that was typed.
fn command(words: &[OsString]) -> Option<&str> {
    let word = words.get(1)?.to_str()?;
    Cli::command().find_subcommand(word).is_some().then_some(word)
}

/// A usage error of clap in one line: what is wrong, what was meant, where the help is.
fn usage(error: &clap::Error, words: &[OsString]) -> Failure {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let mut what = first.trim_start_matches("error: ").to_owned();
    // clap lists what is missing or possible on lines of their own.
    let listed: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    if !listed.is_empty() {
        what.push_str(&format!(" {}", listed.join(", ")));
    }
    if let Some(meant) = meant(error, words) {
        what.push_str(&format!("; {meant}"));
    } else {
        // The other tips of clap explain how to give a value that begins with a dash.
        let tips = lines.filter_map(|line| line.strip_prefix("tip: "));
        for tip in tips.filter(|tip| tip.contains("similar")) {
            what.push_str(&format!("; {tip}"));
        }
    }
    failure(&what, words)
}

fn failure(what: &str, words: &[OsString]) -> Failure {
    let command = command(words).map_or_else(String::new, |command| format!(" {command}"));
    Failure::Usage(format!("{what}; see `{NAME}{command} --help`"))
}

/// What to write instead of a word that other tools understand.
fn meant(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let word = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand]
        .into_iter()
        .find_map(|kind| match error.get(kind) {
            Some(ContextValue::String(word)) => Some(word.as_str()),
            _ => None,
        })?;
    if error.kind() != clap::error::ErrorKind::UnknownArgument
        && error.kind() != clap::error::ErrorKind::InvalidSubcommand
    {
        return None;
    }
    let command = command(words);
    let is_port = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && !word.starts_with('-');
    let text = match (command, word) {
        (None, _) if is_port => format!("to watch a port, write `{NAME} top --port {word}`"),
        (Some("top" | "diagnose" | "record" | "serve"), _) if is_port => format!("for a port, write `--port {word}`"),
        (Some("top"), "--json") => format!("`{NAME} diagnose --format json` prints JSON"),
        (Some("diagnose" | "record" | "demo"), "--json") => "for JSON, write `--format json`".to_owned(),
        (Some("top"), "--from") => format!("`{NAME} replay DIR` plays a recording"),
        (_, "-i" | "--iface" | "--interface") => {
            "`--interval` sets how often to look; for interfaces there is no flag, but `--port`, `--peer` and `--netns`"
                .to_owned()
        }
        (Some("top"), "-d" | "--delay") => "`--interval` sets how often to look".to_owned(),
        (Some("diagnose" | "record" | "demo"), "-d" | "-t" | "--time" | "--timeout") => {
            "`--duration` sets how long to trace".to_owned()
        }
        (Some("record"), _) if !word.starts_with('-') => {
            format!("to record into a directory, write `--out {word}`")
        }
        (Some("diagnose"), _) if word.contains('/') && !word.starts_with('-') => {
            format!("to diagnose a recording, write `--from {word}`")
        }
        (Some(_), _) if self::command(&[NAME.into(), word.into()]).is_some() => {
            format!("the command comes first: `{NAME} {word} …`")
        }
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command;

    fn parsed(words: &[&str]) -> Result<Cli, Refused> {
        parse([NAME].iter().chain(words).map(OsString::from))
    }

    fn refused(words: &[&str]) -> String {
        match parsed(words).unwrap_err() {
            Refused::Usage(failure) => failure.to_string(),
            Refused::Answer(error) => panic!("{words:?}: {error}"),
        }
    }

    #[test]
    fn flags_without_a_command_are_those_of_top() {
        for words in [
            &["-p", "443"][..],
            &["top", "-p", "443"],
            &["--port=443"],
            &["-p443"],
        ] {
            match parsed(words).unwrap().command {
                Some(Command::Top(top)) => assert_eq!(top.trace.ports(), [443], "{words:?}"),
                other => panic!("{words:?}: {other:?}"),
            }
        }
        assert!(parsed(&[]).unwrap().command.is_none());
        for words in [&["--help"][..], &["-V"], &["-p", "443", "--help"]] {
            assert!(matches!(parsed(words), Err(Refused::Answer(_))), "{words:?}");
        }
    }

    #[test]
    fn what_was_meant_is_named() {
        let refusals: Vec<String> = [
            "diagnose --prot 443",
            "diagnos",
            "diagnose --format yaml",
            "diagnose 443",
            "top 443",
            "443",
            "top 8000-8100",
            "diagnose --json",
            "top --json",
            "diagnose -i eth0",
            "top -d 1",
            "diagnose -d 5",
            "record evidence",
            "record",
            "diagnose /var/tmp/evidence",
            "top --from evidence",
            "-p 443 diagnose",
            "verify",
            "nonsense",
            "diagnose --from evidence --max-peers 5",
            "diagnose --from evidence --duration 5",
        ]
        .into_iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{line}\n    {}", refused(&words))
        })
        .collect();
        insta::assert_snapshot!(refusals.join("\n"));
    }
}

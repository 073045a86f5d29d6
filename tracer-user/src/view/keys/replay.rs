//! Keys that only a recording has.

use super::{
    Action, Binding,
    Key::{self, Char},
    binding,
};
use crate::view::playback::Command;

const fn play(
    keys: &'static [Key],
    shown: &'static str,
    command: Command,
    help: &'static str,
    hint: &'static str,
) -> Binding {
    binding(keys, shown, Action::Play(command), help, hint)
}

/// In the order of the help. They take precedence over the same keys elsewhere.
pub(super) static REPLAY_KEYS: [Binding; 12] = [
    play(
        &[Char(' ')],
        "Space",
        Command::PlayOrHold,
        "play or pause; at the end, play from the start",
        "play",
    ),
    play(
        &[Char('.')],
        ".",
        Command::Step(1),
        "one interval forward, then pause",
        "step",
    ),
    play(
        &[Char(',')],
        ",",
        Command::Step(-1),
        "one interval back, then pause",
        "",
    ),
    play(&[Char(']')], "]", Command::Step(10), "ten intervals forward", ""),
    play(&[Char('[')], "[", Command::Step(-10), "ten intervals back", ""),
    play(
        &[Char('+'), Char('>'), Char('=')],
        "+ >",
        Command::Faster,
        "faster",
        "",
    ),
    play(&[Char('-'), Char('<')], "- <", Command::Slower, "slower", ""),
    play(&[Char('0')], "0", Command::ToStart, "to the start", ""),
    play(&[Char('$')], "$", Command::ToEnd, "to the end", ""),
    play(
        &[Char('n')],
        "n",
        Command::ToSurge,
        "to where the surge began",
        "",
    ),
    binding(&[Char(';')], ";", Action::FindNext, "to the next row found", ""),
    binding(
        &[Char(':')],
        ":",
        Action::FindPrevious,
        "to the row found before",
        "",
    ),
];

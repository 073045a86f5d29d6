//! The time line of a recording: where it is between its start and its end.

use ratatui::layout::Rect;

use crate::{
    report::{clock_of, day_of},
    view::{fit::width, pen::Pen, playback::Playback, theme::Role},
};

/// Minimum width of the bar; the text after it gives way.
const MIN_BAR: u16 = 10;

/// Maximum width, so that the position is easy to find.
const MAX_BAR: u16 = 60;

pub(super) fn draw(playback: &Playback, area: Rect, pen: &mut Pen<'_>) {
    // The day matters only if there is more than one.
    let days = day_of(playback.start) != day_of(playback.end);
    let time = |at: i128| match days {
        true => format!("{} {}", day_of(at), clock_of(at)),
        false => clock_of(at),
    };
    let (start, end) = (
        format!("{} ", time(playback.start)),
        format!(" {}", time(playback.end)),
    );
    let state = match (playback.playing, playback.is_at_end()) {
        (true, _) => "playing",
        (false, true) => "end",
        (false, false) => "paused",
    };
    let dot = pen.glyphs.dot;
    let mut after = vec![
        (format!("  {}", time(playback.at)), Role::Strong),
        (dot.to_owned(), Role::Faint),
        (speed(playback.speed, pen.glyphs.times), Role::Plain),
        (dot.to_owned(), Role::Faint),
        (
            state.to_owned(),
            if playback.playing {
                Role::Good
            } else {
                Role::Strong
            },
        ),
    ];
    if let Some(surge) = playback.surge {
        after.push((format!("{dot}! surge {}", time(surge)), Role::Bad));
    }
    let columns = |text: &str| u16::try_from(width(text)).unwrap_or(u16::MAX);
    let ends = columns(&start) + columns(&end);
    let words: u16 = after.iter().map(|(text, _)| columns(text)).sum();
    // The bar does not change its length when playback pauses.
    let spare = columns("playing") - columns(state);
    let room = area.width.saturating_sub(ends + words + spare);
    let bar = room.clamp(MIN_BAR, MAX_BAR);
    // Without room for both, the position matters more than the ends.
    let mut pieces = Vec::new();
    if room >= MIN_BAR {
        pieces.push((start, Role::Faint));
    }
    pieces.extend(bar_of(playback, bar, pen));
    if room >= MIN_BAR {
        pieces.push((end, Role::Faint));
    }
    pieces.extend(after);
    pen.line(area, &pieces);
}

fn bar_of(playback: &Playback, columns: u16, pen: &Pen<'_>) -> Vec<(String, Role)> {
    let glyphs = &pen.glyphs;
    let at = playback.column(playback.at, columns);
    let surge = playback.surge.map(|surge| playback.column(surge, columns));
    (0..columns)
        .map(|column| {
            let (mark, role) = if column == at {
                (glyphs.alive, Role::Strong)
            } else if Some(column) == surge {
                ('!', Role::Bad)
            } else if column < at {
                (glyphs.open, Role::Plain)
            } else {
                (glyphs.rest, Role::Faint)
            };
            (mark.to_string(), role)
        })
        .collect()
}

/// A speed in little space.
fn speed(speed: f64, times: char) -> String {
    let text = format!("{speed:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{times}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::view::{
        app::{App, tests::look},
        example, panes,
        theme::Glyphs,
    };

    const S: i128 = 1_000_000_000;
    const START: i128 = 1_767_225_600 * S;

    fn playback() -> Playback {
        Playback {
            start: START,
            at: START + 90 * S,
            end: START + 300 * S,
            speed: 2.0,
            playing: true,
            surge: Some(START + 180 * S),
            as_recorded: false,
        }
    }

    fn shown(playback: Playback, glyphs: Glyphs, width: u16, height: u16) -> String {
        let mut snapshot = example::snapshot();
        snapshot.playback = Some(playback);
        let mut app = App::new(crate::view::app::Look { glyphs, ..look() }, Arc::new(snapshot));
        panes::picture(&mut app, width, height)
    }

    #[test]
    fn the_header_shows_where_it_is() {
        insta::assert_snapshot!("playing_100x24", shown(playback(), Glyphs::UNICODE, 100, 24));
        let held = Playback {
            playing: false,
            speed: 0.5,
            surge: None,
            ..playback()
        };
        let text = shown(held, Glyphs::ASCII, 100, 24);
        assert!(
            text.is_ascii() && text.contains("00:01:30 | 0.5x | paused"),
            "{text}"
        );
        let small = shown(playback(), Glyphs::UNICODE, 60, 10);
        assert!(small.contains("00:01:30 · 2× · playing"), "{small}");
        let end = Playback {
            at: START + 300 * S,
            playing: false,
            ..playback()
        };
        let text = shown(end, Glyphs::UNICODE, 100, 24);
        assert!(text.contains("▸ 00:05:00  00:05:00 · 2× · end"), "{text}");
        for width in [1, 20, 33, 250] {
            shown(end, Glyphs::UNICODE, width, 24);
        }
    }

    #[test]
    fn verdicts_that_were_recorded_are_said_to_be() {
        let recorded = Playback {
            as_recorded: true,
            ..playback()
        };
        let text = shown(recorded, Glyphs::UNICODE, 120, 24);
        assert!(text.contains(" · verdicts as recorded"), "{text}");
        assert!(!shown(playback(), Glyphs::UNICODE, 120, 24).contains("as recorded"));
    }

    #[test]
    fn a_recording_over_midnight_says_the_day() {
        let long = Playback {
            end: START + 2 * 86_400 * S,
            ..playback()
        };
        let text = shown(long, Glyphs::UNICODE, 160, 24);
        assert!(
            text.contains("Jan 01 00:01:30") && text.contains("Jan 03 00:00:00"),
            "{text}"
        );
    }

    #[test]
    fn a_recording_of_one_moment_has_a_time_line_too() {
        let one = Playback {
            end: START,
            at: START,
            surge: None,
            ..playback()
        };
        assert_eq!(one.column(START, 20), 0);
        shown(one, Glyphs::UNICODE, 100, 24);
    }
}

//! Output without a terminal: plain rows once per interval, for a file, a pipe or a log.

use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::Context;

use super::{
    answer,
    app::{App, Look},
    columns::Column,
    feed::Feeding,
    fit::{pad, visible},
    keeper::{Batch, Keeper, Prefixes},
    signals::{Asked, Signals},
};
use crate::{exit::Failure, report::clock, stop::event_loop};

/// How much is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Number of updates; `None` means until the end.
    pub times: Option<u32>,
    /// Rows per update; `None` means all.
    pub rows: Option<usize>,
}

/// Prints a feed until it ends, a signal arrives or the number of updates is reached.
///
/// # Errors
/// If the feed fails or the output cannot be written.
pub fn run(look: Look, feeding: Feeding, limits: Limits) -> Result<(), Failure> {
    let runtime = event_loop()?;
    runtime.block_on(print(look, feeding, limits))
}

async fn print(look: Look, mut feeding: Feeding, limits: Limits) -> Result<(), Failure> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let mut app: Option<App> = None;
    let mut times = 0;
    loop {
        tokio::select! {
            biased;
            asked = signals.next() => match asked {
                Asked::End => return Ok(()),
                // There is no terminal to give back or take again.
                Asked::Stop => rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::STOP,
                )
                .map_err(io::Error::from)?,
                Asked::GoOn => {}
            },
            Ok(()) = feeding.snapshots.changed() => {
                let Some(snapshot) = feeding.snapshots.borrow_and_update().clone() else {
                    continue;
                };
                let app = match &mut app {
                    Some(app) => {
                        app.update(snapshot);
                        app
                    }
                    None => app.insert(App::new(look.clone(), snapshot)),
                };
                times += 1;
                let mut out = io::BufWriter::new(io::stdout().lock());
                rows(&mut out, app, limits.rows)?;
                out.flush()?;
                if limits.times.is_some_and(|most| times >= most) {
                    return Ok(());
                }
            }
            end = &mut feeding.end => return super::run::ended(end.ok()),
        }
    }
}

/// Prints all batches, or as many as wanted, without waiting.
///
/// # Errors
/// If the next batch cannot be read or the output cannot be written.
pub fn run_all(
    look: Look,
    prefixes: Prefixes,
    limits: Limits,
    mut next: impl FnMut() -> Result<Option<Batch>, Failure>,
) -> Result<(), Failure> {
    let mut keeper = Keeper::new(prefixes, None);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut app: Option<App> = None;
    let mut times = 0;
    while limits.times.is_none_or(|most| times < most)
        && let Some(batch) = next()?
    {
        let snapshot = Arc::new(keeper.add(batch));
        let app = app.get_or_insert_with(|| App::new(look.clone(), Arc::clone(&snapshot)));
        app.update(snapshot);
        rows(&mut out, app, limits.rows)?;
        out.flush()?;
        times += 1;
    }
    Ok(())
}

/// One update: a summary line, the titles, the rows and an empty line.
fn rows(to: &mut dyn Write, app: &App, most: Option<usize>) -> io::Result<()> {
    let (glyphs, shown, columns) = (&app.look.glyphs, &app.shown, app.columns());
    writeln!(to, "{} {}", clock(shown.taken()), answer::counted(shown, glyphs))?;
    writeln!(to, "{}", visible(&answer::headline(shown)))?;
    // Each column is as wide as its widest value, since there is no screen to fit.
    let shown = || app.peer_rows().take(most.unwrap_or(usize::MAX));
    let cells: Vec<Vec<String>> = shown()
        .map(|row| {
            let text = |column: &Column| visible(&column.value(row).text(glyphs));
            columns.iter().map(text).collect()
        })
        .collect();
    let titles = columns.iter().map(|column| column.spec().title);
    let widths: Vec<usize> = titles
        .clone()
        .enumerate()
        .map(|(i, title)| {
            let values = cells.iter().filter_map(|row| row.get(i));
            let widest = values.map(|text| super::fit::width(text)).max().unwrap_or(0);
            widest.max(super::fit::width(title))
        })
        .collect();
    let line = |values: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = values
            .zip(&columns)
            .zip(&widths)
            .map(|((text, column), width)| pad(text, *width, column.spec().align(), glyphs.ellipsis))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    writeln!(to, "{}", line(&mut titles.clone()))?;
    for row in &cells {
        writeln!(to, "{}", line(&mut row.iter().map(String::as_str)))?;
    }
    let more = app.peer_count() - cells.len();
    if more > 0 {
        writeln!(to, "and {more} more; --rows shows more")?;
    }
    writeln!(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{app::tests::look, example, theme::Glyphs};

    #[test]
    fn rows_are_plain_text() {
        let mut app = App::new(
            Look {
                glyphs: Glyphs::ASCII,
                ..look()
            },
            Arc::new(example::snapshot()),
        );
        let mut out = Vec::new();
        rows(&mut out, &app, Some(4)).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
        insta::assert_snapshot!(shown);
        app.set_filter("v:nothing");
        rows(&mut io::sink(), &app, None).unwrap();
    }
}

//! How the number of connections moved, as a drawing.

use std::fmt::{self, Write};

use crate::{diagnosis::words, serve::latest::Point};

/// The size of the drawing in its own units; the page stretches it.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 160.0;

pub(super) fn write(page: &mut String, course: &[Point]) -> fmt::Result {
    let [first, .., last] = course else { return Ok(()) };
    let most = course
        .iter()
        .map(|point| point.open.max(point.close_wait))
        .max()
        .unwrap_or(0);
    let waiting = course.iter().map(|point| point.close_wait).max().unwrap_or(0);
    let span_ns = last.at_ns.saturating_sub(first.at_ns);
    let line = |of: fn(&Point) -> u64| -> String {
        let point = |point: &Point| {
            let x = scaled(point.at_ns.saturating_sub(first.at_ns), span_ns, WIDTH);
            let y = HEIGHT - scaled(of(point), most, HEIGHT);
            format!("{x:.1},{y:.1}")
        };
        course.iter().map(point).collect::<Vec<_>>().join(" ")
    };
    writeln!(
        page,
        "<section><h2>The last {}</h2>\n<figure><svg viewBox=\"0 -4 {WIDTH} {}\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"{} open now, {most} at most; {} in CLOSE_WAIT, {waiting} at most\">\n\
         <polyline class=\"open\" points=\"{}\"/>\n<polyline class=\"waiting\" points=\"{}\"/></svg>\n\
         <figcaption><span class=\"open\">open: {} now, {most} at most</span> \
         <span class=\"waiting\">CLOSE_WAIT: {} now, {waiting} at most</span></figcaption></figure></section>",
        words::duration(span_ns),
        HEIGHT + 8.0,
        last.open,
        last.close_wait,
        line(|point| point.open),
        line(|point| point.close_wait),
        last.open,
        last.close_wait,
    )
}

fn scaled(value: u64, of: u64, to: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place on the screen")]
    let share = value as f64 / of.max(1) as f64;
    share * to
}

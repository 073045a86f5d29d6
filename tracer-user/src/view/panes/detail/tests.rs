//! What the detail says of a peer.

use std::sync::Arc;

use super::*;
use crate::{
    diagnosis::{Spread, Verdict},
    model::socket::Since,
    view::{app::tests::look, example},
};

/// The example, and its peer with this verdict.
fn of(verdict: Verdict) -> (App, Judged) {
    let mut snapshot = example::snapshot();
    for socket in &mut snapshot.sockets {
        socket.connection.since = Since::Seeded(100_000_000_000);
    }
    let row = snapshot.rows.iter().find(|row| row.verdict == verdict);
    let id = row.unwrap().id;
    let peer = snapshot.peer(id).unwrap();
    (App::new(look(), Arc::new(snapshot)), peer)
}

fn text(app: &App, peer: &Judged, width: u16) -> String {
    let lines = lines(app, peer, width, &Glyphs::UNICODE);
    let line = |line: &Line| line.iter().map(|(text, _)| text.as_str()).collect::<String>();
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// However long the values are, and whatever is beside them.
#[test]
fn figures_side_by_side_have_a_gap() {
    let (app, mut peer) = of(Verdict::PilingUp);
    let longest = Spread {
        p50_ns: Some(725_000_000_000),
        max_ns: Some(3_599_000_000_000),
    };
    peer.figures.gap = longest.into();
    for width in 60..240 {
        let shown = text(&app, &peer, width);
        let (_, after) = shown.split_once("12m05s median, 59m59s most").unwrap();
        let beside = after.lines().next().unwrap();
        assert!(beside.starts_with("  "), "{width}: {shown}");
    }
}

/// A connection in CLOSE_WAIT since before tracing has a lower bound of its time there, and leaves it
/// untimed.
#[test]
fn bounds_are_marked_and_what_is_not_timed_is_counted_apart() {
    let (app, mut peer) = of(Verdict::CloseWaitLeak);
    let shown = text(&app, &peer, 100);
    assert!(shown.contains("6 now, oldest 1m19s"), "{shown}");
    assert!(shown.contains("left CLOSE_WAIT   0 of 6 "), "{shown}");
    assert!(shown.contains("CLOSE_WAIT for >1m19s"), "{shown}");
    let mut close_wait = *peer.figures.close_wait;
    close_wait.oldest_is_bound = true;
    (close_wait.entered, close_wait.left) = (13, 6);
    peer.figures.close_wait = close_wait.into();
    let shown = text(&app, &peer, 100);
    assert!(shown.contains("6 now, oldest at least 1m19s"), "{shown}");
    assert!(shown.contains("left CLOSE_WAIT   6 of 13, 1 untimed "), "{shown}");
}

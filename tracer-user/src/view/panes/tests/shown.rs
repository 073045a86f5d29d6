//! What the header, an empty list and the detail say in particular states.

use super::*;
use crate::{diagnosis::Verdict, model::socket::Since, view::app::Effect};

#[test]
fn the_interval_is_shown_and_the_keys_change_it() {
    let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
    assert_eq!(app.act(Action::MoreOften), None, "a recording has its own speed");
    app.live = Some(Live {
        interval: Duration::from_millis(200),
        listening: Vec::new(),
    });
    assert!(picture(&mut app, 100, 30).contains(" · every 200ms\n"));
    let every = |ms| Some(Effect::Interval(Duration::from_millis(ms)));
    assert_eq!(app.act(Action::LessOften), every(500));
    assert_eq!(app.act(Action::LessOften), every(1000));
    let shown = picture(&mut app, 100, 30);
    assert!(
        shown.contains(" · every 1s\n") && shown.ends_with("\na sample every 1s\n"),
        "{shown}"
    );
    for ms in [500, 200, 100] {
        assert_eq!(app.act(Action::MoreOften), every(ms));
    }
    assert_eq!(app.act(Action::MoreOften), None);
    let shown = picture(&mut app, 100, 30);
    assert!(
        shown.ends_with("\na sample every 100ms; this is the limit\n"),
        "{shown}"
    );
}

/// Bold and in colour, and the row's verdict says it in words.
#[test]
fn the_number_held_is_marked_where_the_verdict_accuses_of_it() {
    for color in [true, false] {
        let mut app = app_of(example::snapshot(), look(color, Glyphs::UNICODE));
        // The selected row has no colours.
        app.act(Action::Bottom);
        let buffer = screen(&mut app, 100, 30);
        let open = app
            .hits
            .titles
            .iter()
            .find(|(_, title)| *title == Title::Peers(Column::Open))
            .map(|(hit, _)| hit.right() - 1)
            .unwrap();
        let first = app.hits.rows.y;
        let mut marked = Vec::new();
        for (y, row) in (first..).zip(app.peer_rows()) {
            let cell = &buffer[(open, y)];
            let bold = cell.modifier.contains(Modifier::BOLD);
            assert_eq!(cell.fg == Color::Red, bold && color, "{}", row.verdict);
            marked.extend(bold.then_some((row.verdict, row.open_now)));
        }
        assert_eq!(marked, [(Verdict::PilingUp, 14), (Verdict::CloseWaitLeak, 6)]);
    }
}

#[test]
fn the_chart_says_how_far_it_reaches_back() {
    let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
    assert!(picture(&mut app, 80, 30).contains("1.8 opens/s; last 1m30s: most 25\n"));
    let mut app = app_of(example::after(605), look(true, Glyphs::UNICODE));
    let shown = picture(&mut app, 80, 30);
    assert!(shown.contains("; last 10m00s: most 25\n"), "{shown}");
    app.act(Action::Help);
    assert!(picture(&mut app, 100, 120).contains("over the last 10m,"));
}

/// Where there is no room for all of the line, what says nothing goes first.
#[test]
fn losses_and_drift_are_shown_at_any_width() {
    let mut snapshot = example::snapshot();
    let line = |snapshot: &Snapshot, columns| {
        let mut app = app_of(snapshot.clone(), look(true, Glyphs::UNICODE));
        picture(&mut app, columns, 30).lines().nth(3).unwrap().to_owned()
    };
    let shown = line(&snapshot, 50);
    assert!(shown.starts_with("lost 0, drift "), "{shown}");
    snapshot.diagnosis.capacity.clear();
    let (narrow, wide) = (line(&snapshot, 70), line(&snapshot, 100));
    assert!(wide.contains(", workers not known"), "{wide}");
    assert!(
        !narrow.contains("workers") && narrow.contains(" · lost 0, drift "),
        "{narrow}"
    );
}

#[test]
fn an_empty_screen_names_what_listens() {
    let mut empty = example::snapshot();
    empty.rows.clear();
    let first = |app: &mut App| {
        let shown = picture(app, 60, 20);
        let (_, rest) = shown.split_once("PEER ").unwrap();
        rest.lines().skip(1).take(2).collect::<Vec<_>>().join("|")
    };
    let mut app = app_of(empty.clone(), look(true, Glyphs::UNICODE));
    assert_eq!(first(&mut app), "no connections yet; listening: 8081|");
    empty.diagnosis.listeners.clear();
    let mut app = app_of(empty, look(true, Glyphs::UNICODE));
    assert_eq!(first(&mut app), "no connections yet|");
    app.live = Some(Live {
        interval: Duration::from_secs(1),
        listening: vec![443, 80],
    });
    assert_eq!(
        first(&mut app),
        "no connections yet, and nothing listens on what is traced;|listening here: 80, 443"
    );
    app.live = Some(Live {
        interval: Duration::from_secs(1),
        listening: (1..=40).collect(),
    });
    assert!(picture(&mut app, 200, 20).contains(" 19, 20, and 20 more\n"));
}

/// Connections that were in CLOSE_WAIT before tracing have been in it for at least that long.
#[test]
fn a_time_in_close_wait_from_before_tracing_is_a_bound() {
    let mut snapshot = example::snapshot();
    let mut app = app_of(snapshot.clone(), look(true, Glyphs::UNICODE));
    app.act(Action::Tab(3));
    assert!(picture(&mut app, 100, 60).contains("CLOSE_WAIT    1m19s"));
    for socket in &mut snapshot.sockets {
        socket.connection.since = Since::Seeded(100_000_000_000);
    }
    app.update(Arc::new(snapshot));
    let shown = picture(&mut app, 100, 60);
    assert!(shown.contains("CLOSE_WAIT   >1m19s"), "{shown}");
}

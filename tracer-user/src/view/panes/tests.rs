//! Every screen at several sizes, and hostile names, which must not change anything.

mod shown;

use std::{sync::Arc, time::Duration};

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};

use super::*;
use crate::{
    model::names::{Name, Names},
    view::{
        app::{Live, Look, Sort, Title, default_columns},
        columns::{COLUMNS, Column},
        example, fit,
        keeper::Keeper,
        keys::Action,
        playback::Playback,
        snapshot::Snapshot,
        theme::{Glyphs, Theme},
    },
};

fn look(color: bool, glyphs: Glyphs) -> Look {
    Look {
        columns: default_columns(),
        sort: Sort::default(),
        theme: Theme { color },
        glyphs,
        host: "web1".to_owned(),
        filters: "port 8081 inbound".to_owned(),
    }
}

fn app_of(snapshot: Snapshot, look: Look) -> App {
    App::new(look, Arc::new(snapshot))
}

fn screen(app: &mut App, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(app, &mut buffer);
    buffer
}

/// The state in which each screen is shown.
const SCREENS: [(&str, &[Action]); 8] = [
    ("peers", &[]),
    ("causes", &[Action::Tab(1)]),
    ("listeners", &[Action::Tab(2)]),
    ("connections", &[Action::Tab(3)]),
    ("log", &[Action::Tab(4)]),
    ("detail", &[Action::Enter]),
    ("help", &[Action::Help]),
    ("chooser", &[Action::Columns]),
];

#[test]
fn every_screen_at_every_size() {
    for (name, actions) in SCREENS {
        for (width, height) in [(60, 10), (100, 30), (200, 100)] {
            let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
            for action in actions {
                app.act(*action);
            }
            let shown = picture(&mut app, width, height);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), shown);
        }
    }
}

#[test]
fn names_and_trends() {
    let mut keeper = Keeper::new(example::PREFIXES, None);
    let named = |second| {
        let mut batch = example::batch(second);
        let all = [
            ("192.0.2.0/28", "shop"),
            ("192.0.2.12/32", "checkout"),
            ("2001:db8::/32", "v6 lab"),
        ];
        let all = all.map(|(network, label)| Name::new(network.parse().unwrap(), label).unwrap());
        batch.options.names = Names::of(all).unwrap();
        batch
    };
    let mut snapshot = keeper.add(named(0));
    for second in 1..=90 {
        snapshot = keeper.add(named(second));
    }
    let mut app = app_of(snapshot, look(true, Glyphs::UNICODE));
    insta::assert_snapshot!("named_140x20", picture(&mut app, 140, 20));
    app.set_filter("name:checkout");
    app.act(Action::Enter);
    let shown = picture(&mut app, 100, 30);
    assert!(shown.contains("checkout (192.0.2.12)"), "{shown}");
    app.act(Action::Tab(4));
    let log = picture(&mut app, 100, 30);
    assert!(log.contains("shop (192.0.2.11): "), "{log}");
}

#[test]
fn special_states() {
    let mut app = app_of(example::after(30), look(true, Glyphs::UNICODE));
    app.act(Action::Pause);
    app.update(Arc::new(example::after(42)));
    app.act(Action::Group);
    app.message = None;
    insta::assert_snapshot!("paused_grouped_100x20", picture(&mut app, 100, 20));
    let mut app = app_of(example::snapshot(), look(true, Glyphs::ASCII));
    app.sort_by(Column::Open);
    app.set_filter("state:established");
    let shown = picture(&mut app, 100, 20);
    assert!(shown.is_ascii(), "{shown}");
    insta::assert_snapshot!("ascii_filtered_100x20", shown);
    app.set_filter("");
    app.act(Action::Top);
    app.act(Action::Enter);
    let shown = picture(&mut app, 100, 40);
    assert!(shown.is_ascii(), "{shown}");
    insta::assert_snapshot!("ascii_detail_100x40", shown);
}

#[test]
fn who_looks_less_often_than_asked_says_so() {
    let mut snapshot = example::snapshot();
    let live = Live {
        interval: Duration::from_secs(1),
        listening: Vec::new(),
    };
    let mut app = app_of(snapshot.clone(), look(true, Glyphs::UNICODE));
    app.live = Some(live.clone());
    assert!(!picture(&mut app, 100, 30).contains("to spare"));
    snapshot.slowed = Some(Duration::from_millis(1730));
    let mut app = app_of(snapshot, look(true, Glyphs::UNICODE));
    app.live = Some(live);
    let shown = picture(&mut app, 100, 30);
    assert!(
        shown.contains(" · every 1.7s to spare the processor\n"),
        "{shown}"
    );
}

#[test]
fn losses_and_drift_are_in_red() {
    let mut snapshot = example::snapshot();
    snapshot.diagnosis.losses.peers_dropped = 3;
    snapshot.diagnosis.accounting.drift = Some(2);
    for (width, height) in [(100, 30), (140, 10)] {
        let mut app = app_of(snapshot.clone(), look(true, Glyphs::UNICODE));
        let buffer = screen(&mut app, width, height);
        let shown = picture(&mut app, width, height);
        let y = shown.lines().position(|line| line.contains("LOST 3")).unwrap();
        let red = |x: u16| buffer[(x, u16::try_from(y).unwrap())].fg == Color::Red;
        assert!((0..width).any(red), "{shown}");
    }
}

#[test]
fn without_colours_the_screen_says_the_same() {
    for (_, actions) in SCREENS {
        let mut texts = Vec::new();
        for color in [true, false] {
            let mut app = app_of(example::snapshot(), look(color, Glyphs::UNICODE));
            for action in actions {
                app.act(*action);
            }
            let buffer = screen(&mut app, 100, 30);
            let colored = buffer.content.iter().any(|cell| cell.fg != Color::Reset);
            assert_eq!(colored, color && colored);
            texts.push(picture(&mut app, 100, 30));
        }
        assert_eq!(texts[0], texts[1]);
    }
    let mut app = app_of(example::snapshot(), look(false, Glyphs::UNICODE));
    let buffer = screen(&mut app, 100, 30);
    assert!(
        buffer
            .content
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
    let reversed = |cell: &ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    assert!(buffer.content.iter().any(reversed), "the selection can be seen");
}

#[test]
fn no_size_is_too_small_or_too_large() {
    for (_, actions) in SCREENS {
        let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
        for action in actions {
            app.act(*action);
        }
        for width in [0, 1, 5, 19, 20, 37, 59, 80, 133, 400] {
            for height in [0, 1, 3, 4, 5, 9, 17, 18, 100] {
                screen(&mut app, width, height);
                app.act(Action::PageDown);
                app.act(Action::Up);
            }
        }
    }
}

/// Names that try to move the cursor, colour the screen, turn the writing or shift columns.
const HOSTILE: [&str; 7] = [
    "\u{1b}[2J\u{1b}[31mred",
    "a\nb\rc\td\u{8}e\u{7}",
    "\u{202e}evil\u{2066}x",
    "日本語日本語日本語",
    "e\u{301}\u{301}\u{301}\u{200d}\u{200b}\u{feff}",
    "\u{9b}31m\u{85}\u{ad}",
    "👩\u{200d}👩\u{200d}👧\u{fe0f}🏳\u{fe0f}\u{200d}🌈",
];

#[test]
fn hostile_names_cannot_do_anything() {
    for hostile in HOSTILE {
        let mut plain = example::snapshot();
        let mut snapshot = example::snapshot();
        let mut peers = snapshot.whole().peers;
        for peer in &mut peers {
            if let Some(owner) = &mut peer.figures.owner {
                Arc::make_mut(owner).comm = hostile.to_owned();
            }
        }
        snapshot.judged = crate::diagnosis::Packed::default();
        peers.into_iter().for_each(|peer| snapshot.judged.push(peer));
        for row in &mut snapshot.rows {
            row.owner = hostile.into();
        }
        for row in &mut plain.rows {
            row.owner = "harmless".into();
        }
        for socket in &mut snapshot.sockets {
            if let Some(owner) = &mut socket.owner {
                Arc::make_mut(owner).comm = hostile.to_owned();
            }
        }
        for (_, actions) in SCREENS {
            let mut app = app_of(snapshot.clone(), look(true, Glyphs::UNICODE));
            app.look.host = hostile.to_owned();
            app.act(Action::Names);
            for row in &snapshot.rows {
                app.names.learn(row.id.network.addr(), Some(hostile));
            }
            for action in actions {
                app.act(*action);
            }
            let buffer = screen(&mut app, 200, 30);
            for cell in &buffer.content {
                let one = cell.symbol().chars().count() <= 1;
                let harmless = cell
                    .symbol()
                    .chars()
                    .all(|c| !c.is_control() && fit::visible(&c.to_string()) == c.to_string());
                assert!(one && harmless, "{:?} from {hostile:?}", cell.symbol());
            }
        }
        // Columns after a hostile name stay where they are without it.
        let verdict_at = |snapshot: Snapshot, name: Option<&str>| {
            let mut app = app_of(snapshot, look(true, Glyphs::UNICODE));
            app.act(Action::Names);
            if let Some(name) = name {
                let ids: Vec<_> = app.shown.rows.iter().map(|row| row.id).collect();
                for id in ids {
                    app.names.learn(id.network.addr(), Some(name));
                }
            }
            let buffer = screen(&mut app, 200, 30);
            let column: Vec<String> = (7..19)
                .map(|y| (47..66).map(|x| buffer[(x, y)].symbol().to_owned()).collect())
                .collect();
            column.join("\n")
        };
        assert_eq!(
            verdict_at(snapshot.clone(), Some(hostile)),
            verdict_at(plain, None)
        );
    }
}

/// A standard terminal has 80 columns, and some have fewer.
#[test]
fn the_way_out_and_the_answer_are_never_cut() {
    for replay in [false, true] {
        let mut snapshot = example::snapshot();
        snapshot.playback = replay.then_some(Playback {
            start: 0,
            at: 0,
            end: 1,
            speed: 1.0,
            playing: false,
            surge: None,
            as_recorded: false,
        });
        for width in 20..200 {
            let mut app = app_of(snapshot.clone(), look(true, Glyphs::UNICODE));
            let shown = picture(&mut app, width, 24);
            let lines: Vec<&str> = shown.lines().collect();
            assert!(lines[23].starts_with("q quit"), "{shown}");
            assert!(!lines[23].contains('…'), "{shown}");
            assert!(width < 80 || !lines[0].contains('…'), "{shown}");
        }
    }
}

#[test]
fn the_title_that_is_sorted_by_is_whole() {
    // Names are not shown while nothing has one.
    for spec in COLUMNS.iter().filter(|spec| spec.column != Column::Name) {
        let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
        app.sort_by(spec.column);
        let shown = picture(&mut app, 240, 24);
        let title = spec.title;
        let marked = [format!("▾{title}"), format!("{title}▾"), format!("{title}▴")];
        assert!(marked.iter().any(|title| shown.contains(title)), "{shown}");
        let by = format!("by {}", title.to_lowercase());
        assert!(shown.contains(&by) && !shown.contains("not shown"), "{shown}");
        let narrow = picture(&mut app, 80, 24);
        let is_placed = app
            .hits
            .titles
            .iter()
            .any(|(_, seen)| *seen == Title::Peers(spec.column));
        let said = format!("{by} (not shown)");
        assert_eq!(narrow.contains(&said), !is_placed, "{narrow}");
    }
}

#[test]
fn why_it_is_no_filter_stands_above_it() {
    let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
    app.act(Action::Filter);
    app.paste("foo:bar");
    for (width, height) in [(80, 24), (40, 12), (30, 4), (200, 50)] {
        let shown = picture(&mut app, width, height);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[usize::from(height) - 1], "filter: foo:bar");
        let error = lines[..usize::from(height) - 1].join(" ");
        assert!(error.contains("no field `foo`") || height == 4, "{shown}");
        assert!(error.ends_with("container state"), "{shown}");
    }
}

/// The selected row's verdict is what the user reads, so its colour must not become its background.
#[test]
fn the_selected_row_has_no_colours() {
    let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
    let buffer = screen(&mut app, 120, 24);
    let y = app.hits.rows.y;
    assert!((0..120).all(|x| buffer[(x, y)].fg == Color::Reset));
    assert!((0..120).any(|x| buffer[(x, y + 1)].fg == Color::Red));
}

/// However narrow the screen is, and only where the filter applies.
#[test]
fn the_filter_that_acts_can_be_seen() {
    let mut app = app_of(example::snapshot(), look(true, Glyphs::UNICODE));
    app.set_filter("v:server-idle-close");
    for width in [40, 60, 80, 120] {
        let said = format!("q quit  ? help  {} shown by /v:", app.peer_count());
        let shown = picture(&mut app, width, 24);
        assert!(shown.lines().last().unwrap().starts_with(&said), "{shown}");
    }
    for (tab, seen) in [(0, true), (1, false), (2, false), (3, true), (4, false)] {
        app.act(Action::Tab(tab));
        let shown = picture(&mut app, 120, 24);
        assert_eq!(shown.contains("(Esc drops it)"), seen, "{shown}");
    }
}

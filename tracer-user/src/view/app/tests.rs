//! What actions do to the state.

mod living;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::view::{
    example,
    lists::CONNECTIONS,
    panes,
    theme::{Glyphs, Theme},
};

pub(crate) fn look() -> Look {
    Look {
        columns: default_columns(),
        sort: Sort::default(),
        theme: Theme { color: true },
        glyphs: Glyphs::UNICODE,
        host: "web1".to_owned(),
        filters: "port 8081 inbound".to_owned(),
    }
}

fn app() -> App {
    App::new(look(), Arc::new(example::snapshot()))
}

fn names(app: &App) -> Vec<String> {
    app.peer_rows().map(Row::address).collect()
}

fn press(app: &mut App, keys: &str) -> Option<Effect> {
    let mut effect = None;
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\t' => KeyCode::Tab,
            c => KeyCode::Char(c),
        };
        effect = app.key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    effect
}

/// `s` cycles through the columns of every list and returns to its initial order; `S` reverses the order.
#[test]
fn every_list_can_be_sorted_by_each_of_its_columns() {
    for tab in 1..Tab::ALL.len() {
        let mut app = app();
        app.act(Action::Tab(tab));
        let own = app.list_order.clone();
        // The example has only one listener.
        assert!(
            own.len() > usize::from(tab != 2),
            "tab {tab} has something to sort"
        );
        for column in 0..app.list_titles().len() {
            press(&mut app, "s");
            assert_eq!(app.list_sort().column, Some(column));
            let falling = app.list_order.clone();
            press(&mut app, "S");
            let mut rising = app.list_order.clone();
            rising.reverse();
            assert_eq!(rising, falling, "tab {tab}, column {column}");
        }
        press(&mut app, "s");
        assert_eq!(app.list_order, own);
        app.act(Action::Tab(0));
        assert_eq!(app.sort, Sort::default(), "the peers keep their own order");
    }
}

#[test]
fn connections_are_sorted_by_what_the_column_shows() {
    let mut app = app();
    app.act(Action::Tab(3));
    for (number, column) in CONNECTIONS.iter().enumerate() {
        app.sort_list_by(number);
        let now = app.shown.taken();
        let keys: Vec<_> = app
            .list_order
            .iter()
            .map(|place| column.key.of(&app.shown.sockets[*place], now))
            .collect();
        assert!(
            keys.is_sorted() || keys.is_sorted_by(|a, b| a >= b),
            "{}: {keys:?}",
            column.title
        );
    }
}

#[test]
fn the_worst_stand_first_and_sorting_is_stable() {
    let mut app = app();
    let first = names(&app).join(" ");
    let verdicts: Vec<bool> = app.peer_rows().map(|row| row.verdict.accuses()).collect();
    assert!(verdicts.is_sorted_by(|a, b| a >= b));
    app.sort_by(Column::Open);
    let open: Vec<u64> = app.peer_rows().map(|row| row.open_now).collect();
    assert!(open.is_sorted_by(|a, b| a >= b), "greatest first: {open:?}");
    app.sort_by(Column::Open);
    let open: Vec<u64> = app.peer_rows().map(|row| row.open_now).collect();
    assert!(open.is_sorted(), "the other way round: {open:?}");
    app.sort_by(Column::Peer);
    assert_eq!(names(&app)[0], "192.0.2.11");
    // Through all columns, then back to worst first.
    for _ in 0..app.columns().len() {
        press(&mut app, "s");
    }
    assert_eq!(app.sort, Sort::default());
    assert_eq!(names(&app).join(" "), first);
    press(&mut app, "S");
    let mut reversed = names(&app);
    reversed.reverse();
    assert_eq!(reversed.join(" "), first);
}

#[test]
fn the_selection_stays_on_its_peer() {
    let mut app = app();
    press(&mut app, "jjj");
    let selected = app.selected_row().unwrap().id;
    for keys in ["s", "s", "S", "ss"] {
        press(&mut app, keys);
        assert_eq!(app.selected_row().unwrap().id, selected, "after {keys}");
    }
    app.update(Arc::new(example::after(200)));
    assert_eq!(app.selected_row().unwrap().id, selected);
    press(&mut app, "g");
    assert_eq!(app.peers.row(), 0);
    press(&mut app, "S");
    assert_eq!(app.peers.row(), 0, "on top it stays on top");
    press(&mut app, "G");
    assert_eq!(app.peers.row(), app.peer_count() - 1);
}

#[test]
fn a_filter_works_while_it_is_typed() {
    let mut app = app();
    let all = app.peer_count();
    press(&mut app, "/198.51");
    assert_eq!(app.peer_count(), 3);
    press(&mut app, ".100.21");
    assert_eq!(app.peer_count(), 1);
    press(&mut app, "\u{1b}");
    assert_eq!(app.peer_count(), all, "Esc takes back what was typed");
    press(&mut app, "/v:reusing\n");
    assert!(matches!(app.mode, Mode::Command));
    let kept = app.peer_count();
    assert!(kept > 0 && kept < all);
    press(&mut app, "jq");
    assert_eq!(app.filter_text, "v:reusing");
    press(&mut app, "\u{1b}");
    assert_eq!(app.peer_count(), all, "Esc drops the filter");
    app.begin_filter();
    app.paste("\u{1b}[31m192.0.2.12\r\n");
    assert_eq!(app.filter_text, "[31m192.0.2.12");
}

#[test]
fn paused_the_screen_stands_still_and_says_how_far_it_is_behind() {
    let mut app = App::new(look(), Arc::new(example::after(10)));
    press(&mut app, " ");
    assert_eq!(app.behind_ns(), Some(0));
    app.update(Arc::new(example::after(17)));
    assert_eq!(app.behind_ns(), Some(7_000_000_000));
    assert_eq!(app.shown.diagnosis.window_ns(), 10_000_000_000);
    press(&mut app, " ");
    assert_eq!(app.behind_ns(), None);
    assert_eq!(app.shown.diagnosis.window_ns(), 17_000_000_000);
}

#[test]
fn groups_open_into_their_peers() {
    let mut app = app();
    let all = app.peer_count();
    press(&mut app, "p");
    assert_eq!(app.peer_count(), 4);
    let (group, peers) = app.peer_rows().map(|row| (row.id, row.peers)).next().unwrap();
    press(&mut app, "\n");
    assert!(!app.grouped);
    assert_eq!(app.peer_count() as u64, peers);
    assert!(app.peer_rows().all(|row| group.network.contains(&row.id.network)));
    press(&mut app, "\u{1b}");
    assert_eq!(app.peer_count(), all);
    // With groups on, the selection moves to the peer's group.
    press(&mut app, "Gp");
    let last = app.selected_row().unwrap().address();
    assert!(last.contains('/'), "{last}");
}

#[test]
fn enter_leads_closer_and_escape_back() {
    let mut app = app();
    press(&mut app, "\n");
    assert_eq!(
        app.detail.map(|detail| detail.id),
        app.selected_row().map(|row| row.id)
    );
    press(&mut app, "\u{1b}");
    assert_eq!(app.detail, None);
    press(&mut app, "2\n");
    assert_eq!(app.tab, Tab::Peers);
    assert!(app.filter_text.starts_with("verdict:"), "{}", app.filter_text);
    let cause = app.shown.diagnosis.causes[0].clone();
    assert_eq!(app.peer_count() as u64, cause.peers);
    press(&mut app, "\u{1b}4\n");
    assert_eq!(app.detail.unwrap().id, app.shown.sockets[0].peer.unwrap().0);
    press(&mut app, "\t");
    assert_eq!((app.tab, app.detail), (Tab::Log, None));
}

#[test]
fn what_is_to_be_done_outside_comes_back() {
    let mut app = app();
    assert_eq!(press(&mut app, "q"), Some(Effect::Quit));
    assert_eq!(press(&mut app, "e"), Some(Effect::Export));
    let Some(Effect::Copy(sentence)) = press(&mut app, "y") else {
        panic!("nothing to copy");
    };
    let worst = app.shown.peer(app.shown.rows[0].id).unwrap();
    assert!(
        sentence.contains(&worst.id.name()) && sentence.contains(&*worst.fix()),
        "{sentence}"
    );
    assert_eq!(press(&mut app, "?q"), Some(Effect::Quit), "in the help too");
    assert_eq!(press(&mut app, "?x"), None);
}

#[test]
fn nothing_to_show_is_no_trouble() {
    let at = example::snapshot().taken();
    let mut app = App::new(look(), Arc::new(crate::view::keeper::Keeper::nothing(at)));
    for keys in [
        "j", "k", "G", "\n", "sS", "p", "2\n", "3\n", "4\n", "5\n", "1", "/x\n", "y", "e", " ", "?",
    ] {
        press(&mut app, keys);
    }
    assert!(app.is_empty());
}

/// Lines are added below, old ones go, and the line of a surge changes its words.
#[test]
fn the_selection_of_the_log_stays_on_its_event() {
    let mut app = app();
    app.act(Action::Tab(4));
    for _ in 0..4 {
        press(&mut app, "j");
    }
    let selected = app.log_row(app.row()).cloned().unwrap();
    let mut next = Snapshot::clone(&app.shown);
    let log = Arc::make_mut(&mut next.log);
    log.drain(..2);
    log[2].text = "other words".to_owned();
    log.push_back(log[0].clone());
    app.update(Arc::new(next));
    assert_eq!(app.row(), 2);
    let now = app.log_row(app.row()).unwrap();
    assert_eq!((now.key, now.peer), (selected.key, selected.peer));
    press(&mut app, "\n");
    assert_eq!(
        app.detail.map(|detail| detail.id),
        selected.peer,
        "and it opens its peer"
    );
}

#[test]
fn what_is_no_filter_is_not_taken() {
    let mut app = app();
    press(&mut app, "/v:piling\n");
    let kept = app.peer_count();
    assert!(kept > 0 && kept < app.shown.rows.len());
    press(&mut app, "/ foo:bar\n");
    assert!(matches!(app.mode, Mode::Filter(..)), "it is there to be mended");
    let error = app.filter_error.clone().unwrap();
    assert!(error.contains("no field `foo`"), "{error}");
    press(&mut app, "\u{1b}");
    assert_eq!((app.filter_error.clone(), app.peer_count()), (None, kept));
}

/// Where a filter does not apply, it is not typed, shown or dropped.
#[test]
fn a_filter_is_there_only_where_it_acts() {
    let mut app = app();
    press(&mut app, "/v:piling\n");
    let kept = app.peer_count();
    for tab in Tab::ALL {
        app.show_tab(tab.number());
        press(&mut app, "\u{1b}");
        if tab.is_filtered() {
            assert_eq!(app.filter_text, "", "Esc drops it on {tab:?}");
        } else {
            assert_eq!(app.filter_text, "v:piling", "not seen, not dropped on {tab:?}");
            press(&mut app, "/");
            assert!(matches!(app.mode, Mode::Command), "{tab:?}");
            assert!(app.message.as_deref().unwrap().contains("the peers (1)"));
        }
        press(&mut app, "1");
        app.set_filter("v:piling");
        assert_eq!(app.peer_count(), kept);
    }
}

/// Each cause has peers that share a group with worse ones.
#[test]
fn enter_on_a_cause_shows_its_peers_grouped_or_not() {
    let causes = app().shown.diagnosis.causes.len();
    for row in 0..causes {
        let mut app = app();
        press(&mut app, "p2");
        app.select(row);
        let cause = app.cause_row(row).unwrap().clone();
        press(&mut app, "\n");
        assert_eq!(app.peer_count() as u64, cause.peers, "{}", cause.verdict);
        assert!(
            app.peer_rows()
                .all(|row| row.verdict == cause.verdict && row.peers == 1)
        );
    }
}

#[test]
fn a_group_counts_and_opens_into_the_peers_that_pass() {
    let mut app = app();
    press(&mut app, "/v:piling|fresh\n");
    let passing = app.peer_count() as u64;
    press(&mut app, "p");
    let grouped: u64 = app.peer_rows().map(|row| row.peers).sum();
    assert_eq!(grouped, passing);
    let group = app.peer_rows().find(|row| row.peers > 1).unwrap().id;
    let at = app.peer_rows().position(|row| row.id == group).unwrap();
    app.select(at);
    press(&mut app, "\n");
    assert!(app.peer_rows().all(|row| group.network.contains(&row.id.network)));
    assert_eq!(app.peer_count() as u64, passing);
}

/// A second click opens the detail, and the filter no longer receives the keys.
#[test]
fn a_click_ends_the_typing_of_a_filter() {
    let mut app = app();
    panes::picture(&mut app, 100, 30);
    press(&mut app, "/192");
    panes::picture(&mut app, 100, 30);
    let click = |app: &mut App, row: u16| {
        app.mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 3,
            row,
            modifiers: KeyModifiers::NONE,
        });
    };
    let first = app.hits.rows.y;
    click(&mut app, first);
    assert!(matches!(app.mode, Mode::Command));
    assert!(app.detail.is_some(), "the row was selected already");
    press(&mut app, "x\u{1b}");
    assert_eq!((app.filter_text.as_str(), app.detail), ("192", None));
    // A click does not accept an invalid filter either.
    press(&mut app, "/ foo:1");
    click(&mut app, first + 1);
    assert_eq!(
        (app.filter_text.as_str(), app.filter_error.clone()),
        ("192", None)
    );
}

/// Only visible columns are sorted by.
#[test]
fn sorting_goes_through_the_columns_on_the_screen() {
    let mut app = app();
    for tab in [0, 3] {
        app.show_tab(tab);
        panes::picture(&mut app, 60, 20);
        let seen = app.hits.titles.len();
        for _ in 0..seen {
            press(&mut app, "s");
            let shown = panes::picture(&mut app, 60, 20);
            assert!(shown.contains('▾') || shown.contains('▴'), "{shown}");
        }
        press(&mut app, "s");
        assert_eq!((app.sort, app.list_sort()), Default::default());
    }
}

/// During a pause, `e` writes what is on the screen.
#[test]
fn a_pause_shows_the_moment_that_is_kept() {
    let mut app = App::new(look(), Arc::new(example::after(10)));
    let kept = Arc::new(example::after(11));
    assert_eq!(press(&mut app, " "), Some(Effect::Hold));
    app.hold(Arc::clone(&kept));
    assert!(Arc::ptr_eq(&app.shown, &kept) && Arc::ptr_eq(app.latest(), &kept));
    app.update(Arc::new(example::after(17)));
    assert!(Arc::ptr_eq(&app.shown, &kept));
    assert_eq!(app.behind_ns(), Some(6_000_000_000));
    assert_eq!(press(&mut app, " "), Some(Effect::GoOn));
    assert_eq!(app.shown.diagnosis.window_ns(), 17_000_000_000);
    app.hold(kept);
    assert_eq!(
        app.shown.diagnosis.window_ns(),
        17_000_000_000,
        "of a pause that is over"
    );
}

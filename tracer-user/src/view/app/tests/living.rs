//! Jumping to rows, choosing columns, names, and the help about a verdict.

use super::*;
use crate::model::names::{Name, Names};

#[test]
fn find_jumps_and_hides_nothing() {
    let mut app = app();
    let all = names(&app);
    press(&mut app, "fv:reusing\n");
    let first = app.selected_row().unwrap().address();
    press(&mut app, "n");
    let second = app.selected_row().unwrap().address();
    assert_ne!(first, second);
    press(&mut app, "N");
    assert_eq!(app.selected_row().unwrap().address(), first);
    assert_eq!(names(&app), all, "the others stay");
    press(&mut app, "N");
    let last = app.message.clone().unwrap_or_default();
    assert!(last.contains("from the other end"), "{last}");
    press(&mut app, "f\u{1b}");
    assert_eq!(app.find.text, "v:reusing", "Esc changes nothing");
    app.find("192.0.2.99");
    assert_eq!(app.message.as_deref(), Some("no row matches 192.0.2.99"));
    press(&mut app, "2n");
    assert!(app.message.unwrap().contains("peers (1)"));
}

#[test]
fn what_cannot_be_found_says_why_while_it_is_typed() {
    let mut app = app();
    press(&mut app, "fopen>many");
    assert!(app.filter_error.as_ref().unwrap().contains("number"));
    press(&mut app, "\n");
    assert!(matches!(app.mode, Mode::Find(_)), "it stays to be corrected");
    press(&mut app, "\u{1b}");
    assert!(app.filter_error.is_none() && matches!(app.mode, Mode::Command));
}

#[test]
fn columns_are_chosen_moved_and_saved() {
    let mut app = app();
    app.look.columns = vec![Column::Peer, Column::Verdict, Column::Open];
    press(&mut app, "c");
    press(&mut app, "j ");
    assert_eq!(app.look.columns, [Column::Peer, Column::Open]);
    press(&mut app, "j-");
    assert_eq!(app.look.columns, [Column::Peer, Column::Open]);
    press(&mut app, "-");
    assert_eq!(app.look.columns, [Column::Open, Column::Peer]);
    let saved = press(&mut app, "w");
    assert_eq!(saved, Some(Effect::SaveColumns(vec![Column::Open, Column::Peer])));
    press(&mut app, " j ");
    assert_eq!(app.look.columns, [Column::Peer], "the last one stays");
    press(&mut app, "r");
    assert_eq!(app.look.columns, default_columns());
    press(&mut app, "\u{1b}");
    assert!(matches!(app.mode, Mode::Command));
}

#[test]
fn names_have_a_column_while_anything_has_a_name() {
    let mut app = app();
    assert!(!app.columns().contains(&Column::Name));
    let mut snapshot = example::snapshot();
    let name = Name::new("192.0.2.0/24".parse().unwrap(), "shop").unwrap();
    snapshot.diagnosis.options.names = Names::of([name]).unwrap();
    app.update(Arc::new(snapshot));
    assert!(app.columns().contains(&Column::Name));
}

#[test]
fn the_help_begins_with_the_verdict_under_the_cursor() {
    let mut app = app();
    for tab in ["1", "2", "4"] {
        press(&mut app, tab);
        let (verdict, fix) = app.verdict_at_cursor().unwrap();
        assert!(!verdict.meaning().is_empty() && !fix.is_empty(), "{tab}");
    }
    press(&mut app, "3");
    assert_eq!(app.verdict_at_cursor(), None);
}

//! Piles that began before tracing, as most have when someone starts to look, and piles that have stopped
//! growing. Other clients show what one client needs.

use tcpreuse::testing::diagnosis::{Expect, ExpectPeer};

use super::*;
use crate::traffic::source;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        pile_small("pile-small-slow", 1_500),
        pile_small("pile-small-fast", 300),
        pile_large("pile-large-slow", 57, 1_500, 19),
        pile_large("pile-large-fast", 54, 340, 14),
        Scenario {
            options: expect_one(),
            ..pile_small("pile-small-expected", 1_500)
        },
        Scenario {
            options: expect_one(),
            ..pile_large("pile-large-expected", 54, 340, 14)
        },
        pile_stands(),
        stood("stood", &["many-held"], Options::default()),
        stood("stood-known-peer", &["reusing"], known_peer()),
        stood("stood-expected", PILE, expect_one()),
    ]
}

const PILE: &[&str] = &["piling-up"];

fn expect_one() -> Options {
    Options {
        expect: Expect::Connections(1),
        ..Options::default()
    }
}

/// Tells the diagnosis that the first client may hold [`HELD`] connections.
fn known_peer() -> Options {
    Options {
        expect_peers: vec![ExpectPeer {
            network: source(0).into(),
            connections: HELD,
        }],
        ..Options::default()
    }
}

const fn pile(at_once: u16, every: u64, most: u16) -> Behaviour {
    Behaviour::Pile {
        at_once,
        every: ms(every),
        most,
        hold: ms(200),
        pause: ms(800),
    }
}

/// A pile that is small when tracing begins, and keeps growing.
fn pile_small(name: &'static str, every: u64) -> Scenario {
    let groups = vec![group("piling", 2, pile(5, every, 64), PILE), innocents(20)];
    Scenario {
        warm_up: ms(1_000),
        ..scenario(name, workers(250), 14, groups)
    }
}

/// A pile of about 57 connections when tracing begins. None is ever closed.
fn pile_large(name: &'static str, at_once: u16, every: u64, seconds: u64) -> Scenario {
    let groups = vec![group("piling", 1, pile(at_once, every, 97), PILE), innocents(20)];
    Scenario {
        // At the fast rate three more are opened before tracing begins.
        warm_up: ms(800),
        ..scenario(name, workers(250), seconds, groups)
    }
}

/// A pile that grew during tracing from what one client needs. It remains a pile for as long as it is held.
fn pile_stands() -> Scenario {
    let standing = reuse(400, 100).then(ms(4_000), pile(0, 700, 12));
    let groups = vec![
        group("standing", 3, standing, PILE).before(ms(2_000), &["reusing"]),
        innocents(15),
    ];
    Scenario {
        warm_up: ms(2_000),
        ..scenario("pile-stands", workers(150), 24, groups)
    }
}

/// Number of connections held by the peer of [`stood`].
const HELD: u32 = 40;

/// Many connections that were open before tracing and stay. They may be users behind a NAT or an old pile;
/// only the operator knows.
fn stood(name: &'static str, truth: &'static [&'static str], options: Options) -> Scenario {
    let standing = Behaviour::Reuse {
        connections: 40,
        hold: ms(300),
        pause: ms(500),
        notices: Notices::AtOnce,
    };
    let groups = vec![group("standing", 1, standing, truth), innocents(20)];
    Scenario {
        warm_up: ms(1_500),
        options,
        ..scenario(name, workers(150), 9, groups)
    }
}

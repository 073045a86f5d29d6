//! The causes over TLS 1.2 and TLS 1.3, at Apache and at nginx, and clients whose handshakes fail. At nginx
//! also HTTP/2 and WebSockets.

use super::{
    others::{PAUSE, REUSING, idle_at_client, idle_at_server, of_dialect},
    *,
};
use crate::scenarios::{
    door::Version,
    installed::{HTTPS, LIMITED, NGINX_HTTP2, NGINX_WEBSOCKET, NO_KEEP_ALIVE, TIMEOUT_MS, TLS13_ONLY},
};

pub(super) fn all() -> Vec<Scenario> {
    vec![apache(), nginx()]
}

fn apache() -> Scenario {
    let knobs = Knobs {
        tls: true,
        max_request_workers: 250,
        ..keep_alive(u64::from(TIMEOUT_MS))
    };
    let groups = [groups(), failing(crate::apache::PORT)].concat();
    scenario("tls-apache", knobs, 15, groups)
}

fn nginx() -> Scenario {
    let http2 = Door::secure(NGINX_HTTP2, Version::V13, Dialect::Http2);
    let sockets = Door::clear(NGINX_WEBSOCKET, Dialect::WebSocket);
    let groups = [
        groups(),
        failing(NGINX_WEBSOCKET),
        of_dialect(http2),
        of_dialect(sockets),
    ]
    .concat();
    Scenario {
        server: Server::Installed(&[Installed::Nginx]),
        ..scenario("tls-nginx", Knobs::default(), 15, groups)
    }
}

/// One cause at a time, with both versions.
fn groups() -> Vec<Group> {
    let giving_up = Behaviour::GiveUp {
        polls: 0,
        hold: ms(3_000),
        patience: ms(800),
        pause: ms(100),
        reset: false,
    };
    let piling = Behaviour::Pile {
        at_once: 0,
        every: ms(900),
        most: 64,
        hold: ms(150),
        pause: ms(900),
    };
    let of_version = |version| {
        // To a client, the tickets that a server of TLS 1.3 sends after the handshake look like a first
        // answer.
        let seen_giving_up: &[&str] = match version {
            Version::V12 => &["early-abort"],
            Version::V13 => &["early-abort", "client-idle-close"],
        };
        let of = |port, name, behaviour: &Behaviour, truth| {
            let door = Door::secure(port, version, Dialect::Http1);
            group(name, 2, behaviour.clone(), truth)
                .through(door)
                .seen_from_client(truth)
        };
        let mut all = vec![
            of(HTTPS, "reusing", &REUSING, &["reusing"]),
            of(HTTPS, "slow", &reuse(300, 700), &["reusing"]),
            of(HTTPS, "fresh", &FRESH, &["fresh-per-request"]),
            of(HTTPS, "fresh, held for long", &FRESH_HELD, &["fresh-per-request"]),
            of(HTTPS, "client idle", &idle_at_client(), &["client-idle-close"]),
            of(HTTPS, "giving up", &giving_up, &["early-abort"]).seen_from_client(seen_giving_up),
            of(HTTPS, "piling", &piling, &["piling-up"]),
            of(LIMITED, "limited", &reuse(100, 10), &["request-limit-close"]),
            of(
                NO_KEEP_ALIVE,
                "no keep-alive",
                &reuse(300, 100),
                &["fresh-per-request"],
            ),
        ];
        for behaviour in idle_at_server(PAUSE) {
            all.push(of(HTTPS, "server idle", &behaviour, &["server-idle-close"]));
        }
        all
    };
    [of_version(Version::V12), of_version(Version::V13)].concat()
}

const FRESH: Behaviour = Behaviour::Fresh {
    hold: ms(150),
    pause: ms(250),
    asks: false,
};

/// Shorter than the time after which nginx gives up its upstream.
const FRESH_HELD: Behaviour = Behaviour::Fresh {
    hold: ms(900),
    pause: ms(150),
    asks: false,
};

/// Clients that never get as far as a request, and those that speak HTTP where the server speaks TLS.
fn failing(in_clear: u16) -> Vec<Group> {
    let failing = Behaviour::Fresh {
        hold: ms(0),
        pause: ms(500),
        asks: false,
    };
    let of = |name, door: Door, truth| {
        group(name, 2, failing.clone(), truth)
            .through(door)
            .seen_from_client(truth)
    };
    let secure = |port, version| Door::secure(port, version, Dialect::Http1);
    let truth = &["handshake-failed"];
    vec![
        of("distrusting", secure(HTTPS, Version::V12).distrusted(), truth),
        of("distrusting", secure(HTTPS, Version::V13).distrusted(), truth),
        of("too old", secure(TLS13_ONLY, Version::V12), truth),
        // The client reads an answer in clear; what it had asked is not looked at there.
        of("TLS on the wrong port", secure(in_clear, Version::V13), truth)
            .seen_from_client(&["fresh-per-request"]),
        // The server answers each with an error, so there are requests.
        of(
            "HTTP on the wrong port",
            Door::http(HTTPS),
            &["fresh-per-request"],
        ),
    ]
}

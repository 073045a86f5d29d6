//! Fleets of clients against a real server: each client gets the right verdict.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use tcpreuse_tests::{
    need_root,
    scenarios::{Scenario, list, run},
    skip,
};

/// Longer scenarios are run by `cargo xtask scenarios` only.
const QUICK: Duration = Duration::from_secs(18);

fn passes(name: &str) {
    let scenario = list::named(name).unwrap();
    if let Some(reason) = run::obstacle(&scenario) {
        return skip(name, &reason);
    }
    let outcome = run::run(&scenario);
    let complaints = outcome.complaints();
    assert!(
        complaints.is_empty(),
        "{}\n{}\n{}",
        complaints.join("\n"),
        tcpreuse_tests::scenarios::table::figures(&outcome),
        outcome.log
    );
}

macro_rules! scenarios {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                need_root!();
                passes($name);
            }
        )*

        /// Every scenario is either a test here or in the list of longer ones.
        #[test]
        fn all_are_tested() {
            let all = list::all();
            let (quick, long): (Vec<_>, Vec<_>) = all.iter().partition(|scenario| scenario.length() <= QUICK);
            let names = |of: &[&Scenario]| of.iter().map(|scenario| scenario.name).collect::<Vec<_>>();
            assert_eq!(names(&quick), [$($name),*]);
            assert_eq!(names(&long), LONG);
        }
    };
}

/// Scenarios that need longer than [`QUICK`] to show their effect.
const LONG: [&str; 14] = [
    "never-used",
    "pile-large-slow",
    "pile-stands",
    "nat-from-before",
    "pool-fills",
    "pool-breathes",
    "streams-shared",
    "streams-arriving",
    "mended",
    "mended-soon",
    "turned-bad-late",
    "surge-ends",
    "surges-twice",
    "timeouts-by-seconds",
];

scenarios! {
    reusing: "reusing",
    fresh_per_request: "fresh-per-request",
    fresh_keep_alive_off: "fresh-keep-alive-off",
    server_idle_close: "server-idle-close",
    client_idle_close: "client-idle-close",
    request_limit_close: "request-limit-close",
    request_limit_1000: "request-limit-1000",
    probes: "probes",
    piling_up_held: "piling-up-held",
    piling_up_idle: "piling-up-idle",
    stray: "stray",
    stray_unfiltered: "stray-unfiltered",
    half_open: "half-open",
    half_open_reply: "half-open-reply",
    half_open_closed: "half-open-closed",
    path_cut: "path-cut",
    early_abort: "early-abort",
    early_abort_long: "early-abort-long",
    early_abort_kept: "early-abort-kept",
    close_wait_leak: "close-wait-leak",
    close_wait_leak_some: "close-wait-leak-some",
    never_accepted: "never-accepted",
    never_accepted_unfiltered: "never-accepted-unfiltered",
    at_the_limit: "at-the-limit",
    exhausted_before_pile: "exhausted-before-pile",
    exhausted_by_pile: "exhausted-by-pile",
    surge: "surge",
    surge_full_queue: "surge-full-queue",
    one_percent: "one-percent",
    half: "half",
    everybody: "everybody",
    already_piling: "already-piling",
    shared_address: "shared-address",
    mixture: "mixture",
    pile_small_slow: "pile-small-slow",
    pile_small_fast: "pile-small-fast",
    pile_large_fast: "pile-large-fast",
    pile_small_expected: "pile-small-expected",
    pile_large_expected: "pile-large-expected",
    stood: "stood",
    stood_known_peer: "stood-known-peer",
    stood_expected: "stood-expected",
    nat_alone: "nat-alone",
    nat_beside: "nat-beside",
    server_restart: "server-restart",
    pool_too_small: "pool-too-small",
    pool_recycled: "pool-recycled",
    pool_recycled_alone: "pool-recycled-alone",
    lifetime_server: "lifetime-server",
    lifetime_client: "lifetime-client",
    stream_alone: "stream-alone",
    streams: "streams",
    turned_bad_soon: "turned-bad-soon",
    forgotten_paths: "forgotten-paths",
    client_leak: "client-leak",
    stale_pool: "stale-pool",
    tls_apache: "tls-apache",
    tls_nginx: "tls-nginx",
    other_protocols: "other-protocols",
}

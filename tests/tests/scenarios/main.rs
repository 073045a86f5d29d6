//! Fleets of clients against a real server: everyone gets the verdict it has earned.
#![expect(clippy::unwrap_used, reason = "tests")]

use tcpreuse_tests::{
    need_root,
    scenarios::{list, run},
    skip,
};

fn passes(name: &str) {
    let scenario = list::named(name).unwrap();
    if let Some(reason) = run::obstacle(&scenario) {
        return skip(name, reason);
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

        /// No scenario is forgotten here.
        #[test]
        fn all_are_tested() {
            let listed: Vec<&str> = list::all().iter().map(|scenario| scenario.name).collect();
            assert_eq!(listed, [$($name),*]);
        }
    };
}

scenarios! {
    reusing: "reusing",
    fresh_per_request: "fresh-per-request",
    fresh_keep_alive_off: "fresh-keep-alive-off",
    server_idle_close: "server-idle-close",
    client_idle_close: "client-idle-close",
    request_limit_close: "request-limit-close",
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
    never_accepted: "never-accepted",
    never_accepted_unfiltered: "never-accepted-unfiltered",
    at_the_limit: "at-the-limit",
    surge: "surge",
    surge_full_queue: "surge-full-queue",
    one_percent: "one-percent",
    half: "half",
    everybody: "everybody",
    already_piling: "already-piling",
    shared_address: "shared-address",
    mixture: "mixture",
}

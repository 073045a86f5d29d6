//! Pages of real servers, modified pages, and garbage.

use proptest::prelude::*;

use super::*;

const WORKER: &str = include_str!("../pages/worker.txt");
const PREFORK: &str = include_str!("../pages/prefork.txt");
const EVENT: &str = include_str!("../pages/event-not-extended.txt");
const GRACEFUL: &str = include_str!("../pages/event-after-graceful-restart.txt");
const LONG_POLLS: &str = include_str!("../pages/event-long-polls.txt");
const OLD: &str = include_str!("../pages/apache-2.2.txt");
const HTML: &str = include_str!("../pages/without-auto.html");

/// A page with only these lines.
fn page(busy: &str, idle: &str, letters: &str) -> String {
    format!("www.example.org\nBusyWorkers: {busy}\nIdleWorkers: {idle}\nScoreboard: {letters}\n")
}

/// Made with ServerLimit 4, ThreadLimit 8, ThreadsPerChild 5 and MaxRequestWorkers 15. There are as many
/// slots as MaxRequestWorkers.
#[test]
fn slots_are_max_request_workers() {
    for text in [WORKER, EVENT] {
        let status = parse(text).unwrap();
        assert_eq!((status.busy, status.idle, status.slots), (1, 4, 15));
        assert_eq!((status.scoreboard.sending, status.scoreboard.open), (1, 10));
        assert_eq!(status.max_workers(), Some(15));
    }
}

/// Made with ServerLimit 20 and MaxRequestWorkers 12.
#[test]
fn prefork_has_a_slot_for_each_process() {
    let status = parse(PREFORK).unwrap();
    assert_eq!((status.busy, status.idle, status.slots), (1, 3, 12));
    assert_eq!(status.max_workers(), Some(12));
}

/// Made with ServerLimit 8, ThreadsPerChild 5 and MaxRequestWorkers 15, with 8 requests held over a graceful
/// restart. Two old processes have slots beyond the 15, and their workers are not counted.
#[test]
fn old_processes_add_slots_and_are_not_busy() {
    let status = parse(GRACEFUL).unwrap();
    assert_eq!((status.busy, status.idle, status.slots), (4, 11, 25));
    assert_eq!((status.stopping, status.scoreboard.graceful), (2, 8));
    assert_eq!(
        (status.max_workers(), status.no_max()),
        (None, Some(NoMax::Ending))
    );
    assert_eq!(status.processes, Some(5));
}

#[test]
fn the_event_mpm_counts_the_connections_that_take_no_worker() {
    let status = parse(LONG_POLLS).unwrap();
    assert_eq!(
        (status.busy, status.idle, status.max_workers()),
        (7, 43, Some(125))
    );
    assert_eq!(status.mpm, Some(Mpm::Event));
    assert_eq!(
        status.connections,
        Some(Connections {
            total: 103,
            writing: 1,
            keepalive: 92,
            closing: 3
        })
    );
    assert_eq!(status.uptime_s, Some(178_813));
    assert_eq!(
        status.version.as_deref(),
        Some("Apache/2.4.58 (Ubuntu) OpenSSL/3.0.13")
    );
    // Early versions of 2.4 do not name the MPM. Only this one prints such lines.
    let unnamed = LONG_POLLS.replace("ServerMPM: event\n", "");
    assert_eq!(parse(&unnamed).unwrap().mpm, Some(Mpm::Event));
}

#[test]
fn the_mpm_is_read_from_its_line() {
    for (text, mpm) in [
        (WORKER, Mpm::Worker),
        (PREFORK, Mpm::Prefork),
        (EVENT, Mpm::Event),
    ] {
        let status = parse(text).unwrap();
        assert_eq!((status.mpm, status.at_most()), (Some(mpm), false));
    }
    assert_eq!(parse(PREFORK).unwrap().connections, None);
}

/// 2.2 has a slot for each of ServerLimit × ThreadLimit, and does not print its version.
#[test]
fn slots_of_early_versions_are_at_most_the_maximum() {
    let status = parse(OLD).unwrap();
    assert_eq!((status.busy, status.idle), (2, 8));
    assert_eq!((status.max_workers(), status.at_most()), (Some(64), true));
    let named = WORKER.replace("Apache/2.4.71", "Apache/2.2.34");
    assert!(parse(&named).unwrap().at_most());
    let hidden = WORKER.replace("Apache/2.4.71 (Debian)", "Apache");
    assert!(
        !parse(&hidden).unwrap().at_most(),
        "ServerTokens Prod beside an MPM"
    );
}

/// Users often omit part of a long scoreboard.
#[test]
fn a_scoreboard_that_was_cut_tells_no_maximum() {
    let status = parse(&page("1", "2", "W_**cut**_...")).unwrap();
    assert_eq!(
        (status.max_workers(), status.no_max()),
        (None, Some(NoMax::Damaged))
    );
}

#[test]
fn a_versions_name_is_harmless() {
    let text = format!(
        "ServerVersion: a\u{1b}[31m\u{202e}{}\n{}",
        "x".repeat(500),
        page("1", "1", "W_")
    );
    let version = parse(&text).unwrap().version.unwrap();
    assert!(
        version.starts_with("a[31mx") && version.len() == MAX_VERSION,
        "{version}"
    );
}

#[test]
fn ending_workers_are_busy_in_all_versions() {
    let older = "BusyWorkers: 3\nIdleWorkers: 2\nProcesses: 1\nStopping: 0\nBusyWorkers: 2\nIdleWorkers: 3\n\
                 Scoreboard: WWG__\n";
    let newer =
        "BusyWorkers: 2\nGracefulWorkers: 1\nIdleWorkers: 2\nProcesses: 1\nStopping: 0\nScoreboard: WWG__\n";
    assert_eq!(parse(older).unwrap(), parse(newer).unwrap());
    assert_eq!(parse(newer).unwrap().busy, 3);
}

#[test]
fn line_ends_and_white_space_do_not_matter() {
    for text in [WORKER, GRACEFUL] {
        assert_eq!(parse(&text.replace('\n', "\r\n")), parse(text));
        assert_eq!(parse(text.trim_end()), parse(text));
        assert_eq!(parse(&format!("\n  {text}\n\n")), parse(text));
    }
    let status = parse(&page("1", "1", "W_  .")).unwrap();
    assert_eq!(status.slots, 3);
}

#[test]
fn keys_are_whole_and_at_the_start_of_a_line() {
    let text = format!(
        "x BusyWorkers: 9\nBusyWorkersAll: 9\nBusyWorkers 9\nScoreboard Key:\n{}",
        page("1", "1", "W_")
    );
    assert_eq!(parse(&text).unwrap().busy, 1);
}

#[test]
fn what_is_no_status_page_is_said_so() {
    for (text, part) in [
        ("", "is empty"),
        (" \r\n ", "is empty"),
        (HTML, "status for people"),
        ("\n<html>", "HTML of another handler"),
        ("It works!", "no Scoreboard line"),
        ("BusyServers: 1\nIdleServers: 2\nScoreboard: rh_\n", "lighttpd"),
        ("IdleWorkers: 1\nScoreboard: W_\n", "no BusyWorkers line"),
        ("BusyWorkers: 1\nScoreboard: W_\n", "no IdleWorkers line"),
        (&page("1", "1", ""), "no slots"),
        (&page("-1", "1", "W_"), "BusyWorkers line has no number"),
        (&page("4294967296", "1", "W_"), "BusyWorkers line has no number"),
        (
            &page("1", "99999999999999999999999", "W_"),
            "IdleWorkers line has no number",
        ),
        (&page("1", "one", "W_"), "IdleWorkers line has no number"),
        (
            &page("3", "1", "WW_"),
            "3 workers are busy, but its scoreboard has at most 2",
        ),
        (
            &page("2", "4", "WW_"),
            "4 workers are idle, but its scoreboard has at most 1",
        ),
        (
            "BusyWorkers: 4294967295\nGracefulWorkers: 1\nIdleWorkers: 0\nScoreboard: W\n",
            "BusyWorkers line has no number",
        ),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
        let advice = error.contains('?') || error.contains("give ");
        assert!(!error.contains('\n') && advice, "{error}");
    }
}

#[test]
fn a_page_cut_short_is_no_status() {
    for end in 0..WORKER.trim_end().len() {
        let Some(text) = WORKER.get(..end) else { continue };
        // If it still parses, only open slots are missing, which cannot be detected.
        if let Ok(status) = parse(text) {
            assert_eq!((status.busy, status.idle), (1, 4), "{end}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_status_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_lines_are_a_status_or_an_error(
        lines in prop::collection::vec(
            "((Busy|Idle|Graceful)Workers|Scoreboard|Stopping)(:| |: )[-0-9_WKG. \r]{0,12}",
            0..9,
        )
    ) {
        if let Ok(status) = parse(&lines.join("\n")) {
            prop_assert!(status.slots > 0);
            prop_assert!(status.busy.checked_add(status.idle).unwrap() <= status.slots);
        }
    }

    #[test]
    fn a_true_page_reads_back(busy in 0_u32..50, idle in 0_u32..50, open in 1_u32..50) {
        let letters = ["W".repeat(busy as usize), "_".repeat(idle as usize), ".".repeat(open as usize)].concat();
        let status = parse(&page(&busy.to_string(), &idle.to_string(), &letters)).unwrap();
        prop_assert_eq!((status.busy, status.idle, status.slots), (busy, idle, busy + idle + open));
    }
}

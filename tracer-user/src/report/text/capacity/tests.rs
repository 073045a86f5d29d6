//! What the report says about workers.

use super::*;
use crate::{
    diagnosis::{Options, diagnose},
    model::{
        history::History,
        owner::{Owner, Process},
        workers::{Connections, Mpm},
    },
    report::example::sample,
};

/// The lines for the example, in which this process holds 14 connections.
fn said(comm: &str, options: &Options) -> String {
    let mut sample = sample();
    sample.sockets.listeners[0].owner = Owner::Process(Process {
        pid: 811,
        comm: comm.to_owned(),
        workload: None,
    });
    let diagnosis = diagnose(&sample, &History::of(&sample), options);
    let mut out = Vec::new();
    write(&mut out, &diagnosis, &Paint(false)).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let (_, workers) = text.split_once("of 511").unwrap();
    workers.trim_start_matches('\n').to_owned()
}

fn given(max_workers: u32) -> Options {
    Options {
        max_workers: Some(max_workers),
        ..Options::default()
    }
}

/// As one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn event() -> Workers {
    Workers {
        busy: Some(7),
        idle: Some(43),
        max: Some(125),
        mpm: Some(Mpm::Event),
        states: vec![("sending or holding a poll".into(), 7)],
        finishing: Some(0),
        processes: Some(2),
        ending: Some(0),
        version: Some("Apache/2.4.58 (Ubuntu)".to_owned()),
        uptime_s: Some(178_813),
        connections: Some(Connections {
            total: 103,
            writing: 1,
            keepalive: 92,
            closing: 3,
        }),
        ..Workers::default()
    }
}

fn page(page: Workers) -> Options {
    Options {
        workers: Some(page),
        ..Options::default()
    }
}

/// Nothing is claimed that the server was not asked.
#[test]
fn held_connections_against_a_number_that_was_typed() {
    let all = [
        ("apache2", 10),
        ("apache2", 150),
        ("httpd.worker", 10),
        ("own-server", 10),
        ("python3.13", 10),
        ("nginx", 10),
        ("postgres", 150),
    ]
    .map(|(comm, max)| format!("{comm}, --max-workers {max}\n{}", said(comm, &given(max))));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn what_a_page_says() {
    let full = Workers {
        busy: Some(125),
        idle: Some(0),
        ..event()
    };
    let ending = Workers {
        busy: Some(12),
        finishing: Some(8),
        ending: Some(2),
        no_max: Some(NoMax::Ending),
        states: vec![(FINISHING.into(), 8), ("sending or holding a poll".into(), 12)],
        uptime_s: Some(4),
        ..event()
    };
    let first = Workers {
        max: None,
        ..ending.clone()
    };
    let old = Workers {
        busy: Some(2),
        idle: Some(8),
        max: Some(256),
        at_most: true,
        ..Workers::default()
    };
    let cut = Workers {
        max: None,
        at_most: true,
        no_max: Some(NoMax::Damaged),
        ..old.clone()
    };
    let silent = Workers {
        busy: None,
        idle: None,
        states: Vec::new(),
        uptime_s: None,
        connections: None,
        ..event()
    };
    let all = [
        ("event", event()),
        ("event, none left", full),
        ("restarted", ending),
        ("restarted before the first page", first),
        ("2.2", old),
        ("cut by hand", cut),
        ("not answered any more", silent),
    ]
    .map(|(what, workers)| format!("{what}\n{}", said("apache2", &page(workers))));
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_number_that_the_page_contradicts_is_said_so() {
    let options = Options {
        max_workers: Some(15),
        ..page(event())
    };
    let said = flat(&said("apache2", &options));
    assert!(said.contains("7 of 125 busy"), "{said}");
    assert!(
        said.contains("--max-workers 15 contradicts the status page, which says 125; the page wins"),
        "{said}"
    );
}

#[test]
fn two_ports_of_one_process_have_one_line_of_workers() {
    let mut sample = sample();
    let mut tls = sample.sockets.listeners[0].clone();
    tls.port = 8443;
    sample.sockets.listeners.push(tls);
    for connection in sample.sockets.connections.iter_mut().take(5) {
        connection.local.1 = 8443;
    }
    let options = page(Workers {
        mpm: Some(Mpm::Worker),
        ..event()
    });
    let diagnosis = diagnose(&sample, &History::of(&sample), &options);
    let mut out = Vec::new();
    write(&mut out, &diagnosis, &Paint(false)).unwrap();
    let text = flat(&String::from_utf8(out).unwrap());
    for part in [
        "Port 8081, apache2 (pid 811): 9 open",
        "Port 8443, apache2 (pid 811): 5 open",
        "workers for ports 8081, 8443: 7 of 125 busy",
    ] {
        assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    }
    assert_eq!(text.matches("workers for").count(), 1, "{text}");
}

#[test]
fn only_httpd_logs_what_httpd_logs() {
    for (comm, logs) in [
        ("httpd.worker", true),
        ("own-server", false),
        ("python3", false),
        ("postgres", false),
    ] {
        let said = said(comm, &given(10));
        assert_eq!(said.contains("httpd logs"), logs, "{comm}: {said}");
    }
}

#[test]
fn a_page_that_is_nobodys_is_said_so() {
    let said = flat(&said("nginx", &page(event())));
    assert_eq!(
        said,
        "The status page (7 busy workers) is that of an Apache, but no Apache listens on the traced ports"
    );
}

/// A process that can open no more files accepts nothing, whatever workers it has.
#[test]
fn files_are_a_word_when_they_run_out() {
    let said = |open| {
        let mut sample = sample();
        let backlog = &mut sample.sockets.listeners[0].backlog;
        (backlog.owner_fds, backlog.owner_fd_limit) = (open, Some(1024));
        let diagnosis = diagnose(&sample, &History::of(&sample), &Options::default());
        let mut out = Vec::new();
        write(&mut out, &diagnosis, &Paint(false)).unwrap();
        flat(&String::from_utf8(out).unwrap())
    };
    assert!(
        said(Some(922)).contains("922 of 1,024 files open"),
        "{}",
        said(Some(922))
    );
    for room in [Some(921), None] {
        assert!(!said(room).contains("files open"), "{}", said(room));
    }
}

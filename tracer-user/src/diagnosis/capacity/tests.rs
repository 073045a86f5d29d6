//! Which process is assigned the workers, and what follows from that.

use super::*;
use crate::model::{
    backlog::Backlog,
    owner::{Owner, Reason},
};

/// A listener of this process with `held` connections, all of them accepted.
fn listener(port: u16, owner: Option<(u32, &str)>, held: u64) -> (ListenerNow, u64) {
    let owner = match owner {
        Some((pid, comm)) => Owner::Process(Process {
            pid,
            comm: comm.to_owned(),
            workload: None,
        }),
        None => Owner::Unknown(Reason::NotPermitted),
    };
    let now = ListenerNow {
        host: None,
        netns: 1,
        port,
        held,
        close_wait: 0,
        never_accepted: 0,
        never_accepted_peak: 0,
        backlog: Backlog {
            accept_queue_limit: 511,
            ..Backlog::default()
        },
        accept_queue_peak: 0,
        stuck_since_ns: None,
        owner,
        max_workers: None,
        busy_workers: None,
        per_second: Some(0.0),
        exhausted_in_s: None,
    };
    (now, held)
}

fn given(max_workers: u32) -> Options {
    Options {
        max_workers: Some(max_workers),
        ..Options::default()
    }
}

fn page(page: Workers) -> Options {
    Options {
        workers: Some(page),
        ..Options::default()
    }
}

fn worker() -> Workers {
    Workers {
        busy: Some(40),
        idle: Some(10),
        max: Some(150),
        mpm: Some(Mpm::Worker),
        ..Workers::default()
    }
}

fn event() -> Workers {
    Workers {
        mpm: Some(Mpm::Event),
        ..worker()
    }
}

/// 75 connections on each of two ports leave none of 150 workers.
#[test]
fn ports_of_one_process_share_its_workers() {
    let apache = Some((811, "httpd.worker"));
    let listeners = [
        listener(22, Some((7, "sshd")), 3),
        listener(80, apache, 75),
        listener(443, apache, 75),
    ];
    let all = of(&listeners, &given(150));
    let [sshd, apache] = &*all else {
        panic!("{all:#?}");
    };
    assert_eq!((sshd.max_workers, sshd.busy_workers), (None, None));
    assert_eq!((&*apache.ports, apache.held), (&[80, 443][..], 150));
    assert_eq!((apache.max_workers, apache.busy_workers), (Some(150), Some(150)));
    assert_eq!(
        (apache.exhausted_in_s, apache.has_room()),
        (Some(0.0), Some(false))
    );
}

#[test]
fn workers_are_apaches_before_anybody_elses() {
    let nginx = listener(443, Some((1, "nginx")), 900);
    let apache = listener(8080, Some((2, "apache2")), 20);
    for options in [given(150), page(event())] {
        let all = of(&[nginx.clone(), apache.clone()], &options);
        assert_eq!((all[0].max_workers, all[1].max_workers), (None, Some(150)));
    }
    // Without Apache, the number goes to the process with the most connections; an Apache page goes to none.
    let sshd = listener(22, Some((3, "sshd")), 2);
    let all = of(&[sshd.clone(), nginx.clone()], &given(150));
    assert_eq!((all[0].max_workers, all[1].max_workers), (None, Some(150)));
    let all = of(&[sshd, nginx], &page(event()));
    assert!(all.iter().all(|one| one.page.is_none()));
}

#[test]
fn of_several_apaches_the_one_that_was_asked_has_the_page() {
    let listeners = [
        listener(80, Some((1, "apache2")), 90),
        listener(8081, Some((2, "apache2")), 20),
    ];
    let asked = Workers {
        port: Some(8081),
        ..event()
    };
    let all = of(&listeners, &page(asked));
    assert!(all[0].page.is_none() && all[1].page.is_some());
    let elsewhere = Workers {
        port: Some(9000),
        ..event()
    };
    let all = of(&listeners, &page(elsewhere));
    assert!(all[0].page.is_some() && all[1].page.is_none());
}

#[test]
fn listeners_of_unknown_processes_are_one_server() {
    let all = of(&[listener(80, None, 5), listener(443, None, 6)], &given(20));
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].busy_workers, all[0].process.as_ref()), (Some(11), None));
}

/// How busy workers are estimated when only their maximum is given.
#[test]
fn connections_are_busy_workers_where_they_take_one() {
    for (comm, takes_one, busy) in [
        ("httpd.worker", Some(true), Some(150)),
        ("php-fpm8.4", Some(true), Some(150)),
        ("apache2", None, Some(150)),
        ("own-server", None, Some(150)),
        ("python3.13", None, None),
        ("java", None, None),
        ("nginx", Some(false), None),
        ("node", Some(false), None),
        ("httpd.event", Some(false), None),
    ] {
        let all = of(&[listener(80, Some((1, comm)), 596)], &given(150));
        assert_eq!(
            (all[0].takes_one, all[0].busy_workers),
            (takes_one, busy),
            "{comm}"
        );
        let known = takes_one == Some(true);
        assert_eq!(all[0].has_room(), known.then_some(false), "{comm}");
        assert_eq!(all[0].exhausted_in_s.is_some(), busy.is_some(), "{comm}");
    }
}

/// The event MPM is busy with only 40 of 596 connections.
#[test]
fn the_event_mpm_has_room_whatever_is_held() {
    let apache = listener(80, Some((1, "apache2")), 596);
    let all = of(std::slice::from_ref(&apache), &page(event()));
    assert_eq!((all[0].takes_one, all[0].busy_workers), (Some(false), Some(40)));
    assert_eq!((all[0].has_room(), all[0].exhausted_in_s), (Some(true), None));
    // The status page no longer answers.
    let stale = Workers {
        busy: None,
        idle: None,
        ..event()
    };
    let all = of(&[apache], &page(stale));
    assert_eq!((all[0].max_workers, all[0].busy_workers), (Some(150), None));
    assert_eq!(all[0].has_room(), None);
}

#[test]
fn a_page_that_is_not_answered_leaves_the_connections_to_count() {
    let stale = Workers {
        busy: None,
        idle: None,
        ..worker()
    };
    let all = of(&[listener(80, Some((1, "apache2")), 596)], &page(stale));
    assert_eq!((all[0].busy_workers, all[0].has_room()), (Some(150), Some(false)));
}

#[test]
fn a_given_number_stands_where_no_page_contradicts_it() {
    let contradicted = |given, page: &Workers| {
        let options = Options {
            max_workers: Some(given),
            workers: Some(page.clone()),
            ..Options::default()
        };
        let all = of(&[listener(80, Some((1, "apache2")), 9)], &options);
        assert_eq!(all[0].contradicted.is_some(), all[0].max_workers != Some(given));
        all[0].max_workers
    };
    // 50 workers are running, with room for 150.
    assert_eq!(contradicted(15, &worker()), Some(150));
    assert_eq!(contradicted(100, &worker()), Some(150));
    assert_eq!(contradicted(2500, &worker()), Some(150));
    // Rounded down to whole processes.
    assert_eq!(contradicted(160, &worker()), Some(160));
    // The page shows one slot for each possible worker; MaxClients may be lower.
    let old = Workers {
        at_most: true,
        mpm: None,
        ..worker()
    };
    assert_eq!(contradicted(128, &old), Some(128));
    // Old workers come on top of the maximum.
    let restarted = Workers {
        no_max: Some(NoMax::Ending),
        ..worker()
    };
    assert_eq!(contradicted(45, &restarted), Some(45));
}

#[test]
fn time_to_exhaustion() {
    assert_eq!(seconds_left(300.0, 15.0, 100.0), Some(20.0));
    assert_eq!(seconds_left(300.0, -3.0, 100.0), None);
    assert_eq!(
        seconds_left(500.0, 0.5, 2000.0),
        None,
        "growth too small to count"
    );
}

/// Idle connections grow in the first case, busy workers in the second.
#[test]
fn growth_is_that_of_what_takes_a_worker() {
    let grows = |per_second, busy_per_1000s| {
        let (mut apache, accepted) = listener(80, Some((1, "apache2")), 596);
        apache.per_second = Some(per_second);
        let page = page(Workers {
            busy_per_1000s,
            ..event()
        });
        of(&[(apache, accepted)], &page)[0].exhausted_in_s
    };
    assert_eq!(grows(20.0, Some(0)), None);
    assert_eq!(grows(20.0, None), None);
    assert_eq!(grows(0.0, Some(500)), Some(220.0));
}

#[test]
fn what_is_not_known_is_neither_room_nor_none() {
    let room = |busy, idle, max, at_most, no_max| {
        let page = page(Workers {
            busy,
            idle,
            max,
            at_most,
            no_max,
            ..event()
        });
        of(&[listener(80, Some((1, "apache2")), 596)], &page)[0].has_room()
    };
    assert_eq!(
        room(Some(5), Some(1), None, false, Some(NoMax::Ending)),
        Some(true)
    );
    assert_eq!(room(Some(5), Some(0), None, false, Some(NoMax::Ending)), None);
    assert_eq!(room(Some(5), Some(0), Some(9), true, None), None);
    assert_eq!(room(Some(5), Some(0), Some(9), false, None), Some(true));
    assert_eq!(room(Some(9), Some(0), Some(9), true, None), Some(false));
    assert_eq!(room(None, None, Some(9), false, None), None);
}

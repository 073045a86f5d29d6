//! Real sockets and processes. Other tests start processes at the same time, and such a process also holds
//! our sockets until it has called exec(), so tests cannot assume a single holder.

use std::{
    net::{TcpListener, UdpSocket},
    os::fd::AsFd,
    process::{self as std_process, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::fstat,
    io::{FdFlags, fcntl_setfd},
};

use super::*;
use crate::model::owner::Process;
use crate::units::S;

/// Not held by any process: socket inode numbers have 32 bits.
const NOBODYS: u64 = u64::MAX - 1;

fn listener() -> (TcpListener, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let inode = fstat(&listener).unwrap().st_ino;
    (listener, inode)
}

/// Limits generous enough that slow tests do not fail.
fn patient() -> Search {
    Search {
        budget: Duration::from_secs(60),
        ..Search::default()
    }
}

fn at_most(max_files: usize) -> Search {
    Search {
        max_files,
        ..patient()
    }
}

fn out_of_time() -> Search {
    Search {
        budget: Duration::ZERO,
        ..patient()
    }
}

fn find_one(inode: u64, search: &Search) -> Owner {
    let mut found = find(&HashSet::from([inode]), search);
    assert_eq!(found.len(), 1);
    found.remove(&inode).unwrap()
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(1));
    }
}

/// A child that inherits the socket.
struct Heir(Child);

impl Heir {
    fn of(socket: impl AsFd) -> Self {
        fcntl_setfd(&socket, FdFlags::empty()).unwrap();
        let child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn();
        fcntl_setfd(&socket, FdFlags::CLOEXEC).unwrap();
        Self(child.unwrap())
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ones_own_listener_is_found() {
    let (_listener, inode) = listener();
    for sharing in [false, true] {
        let owner = find_one(inode, &Search { sharing, ..patient() });
        let own = process(std_process::id()).unwrap();
        assert_eq!(owner.process(), Some(&own), "{owner:?}");
    }
}

#[test]
fn the_name_is_that_of_the_program() {
    let child = Heir::of(UdpSocket::bind("127.0.0.1:0").unwrap());
    let comm = || process(child.0.id()).unwrap().comm;
    // Until exec() it has our name.
    eventually(|| comm() == "sleep");
}

#[test]
fn a_socket_open_twice_has_one_holder() {
    let (listener, inode) = listener();
    let _twice = listener.try_clone().unwrap();
    eventually(|| matches!(find_one(inode, &patient()), Owner::Process(_)));
}

#[test]
fn of_those_that_share_a_socket_the_parent_is_named() {
    let (listener, inode) = listener();
    let _children = [Heir::of(&listener), Heir::of(&listener)];
    match find_one(inode, &patient()) {
        Owner::Shared { first, holders } => {
            assert_eq!(first.pid, std_process::id());
            assert!(holders >= 3, "{holders}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_socket_only_the_child_has_is_the_childs() {
    let (listener, inode) = listener();
    let child = Heir::of(&listener);
    drop(listener);
    let expected = Process {
        pid: child.0.id(),
        comm: "sleep".to_owned(),
        workload: None,
    };
    eventually(|| find_one(inode, &patient()) == Owner::Process(expected.clone()));
}

#[test]
fn what_nobody_holds_is_unknown() {
    let (_listener, inode) = listener();
    let mut found = find(&HashSet::from([inode, NOBODYS]), &patient());
    assert!(found.remove(&inode).unwrap().process().is_some());
    // The reason depends on who runs the tests and where.
    let reasons = [Reason::Gone, Reason::NotPermitted, Reason::OtherPidNamespace];
    match found.remove(&NOBODYS) {
        Some(Owner::Unknown(reason)) => assert!(reasons.contains(&reason), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(find(&HashSet::new(), &patient()).is_empty());
}

#[test]
fn a_search_keeps_to_its_limits() {
    let (_listener, inode) = listener();
    for search in [at_most(0), at_most(1), out_of_time()] {
        assert_eq!(find_one(NOBODYS, &search), Owner::Unknown(Reason::TooManyFiles));
    }
    assert_eq!(find_one(inode, &at_most(0)), Owner::Unknown(Reason::TooManyFiles));
}

#[test]
fn a_new_socket_brings_about_a_search_at_the_pace_asked_for() {
    let (_first, first) = listener();
    let (_second, second) = listener();
    let mut owners = Owners::new(patient());
    assert_eq!(owners.of(Some(first)), &Owner::Unknown(Reason::NotYet));
    owners.refresh(&HashSet::from([first]), S, S);
    assert!(owners.of(Some(first)).process().is_some());

    let both = HashSet::from([first, second]);
    owners.refresh(&both, 2 * S - 1, S);
    assert_eq!(owners.of(Some(second)), &Owner::Unknown(Reason::NotYet));
    owners.refresh(&both, 2 * S, S);
    assert!(owners.of(Some(second)).process().is_some());
}

#[test]
fn what_was_not_found_is_looked_for_again_but_less_often() {
    let mut owners = Owners::new(at_most(0));
    let (_listener, inode) = listener();
    let wanted = HashSet::from([inode]);
    owners.refresh(&wanted, 0, S);
    assert_eq!(owners.of(Some(inode)), &Owner::Unknown(Reason::TooManyFiles));

    owners.search = patient();
    owners.refresh(&wanted, PATIENCE * S - 1, S);
    assert_eq!(owners.of(Some(inode)), &Owner::Unknown(Reason::TooManyFiles));
    owners.refresh(&wanted, PATIENCE * S, S);
    assert!(owners.of(Some(inode)).process().is_some());
}

#[test]
fn an_owner_is_kept_as_long_as_the_socket_is_wanted() {
    let (socket, inode) = listener();
    let mut owners = Owners::new(patient());
    owners.refresh(&HashSet::from([inode]), 0, S);
    drop(socket);
    // Searches in vain for both.
    owners.refresh(&HashSet::from([inode, NOBODYS]), S, S);
    assert!(owners.of(Some(inode)).process().is_some());
    assert!(owners.of(Some(NOBODYS)).process().is_none());

    owners.refresh(&HashSet::new(), 2 * S, S);
    assert_eq!(owners.of(Some(inode)), &Owner::Unknown(Reason::NotYet));
}

#[test]
fn a_socket_without_a_file_has_no_owner() {
    assert_eq!(Owners::default().of(None), &Owner::Unknown(Reason::NoFile));
}

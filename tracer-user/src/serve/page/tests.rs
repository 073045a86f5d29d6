use std::{sync::Arc, time::Instant};

use super::*;
use crate::{
    diagnosis::Options,
    model::owner::{Owner, Process},
    report::{
        Origin,
        example::{example, example_called, origin, sample},
        openmetrics::Counted,
    },
    serve::latest::Point,
};

fn latest(change: impl FnOnce(&mut Diagnosis)) -> Latest {
    let mut diagnosis = example();
    change(&mut diagnosis);
    let mut counted = Counted::default();
    counted.look(&sample(), &Options::default());
    let point = |second: u64| Point {
        at_ns: second * 1_000_000_000,
        open: 10 + second,
        close_wait: second,
    };
    Latest {
        number: 7,
        at: Instant::now(),
        took: std::time::Duration::ZERO,
        diagnosis: Arc::new(diagnosis),
        counted: Arc::new(counted),
        course: [point(0), point(2), point(4)].into(),
        origin: Arc::new(origin()),
    }
}

#[test]
fn the_example_reads_as_promised() {
    insta::assert_snapshot!(whole(&latest(|_| {})));
}

/// Names of hosts and processes come from elsewhere.
#[test]
fn no_name_becomes_markup() {
    let mut latest = latest(|diagnosis| {
        let process = Process {
            pid: 1,
            comm: "<img src=x>".to_owned(),
            workload: None,
        };
        diagnosis.listeners[0].owner = Owner::Process(process.clone());
        diagnosis.capacity[0].process = Some(process);
        *diagnosis = Diagnosis {
            listeners: diagnosis.listeners.clone(),
            capacity: diagnosis.capacity.clone(),
            ..example_called("<svg onload=z>")
        };
        diagnosis.peers[0].host = Some("<b onclick=y>\"".to_owned());
    });
    latest.origin = Arc::new(Origin {
        host: "</title><script>".to_owned(),
        ..origin()
    });
    let page = whole(&latest);
    for markup in ["<svg onload", "<img", "<b onclick", "<script>"] {
        assert!(!page.contains(markup), "{markup}: {page}");
    }
    assert!(page.contains("&lt;img src=x&gt;"), "{page}");
}

#[test]
fn a_page_of_many_peers_is_bounded() {
    let page = whole(&latest(|diagnosis| {
        let one = diagnosis.peers[0].clone();
        diagnosis.peers = vec![one; 10_000];
    }));
    assert_eq!(page.matches("<details").count(), MAX_PEERS);
    assert!(page.contains("9,800 more peers are not shown"), "{page}");
}

/// In a stream each line is a field, so no line may begin one of its own.
#[test]
fn an_event_is_its_number_and_data() {
    let event = event(&latest(|_| {}));
    let (last, lines) = event
        .split('\n')
        .collect::<Vec<_>>()
        .split_last()
        .map(|(a, b)| (*a, b.to_vec()))
        .unwrap();
    assert_eq!((last, lines.last().copied()), ("", Some("")));
    assert_eq!(lines.first().copied(), Some("id: 7"));
    assert!(
        lines[1..lines.len() - 1]
            .iter()
            .all(|line| line.starts_with("data: "))
    );
}

/// The policy that comes with it forbids both.
#[test]
fn nothing_is_written_into_the_page_that_runs_or_comes_from_elsewhere() {
    let page = whole(&latest(|_| {}));
    for forbidden in ["style=", "onclick", "http:", "https:", "<style"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

/// The picture in the documentation looks as the page does now: it has the same style.
#[test]
fn the_picture_of_the_documentation_is_current() {
    let drawn = crate::docs::picture("serve.svg");
    assert!(drawn.contains(CSS), "run `cargo xtask picture`");
    for said in ["PROBLEM: 6 of 24", "close-wait-leak", "Capacity"] {
        assert!(drawn.contains(said), "{said}");
    }
    assert!(drawn.len() < 60_000, "{}", drawn.len());
}

#[test]
fn a_peer_tells_what_its_process_belongs_to() {
    let mut latest = latest(|_| {});
    let mut diagnosis = Diagnosis::clone(&latest.diagnosis);
    let workload = crate::model::workload::Workload {
        unit: Some("shop.service".to_owned()),
        container: Some("web".to_owned()),
        pod: None,
    };
    diagnosis.peers[0].figures.owner = Some(Arc::new(Process {
        pid: 5,
        comm: "java".to_owned(),
        workload: Some(Box::new(workload)),
    }));
    latest.diagnosis = Arc::new(diagnosis);
    let page = whole(&latest);
    let line = "<li class=\"owner\">process java (pid 5), unit shop.service, container web</li>";
    assert!(page.contains(line), "{page}");
}

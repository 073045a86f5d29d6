use std::sync::mpsc::channel;

use super::*;
use crate::{
    model::sample::Moment,
    report::example::{example, origin},
};

fn change(id: u64, what: What) -> Change {
    let at = Moment {
        monotonic_ns: 0,
        utc_ns: 1_767_225_600_000_000_000,
    };
    Change {
        id,
        at,
        host: None,
        what,
    }
}

fn verdict(is: Verdict) -> What {
    What::Verdict {
        peer: example().peers[0].id,
        was: Verdict::InsufficientData,
        is,
        confidence: 0.9,
        good_since: None,
    }
}

fn teller() -> Teller {
    Teller::over(Vec::new(), &origin(), Arc::default())
}

fn told(teller: &mut Teller, second: u64, changes: Vec<Change>) -> Vec<Event> {
    let mut diagnosis = example();
    diagnosis.taken.monotonic_ns = second * 1_000_000_000;
    diagnosis.changes = changes;
    teller.events(&diagnosis)
}

#[test]
fn each_change_is_told_once() {
    let mut teller = teller();
    let answer = What::Answer {
        was: crate::diagnosis::Answer::No,
        is: crate::diagnosis::Answer::Yes,
        accused: 1,
        peers: 2,
    };
    let changes = vec![
        change(0, verdict(Verdict::PilingUp)),
        change(1, verdict(Verdict::Reusing)),
        change(2, answer),
    ];
    let names: Vec<String> = told(&mut teller, 100, changes.clone())
        .iter()
        .map(|event| event.text("event").to_owned())
        .collect();
    assert_eq!(names, ["verdict", "recovered"]);
    assert!(told(&mut teller, 101, changes).is_empty());
}

#[test]
fn an_event_reads_as_promised() {
    let events = told(&mut teller(), 100, vec![change(0, verdict(Verdict::PilingUp))]);
    insta::assert_snapshot!(events[0].line());
    assert!(events[0].is_bad);
}

/// A crowd that changes its mind must not hide what matters, nor go unmentioned.
#[test]
fn beyond_a_limit_verdicts_are_counted_and_the_rest_is_told() {
    let mut teller = teller();
    let mut changes: Vec<Change> = (0..100)
        .map(|id| change(id, verdict(Verdict::PilingUp)))
        .collect();
    changes.push(change(100, What::MoreVerdicts { peers: 7 }));
    let capacity = What::Capacity {
        process: None,
        netns: 1,
        ports: vec![80],
        none_left: true,
    };
    changes.push(change(101, capacity));
    let first = told(&mut teller, 100, changes.clone());
    assert_eq!(first.len(), VERDICTS_A_MINUTE as usize + 1);
    assert_eq!(first.last().unwrap().text("event"), "capacity");
    assert!(told(&mut teller, 110, changes.clone()).is_empty());
    let later = told(&mut teller, 161, changes);
    let lost: Vec<&Value> = later
        .iter()
        .map(|event| &event.fields["lost"]["events_not_told"])
        .collect();
    assert_eq!(lost, [&Value::from(47)]);
    assert_eq!(teller.lost()[0], ("events_not_told", 47));
}

#[test]
fn every_outlet_hears_it() {
    let (tell, heard) = channel();
    let outlet = || {
        let tell = tell.clone();
        Outlet::start("test", move |event: &Event| tell.send(event.line()).is_ok()).unwrap()
    };
    let outlets = vec![outlet(), outlet()];
    let mut teller = Teller::over(outlets, &origin(), Arc::default());
    let mut diagnosis = example();
    diagnosis.changes = vec![change(0, verdict(Verdict::PilingUp))];
    teller.tell(&diagnosis);
    assert_eq!(heard.recv().unwrap(), heard.recv().unwrap());
}

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    diagnosis::{diagnose, judge::tests::world::World},
    model::history::History,
};

const S: u64 = 1_000_000_000;

fn judge(line: &Value) -> Map<String, Value> {
    let text = serde_json::to_vec(line).unwrap();
    let (said, wrong) = LineJudge::new(Options::default(), Populations::default()).judge(&text);
    assert_eq!(wrong, None, "{line}");
    said
}

fn wrong(line: &str) -> String {
    let mut judge = LineJudge::new(Options::default(), Populations::default());
    let (said, wrong) = judge.judge(line.as_bytes());
    assert_eq!(said.get("error").and_then(Value::as_str), wrong.as_deref());
    wrong.unwrap()
}

/// A thin client: one connection for each of ten requests, over a hundred hosts.
fn fresh() -> Value {
    json!({
        "key": [1, "a"], "peer": "192.0.2.7", "port": 443, "seconds": 600.0,
        "figures": {
            "open_now": 0, "opens_by_held": [10, 0, 0], "closes": {"remote_fin": 10},
            "turns": {"sum": 10, "max": 1, "buckets": [0, 10]},
            "idle": {"sum_ns": 0, "buckets": [10]},
            "lifetime": {"sum_ns": 1_000_000_000_u64, "buckets": [[14, 10]]},
            "bytes_received": 2000, "bytes_sent": 3000,
        },
        "held": {"start": 0, "end": 0, "mean": 0.1, "peak": 1},
    })
}

#[test]
fn sums_are_judged_and_other_fields_come_out_as_they_went_in() {
    let said = judge(&fresh());
    assert_eq!(said["verdict"], "fresh-per-request", "{said:?}");
    assert_eq!(
        (&said["key"], &said["peer"]),
        (&json!([1, "a"]), &json!("192.0.2.7"))
    );
    assert!(said["fix"].as_str().unwrap().len() > 10 && !said.contains_key("figures"));
}

#[test]
fn dense_and_sparse_histograms_are_the_same() {
    let mut sparse = fresh();
    sparse["figures"]["opens_by_held"] = json!([[0, 10]]);
    sparse["figures"]["turns"]["buckets"] = json!([[1, 10]]);
    assert_eq!(judge(&sparse), judge(&fresh()));
}

#[test]
fn what_is_absent_accuses_nobody() {
    for name in ["opens_by_held", "closes", "turns"] {
        for absent in [true, false] {
            let mut line = fresh();
            let figures = line["figures"].as_object_mut().unwrap();
            if absent {
                figures.remove(name);
            } else {
                figures[name] = Value::Null;
            }
            assert_eq!(judge(&line)["verdict"], "insufficient-data", "{name}");
        }
    }
    let mut line = fresh();
    line["figures"]["open_now"] = 1.into();
    let said = judge(&line);
    assert_eq!(
        said["verdict"], "insufficient-data",
        "its open connection may carry any number"
    );
    assert!(
        said["explanation"].as_str().unwrap().contains("requests on open"),
        "{said:?}"
    );
    assert_eq!(judge(&json!({"figures": {}}))["verdict"], "insufficient-data");
}

fn holds(held: Value, population: Value) -> Map<String, Value> {
    judge(&json!({
        "peer": "192.0.2.7", "port": 443, "seconds": 600.0,
        "figures": {"open_now": 20, "opens_by_held": [19], "closes": {}},
        "held": held, "population": population,
    }))
}

#[test]
fn a_pile_over_all_hosts_is_one_and_a_constant_number_is_none() {
    let others = json!({"expected": 1, "expected_from_peers": 30, "peers": 31, "typical": 1});
    let grew = holds(
        json!({"start": 1, "end": 20, "mean": 10.0, "peak": 20}),
        others.clone(),
    );
    assert_eq!(grew["verdict"], "piling-up", "{grew:?}");
    let stood = holds(
        json!({"start": 20, "end": 20, "mean": 20.0, "peak": 20}),
        others.clone(),
    );
    assert_eq!(stood["verdict"], "many-held", "{stood:?}");
    let stated = holds(
        json!({"start": 20, "end": 20}),
        json!({"expected": 2, "expected_is_given": true, "peers": 31, "typical": 1}),
    );
    assert_eq!(stated["verdict"], "piling-up", "{stated:?}");
    let breathes = json!([
        {"ago": 600, "held": 4}, {"ago": 400, "held": 20, "closes": 0}, {"ago": 200, "held": 4, "closes": 16},
    ]);
    let breathes = holds(json!({"start": 4, "end": 20, "levels": breathes}), others);
    assert_eq!(breathes["verdict"], "many-held", "{breathes:?}");
}

#[test]
fn what_is_wrong_is_said_in_its_place() {
    assert!(wrong("").contains("is no JSON object"));
    assert!(wrong("[1]").contains("is no JSON object"));
    assert!(wrong("{}").contains("no object `figures`"));
    for (part, value) in [
        ("figures", json!({"open_now": -1})),
        ("figures", json!({"opens_by_held": [[99, 1]]})),
        ("figures", json!({"bytes_sent": u64::MAX})),
        ("seconds", json!("long")),
        ("held", json!({"start": 1.5})),
        ("live", json!({"held": {"alive": u64::MAX}})),
        ("population", json!("many")),
        ("port", json!(65_536)),
        ("direction", json!("up")),
    ] {
        let mut line = fresh();
        line[part] = value;
        let said = wrong(&line.to_string());
        assert!(said.starts_with(part), "{part}: {said}");
    }
}

#[test]
fn populations_are_learned_by_service_and_found_again() {
    let mut learner = Learner::new(Options::default());
    for (service, held) in [("a", 1), ("b", 6)] {
        for n in 0..9 {
            let line = json!({
                "service": service, "peer": format!("192.0.2.{n}"), "port": 443, "seconds": 600.0,
                "figures": {"open_now": held}, "held": {"start": held, "end": held},
            });
            learner.add(line.to_string().as_bytes()).unwrap();
        }
    }
    let learned = learner.populations();
    let expected: Vec<_> = learned
        .iter()
        .map(|line| (line["service"].as_str().unwrap(), &line["population"]["expected"]))
        .collect();
    assert_eq!(expected, [("a", &json!(1)), ("b", &json!(6))]);
    let mut populations = Populations::default();
    for line in &learned {
        populations.add(line.to_string().as_bytes()).unwrap();
    }
    assert!(populations.add(b"{}").is_err());
    let mut judge = LineJudge::new(Options::default(), populations);
    let line = json!({
        "service": "a", "port": 443, "seconds": 600,
        "figures": {"open_now": 30, "opens_by_held": [29], "closes": {}}, "held": {"start": 1, "end": 30},
    });
    assert_eq!(judge.judge(line.to_string().as_bytes()).0["verdict"], "piling-up");
}

/// What a peer does each second.
#[derive(Clone, Copy, Debug)]
enum Act {
    Opens(u8),
    Closes(u8),
    Polls,
    Fresh(u8),
    TimesOut(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (1..4_u8).prop_map(Act::Opens),
        (1..4_u8).prop_map(Act::Closes),
        Just(Act::Polls),
        (1..4_u8).prop_map(Act::Fresh),
        (1..3_u8).prop_map(Act::TimesOut),
    ]
}

proptest! {
    #[test]
    fn a_line_of_a_judged_peer_gives_the_same_verdict(
        habits in prop::collection::vec(prop::collection::vec(act(), 1..4), 1..8),
        found in 0..4_u64,
        seconds in 20..90_u64,
    ) {
        let mut world = World::new(1000);
        for _ in &habits {
            let who = world.add();
            (0..found).for_each(|_| world.peer(who).find());
        }
        let mut history = History::of_window(Some(60 * S));
        let mut last = None;
        for second in 0..seconds {
            for (who, acts) in habits.iter().enumerate() {
                let peer = world.peer(who);
                match acts[usize::try_from(second).unwrap() % acts.len()] {
                    Act::Opens(n) => peer.open_many(n.into()),
                    Act::Closes(n) => (0..n).for_each(|_| peer.close()),
                    Act::Polls => peer.poll(),
                    Act::Fresh(n) => (0..n).for_each(|_| peer.fresh(0)),
                    Act::TimesOut(n) => (0..n).for_each(|_| peer.fresh(5 * S)),
                }
            }
            let sample = world.tick();
            history.add(&sample);
            last = Some(sample);
        }
        let sample = last.unwrap();
        let options = Options::default();
        let diagnosis = diagnose(&sample, &history, &options);
        let mut judge = LineJudge::new(options, Populations::default());
        for judged in &diagnosis.peers {
            let peer = sample.peers.iter().find(|peer| peer.id == judged.id).unwrap();
            let begins_ns = sample.taken.monotonic_ns - judged.figures.occupancy.window_ns;
            let counters = history.window().counters_from(peer, begins_ns, &sample);
            let line = of_judged(judged, &counters).to_string();
            let (said, wrong) = judge.judge(line.as_bytes());
            prop_assert_eq!(wrong, None);
            let own = (judged.finding.verdict, &judged.finding.also, judged.finding.confidence);
            prop_assert_eq!(
                (&said["verdict"], &said["also"], &said["confidence"]),
                (&json!(own.0), &json!(own.1), &json!(own.2)),
                "{}", line
            );
            // A line of the latest behaviour does not show what was before it.
            prop_assert!(judged.shared_address || said["shared_address"] == false, "{}", line);
            prop_assert_eq!(&said["explanation"], &json!(judged.explanation()));
            prop_assert_eq!(&said["fix"], &json!(judged.fix()));
        }
    }

    #[test]
    fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut judge = LineJudge::new(Options::default(), Populations::default());
        judge.judge(&line);
    }

    #[test]
    fn no_damaged_line_makes_it_panic(at: prop::sample::Index, byte: u8, number: u64) {
        let mut text = fresh().to_string().replace("600", &number.to_string()).into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let mut judge = LineJudge::new(Options::default(), Populations::default());
        let (said, wrong) = judge.judge(&text);
        prop_assert_eq!(said.contains_key("verdict"), wrong.is_none());
        let _ = Learner::new(Options::default()).add(&text);
    }
}

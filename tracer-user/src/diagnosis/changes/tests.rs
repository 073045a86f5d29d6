//! Which changes are listed, and for how long.

use super::*;
use crate::units::S;
use crate::{
    diagnosis::{Brief, Judge, Options},
    model::{
        history::{Shape, Surge},
        sample::Moment,
    },
    report::example::{example, sample},
};

/// The example diagnosis, `seconds` later.
fn after(seconds: u64) -> Diagnosis {
    let mut diagnosis = example();
    diagnosis.taken.monotonic_ns += seconds * S;
    diagnosis.taken.utc_ns += i128::from(seconds * S);
    diagnosis
}

fn surge(number: u32, to: u64, ended: Option<Moment>) -> Surge {
    Surge {
        number,
        started: example().started,
        ended,
        from: 20,
        to,
        shape: Shape::Uniform,
        grown: 4,
        peers: 5,
        behind: Vec::new(),
        ports: Vec::new(),
    }
}

fn surges(changes: &Changes) -> Vec<(u64, bool, u64)> {
    let all = changes.latest.iter();
    all.filter_map(|change| match &change.what {
        What::SurgeBegan(surge) => Some((change.id, true, surge.to)),
        What::SurgeEnded { surge, .. } => Some((change.id, false, surge.to)),
        _ => None,
    })
    .collect()
}

#[test]
fn a_surge_is_one_change_that_is_brought_up_to_date() {
    let mut changes = Changes::default();
    let mut begun = None;
    for second in 0..60 {
        let mut diagnosis = after(second);
        diagnosis.movement.surge = Some(surge(1, 100 + second, None));
        changes.note(&diagnosis, &diagnosis.peers, &HashMap::new());
        let now = surges(&changes);
        assert_eq!(now.len(), 1);
        assert_eq!(now[0].2, 100 + second);
        assert_eq!(*begun.get_or_insert(now[0].0), now[0].0);
    }
    let mut over = after(60);
    over.movement.surge = Some(surge(1, 159, Some(over.taken)));
    changes.note(&over, &over.peers, &HashMap::new());
    changes.note(&over, &over.peers, &HashMap::new());
    let kinds: Vec<_> = surges(&changes)
        .into_iter()
        .map(|(_, began, to)| (began, to))
        .collect();
    assert_eq!(kinds, [(true, 159), (false, 159)]);
    let mut second = after(61);
    second.movement.surge = Some(surge(2, 80, None));
    changes.note(&second, &second.peers, &HashMap::new());
    assert_eq!(surges(&changes).len(), 3, "a smaller surge is listed too");
}

#[test]
fn a_flapping_peer_does_not_push_a_surge_out() {
    let mut changes = Changes::default();
    let mut first = after(0);
    first.movement.surge = Some(surge(1, 100, None));
    changes.note(&first, &first.peers, &HashMap::new());
    let were: HashMap<PeerId, Verdict> = first
        .peers
        .iter()
        .map(|peer| (peer.id, Verdict::PathCut))
        .collect();
    for second in 1..2000 {
        let diagnosis = after(second);
        changes.note(&diagnosis, &diagnosis.peers, &were);
    }
    assert_eq!(surges(&changes).len(), 1);
    assert!(changes.latest.len() <= MAX);
    let verdicts = (1999 * were.len()) as u64;
    assert_eq!(changes.dropped, verdicts - MAX_VERDICTS as u64);
    assert!(changes.latest.is_sorted_by_key(|change| change.id));
}

#[test]
fn of_a_crowd_the_worst_are_listed_and_the_others_counted() {
    let mut crowd = after(0);
    let one = crowd.peers[0].clone();
    crowd.peers = (0..2000_u32)
        .map(|n| {
            let mut peer = one.clone();
            peer.id.network = std::net::IpAddr::from(n.to_be_bytes()).into();
            peer
        })
        .collect();
    let were = crowd
        .peers
        .iter()
        .map(|peer| (peer.id, Verdict::Reusing))
        .collect();
    let mut changes = Changes::default();
    changes.note(&crowd, &crowd.peers, &were);
    let listed = |change: &&Change| matches!(change.what, What::Verdict { .. });
    assert_eq!(changes.latest.iter().filter(listed).count(), MAX_AT_ONCE);
    let last = changes.latest.last().unwrap();
    assert_eq!(
        last.what,
        What::MoreVerdicts {
            peers: 2000 - MAX_AT_ONCE as u64
        }
    );
}

#[test]
fn losses_are_noted_when_they_begin() {
    let mut changes = Changes::default();
    for (second, (lost, drift)) in [(0, 0), (3, 0), (9, 0), (9, 2), (9, 2), (9, 0)]
        .into_iter()
        .enumerate()
    {
        let mut diagnosis = after(second as u64);
        diagnosis.losses.records_lost = lost;
        diagnosis.accounting.drift = Some(drift);
        changes.note(&diagnosis, &diagnosis.peers, &HashMap::new());
    }
    let losses = changes.latest.iter().filter_map(|change| match &change.what {
        What::Loss { losses, drift } => Some((losses.records_lost, *drift)),
        _ => None,
    });
    assert_eq!(losses.collect::<Vec<_>>(), [(3, None), (9, Some(2))]);
}

#[test]
fn they_survive_the_way_there_and_back_with_harmless_names() {
    let mut judge = Judge::default();
    let mut diagnosis = judge.look(&sample(), &Options::default());
    diagnosis.movement.surge = Some(surge(1, 100, Some(diagnosis.taken)));
    let mut changes = Changes::default();
    let were = diagnosis
        .peers
        .iter()
        .map(|peer| (peer.id, Verdict::PathCut))
        .collect();
    diagnosis.capacity[0].max_workers = Some(1);
    diagnosis.capacity[0].busy_workers = Some(1);
    diagnosis.capacity[0].takes_one = Some(true);
    changes.note(&diagnosis, &diagnosis.peers, &were);
    let text = serde_json::to_string(&changes).unwrap();
    let read: Changes = serde_json::from_str(&text).unwrap();
    assert_eq!(read.latest, changes.latest);
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert!(text.contains(r#""none_left":true"#), "{text}");
    let mut bad: Changes = serde_json::from_str(&text.replace("apache2", r"apa\u001b[2Jche")).unwrap();
    bad.sanitise();
    assert!(!serde_json::to_string(&bad).unwrap().contains(r"\u001b"));
}

fn briefs(diagnosis: &Diagnosis) -> Vec<Brief> {
    let peers = (0..).zip(&diagnosis.peers);
    peers.map(|(place, peer)| Brief::of(peer, place)).collect()
}

fn look(observer: &mut Observer, diagnosis: &mut Diagnosis) {
    let peers = briefs(diagnosis);
    observer.look(diagnosis, &peers);
}

/// Playback of a recording can go back: the changes seen so far stay, and nothing appears to begin at the
/// place it returned to.
#[test]
fn going_back_forgets_what_comes_later() {
    let mut observer = Observer::default();
    let with_surge = |second, to| {
        let mut diagnosis = after(second);
        diagnosis.movement.surge = Some(surge(1, to, None));
        diagnosis
    };
    look(&mut observer, &mut after(0));
    look(&mut observer, &mut with_surge(10, 100));
    let mut last = with_surge(20, 200);
    last.losses.records_lost = 1;
    look(&mut observer, &mut last);
    let mut back = with_surge(15, 150);
    let peers = briefs(&back);
    observer.go_back(&mut back, &peers);
    let ids: Vec<u64> = back.changes.iter().map(|change| change.id).collect();
    assert!(
        !ids.is_empty()
            && back
                .changes
                .iter()
                .all(|change| change.at.monotonic_ns <= back.taken.monotonic_ns)
    );
    let began = |diagnosis: &Diagnosis| {
        let is_one = |change: &&Change| matches!(&change.what, What::SurgeBegan(_));
        diagnosis
            .changes
            .iter()
            .filter(is_one)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(began(&back).len(), 1);
    assert_eq!(began(&back)[0].what, What::SurgeBegan(surge(1, 150, None)));
    let mut on = with_surge(16, 160);
    look(&mut observer, &mut on);
    assert_eq!(on.changes.len(), back.changes.len());
    assert_eq!(began(&on).len(), 1);
}

#[test]
fn what_happened_stays_when_the_judge_begins_anew() {
    let mut judge = Judge::default();
    for _ in 0..3 {
        judge.look(&sample(), &Options::default());
    }
    let count = judge.memory().changes.latest.len();
    assert!(count > 1);
    judge.begin_anew();
    let next = judge.look(&sample(), &Options::default());
    assert!(next.changes.len() >= count);
    assert!(next.changes.is_sorted_by_key(|change| change.id));
}

/// Other thresholds would have given other verdicts; a surge does not depend on them.
#[test]
fn what_was_said_goes_when_the_judge_is_told_otherwise() {
    let mut changes = Changes::default();
    let mut diagnosis = after(0);
    diagnosis.movement.surge = Some(surge(1, 100, None));
    let were = diagnosis
        .peers
        .iter()
        .map(|peer| (peer.id, Verdict::PathCut))
        .collect();
    changes.note(&diagnosis, &diagnosis.peers, &were);
    assert!(changes.latest.len() > 1);
    changes.reconsider();
    assert_eq!(surges(&changes).len(), 1);
    assert_eq!(changes.latest.len(), 1);
}

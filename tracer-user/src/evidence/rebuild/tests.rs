use std::{fs, path::Path};

use proptest::prelude::*;

use super::*;
use crate::{
    diagnosis::{Diagnosis, Verdict},
    evidence::{
        load::{Loaded, load},
        testing::{recorded, unfinished},
    },
    report::{example::origin, json},
};

fn diagnosis(loaded: &Loaded) -> Diagnosis {
    loaded.judge.again(&loaded.sample, &loaded.options)
}

fn verdicts(diagnosis: &Diagnosis) -> Vec<(PeerId, Verdict)> {
    let mut verdicts: Vec<_> = diagnosis
        .peers
        .iter()
        .map(|peer| (peer.id, peer.finding.verdict))
        .collect();
    verdicts.sort_unstable();
    verdicts
}

#[test]
fn without_state_the_rows_give_the_same_verdicts() {
    let (_parent, path, _) = recorded();
    let live = load(&path).unwrap();
    assert!(live.notes.is_empty(), "{:?}", live.notes);
    for damage in ["", "{\"schema\":", "[]", "{}"] {
        if damage.is_empty() {
            fs::remove_file(path.join("state.json")).unwrap();
        } else {
            fs::write(path.join("state.json"), damage).unwrap();
        }
        let rebuilt = load(&path).unwrap();
        assert!(
            rebuilt.notes[0].contains("from the rows alone"),
            "{:?}",
            rebuilt.notes
        );
        assert_eq!(verdicts(&diagnosis(&rebuilt)), verdicts(&diagnosis(&live)));
        assert_eq!(
            (rebuilt.sample.started, rebuilt.sample.taken),
            (live.sample.started, live.sample.taken)
        );
        // The example's first peer has no gaps in its counters, but the rows say how long they were.
        let (mine, theirs) = (&rebuilt.sample.peers[0].counters, &live.sample.peers[0].counters);
        assert_eq!(
            (mine.opens(), mine.closes, mine.open_now),
            (theirs.opens(), theirs.closes, theirs.open_now)
        );
    }
}

#[test]
fn a_killed_recorder_leaves_enough_for_a_diagnosis() {
    let (_parent, path, recording) = unfinished(None, 6, 10);
    drop(recording);
    let newest = load(&path).unwrap();
    assert!(newest.notes.is_empty(), "{:?}", newest.notes);
    // Without the later states there is the first one, and the rows since.
    fs::remove_file(path.join("state.delta")).unwrap();
    let older = load(&path).unwrap();
    let note = &older.notes[0];
    assert!(
        note.contains("diagnosed as of 2026-01-01 00:00:06 UTC: its last state is 5.0 s older"),
        "{note}"
    );
    let (is, wanted) = (&older.sample, &newest.sample);
    assert_eq!((is.taken, is.accounting), (wanted.taken, wanted.accounting));
    assert_eq!(is.sockets.connections.len(), wanted.sockets.connections.len());
    for (is, wanted) in is.peers.iter().zip(&wanted.peers) {
        assert_eq!(
            (
                is.id,
                is.counters.opens(),
                is.counters.closes,
                is.counters.open_now
            ),
            (
                wanted.id,
                wanted.counters.opens(),
                wanted.counters.closes,
                wanted.counters.open_now
            )
        );
    }
    assert_eq!(verdicts(&diagnosis(&older)), verdicts(&diagnosis(&newest)));
    fs::remove_file(path.join("state.json")).unwrap();
    let loaded = load(&path).unwrap();
    assert!(
        loaded.notes[0].contains("from the rows alone"),
        "{:?}",
        loaded.notes
    );
    let sample = &loaded.sample;
    assert_eq!(sample.accounting.totals.open_now(), sample.accounting.open_now);
    assert_eq!(sample.accounting.open_now, 14);
    assert_eq!(sample.sockets.connections.len(), 14);
    let found = verdicts(&diagnosis(&loaded));
    assert!(
        found
            .iter()
            .any(|(_, verdict)| *verdict == Verdict::FreshPerRequest),
        "{found:?}"
    );
}

const MANIFEST: &str = r#"{"schema":"tcpreuse.evidence/1"}"#;

fn by_hand(folder: &Path, connections: &str) {
    fs::write(folder.join("manifest.json"), MANIFEST).unwrap();
    let header = crate::evidence::rows::Kind::Connections.columns().join(",");
    fs::write(folder.join("connections.csv"), format!("{header}\n{connections}")).unwrap();
}

#[test]
fn a_directory_made_by_hand_can_be_diagnosed() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..20)
        .map(|n| {
            format!(
                "2026-01-01T00:00:{n:02}Z,2026-01-01T00:00:{n:02}.1Z,100,inbound,1,192.0.2.1,80,192.0.2.7,{},\
                 LAST_ACK,remote_fin,remote,false,true,false,900,1,200,300,1,1,0,1,0,,,\n",
                40_000 + n
            )
        })
        .collect();
    by_hand(folder.path(), &rows);
    let loaded = load(folder.path()).unwrap();
    let diagnosis = diagnosis(&loaded);
    let peer = &diagnosis.peers[0];
    assert_eq!(peer.finding.verdict, Verdict::FreshPerRequest, "{peer:?}");
    assert_eq!((peer.figures.opens, peer.figures.closes), (20, 20));
    assert_eq!(peer.figures.lifetime().max_ns, Some(100_000_000));
    assert_eq!(diagnosis.window_ns(), 19_100_000_000);
}

#[test]
fn requests_given_up_are_seen_in_rows() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..6)
        .map(|n| {
            format!(
                "2026-01-01T00:00:{n:02}Z,2026-01-01T00:00:{:02}Z,10000,inbound,1,192.0.2.1,80,192.0.2.7,{},\
                 LAST_ACK,remote_fin,remote,false,true,false,,1,200,0,1,0,0,2000,8000,,,\n",
                n + 10,
                40_000 + n
            )
        })
        .collect();
    by_hand(folder.path(), &rows);
    let diagnosis = diagnosis(&load(folder.path()).unwrap());
    assert_eq!(
        diagnosis.peers[0].finding.verdict,
        Verdict::EarlyAbort,
        "{:?}",
        diagnosis.peers[0]
    );
}

/// Connections of two processes that were separate peers at first and one later, and of a process that
/// continued.
#[test]
fn rows_of_processes_that_ended_belong_to_the_peer_that_stands_for_them() {
    let connection = |second: u32, pid: u32| {
        format!(
            "2026-01-01T00:00:0{second}Z,2026-01-01T00:00:0{second}.1Z,100,outbound,1,192.0.2.1,4000{second},\
             192.0.2.9,5432,FIN_WAIT2,local_fin,local,false,true,false,,1,200,300,1,1,0,1,,{pid},curl,\n"
        )
    };
    let peer = |second: u32, opens: u32, owner: &str| {
        format!(
            "2026-01-01T00:00:0{second}Z,outbound,1,,192.0.2.9:5432,{opens},{opens},0,0,0,0,0,0,0,1,0,,0,1,1,0,\
             reusing,{owner}\n"
        )
    };
    let rows = [
        connection(1, 7),
        connection(2, 8),
        connection(3, 9),
        connection(4, 9),
    ]
    .concat();
    let header = crate::evidence::rows::Kind::Peers.columns().join(",");
    let intervals = |last: &[String]| {
        [
            &[peer(3, 1, "7,curl"), peer(3, 1, "8,curl"), peer(3, 1, "9,curl")],
            last,
        ]
        .concat()
    };
    let opens = |intervals: &[String]| {
        let folder = tempfile::tempdir().unwrap();
        by_hand(folder.path(), &rows);
        fs::write(
            folder.path().join("peers.csv"),
            format!("{header}\n{}", intervals.concat()),
        )
        .unwrap();
        let sample = load(folder.path()).unwrap().sample;
        assert_eq!(sample.accounting.totals.opened, 4, "{:?}", sample.peers);
        let of = |peer: &Peer| {
            let program = peer.id.program.map(|comm| comm.as_str().to_owned());
            (
                peer.id.process,
                program,
                peer.counters.opens(),
                peer.counters.lifetime.count(),
            )
        };
        sample.peers.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(
        opens(&intervals(&[peer(5, 2, ",curl"), peer(5, 2, "9,curl")])),
        [(None, Some("curl".to_owned()), 2, 2), (Some(9), None, 2, 2)]
    );
    // A recording from before processes were told apart.
    assert_eq!(opens(&[peer(5, 4, ",")]), [(None, None, 4, 4)]);
}

#[test]
fn what_there_is_no_room_for_is_counted_all_the_same() {
    let mut rebuild = Rebuild::new(&Session::default());
    let (_parent, path, _) = recorded();
    let evidence = crate::evidence::read::Evidence::open(&path, None).unwrap();
    let row = evidence.rows::<ConnectionRow>().unwrap().next().unwrap().unwrap();
    for n in 0..u32::try_from(MAX_PEERS).unwrap() + 10 {
        let mut row = row.clone();
        row.remote.0 = std::net::Ipv4Addr::from(n).into();
        rebuild.connection(&row);
    }
    let sample = rebuild.sample(None);
    assert_eq!(sample.peers.len(), MAX_PEERS);
    assert_eq!(sample.unattributed.opens(), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any directory is either diagnosed or refused in one line.
    #[test]
    fn damage_anywhere_is_an_error_or_a_diagnosis(
        which in 0_usize..6, at: prop::sample::Index, length in 0_usize..40, byte: u8,
    ) {
        let (_parent, path, _) = recorded();
        let name = [
            "manifest.json",
            "intervals.jsonl",
            "connections.csv",
            "peers.csv",
            "listeners.csv",
            "state.json",
        ][which];
        let mut bytes = fs::read(path.join(name)).unwrap();
        let from = at.index(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, [byte; 3]);
        fs::write(path.join(name), bytes).unwrap();
        if which != 5 {
            fs::remove_file(path.join("state.json")).unwrap();
        }
        let _ = crate::evidence::verify::verify(&path);
        match load(&path) {
            Ok(loaded) => json::write(&mut Vec::new(), &diagnosis(&loaded), &origin()).unwrap(),
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1, "{}", error),
        }
        if let Ok(mut replay) = crate::source::replay::Replay::open(&path, None) {
            while let Ok(Some(_)) = replay.step() {}
        }
    }
}

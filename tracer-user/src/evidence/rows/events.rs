//! `events.csv`: one row per change of a verdict or of the answer, written with the interval in which it
//! occurred.

use std::borrow::Cow;

use ipnet::IpNet;

use super::{
    Kind,
    columns::{self, Network, Number, Outside, Share, Time, Word},
};
use crate::{
    diagnosis::{Answer, Change, Diagnosis, What},
    evidence::cells::thousandths,
    model::{
        interface::Interface,
        peer::{Direction, PeerId},
    },
};

columns::row! {
    /// One row.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    EventRow of Kind::Events;
    /// When it occurred, UTC, ns.
    at: i128 as Time,
    /// The kind of change.
    kind: Cow<'static, str> as Outside,
    /// The peer, if it concerns one.
    peer: Option<IpNet> as Network,
    /// The service's port.
    port: Option<u16> as Number,
    /// Which side connects.
    direction: Option<Direction> as Word,
    /// Inode number of the network namespace.
    netns: Option<u32> as Number,
    /// The previous value.
    was: Cow<'static, str> as Outside,
    /// The new value.
    is: Cow<'static, str> as Outside,
    /// Confidence, in thousandths.
    confidence: Option<u16> as Share,
    /// If an accusation was withdrawn: since when the cause has not shown again, UTC, ns.
    good_since: Option<i128> as Time,
    /// The process that connects, or whose workers the change concerns.
    owner_pid: Option<u32> as Number,
    /// Its name, or that of the program.
    owner_comm: Option<String> as Outside,
    added:
    /// The network interface that the peer's connections are bound to, such as a VRF, by its number.
    interface: Option<Interface> as Number,
}

impl EventRow {
    /// The row of one change, with one arm for each kind.
    pub fn of(change: &Change) -> Self {
        let row = |kind: &'static str, was: Cow<'static, str>, is: Cow<'static, str>| Self {
            at: change.at.utc_ns,
            kind: kind.into(),
            was,
            is,
            ..Self::default()
        };
        let number = |n: u64| Cow::Owned(n.to_string());
        match &change.what {
            What::Verdict {
                peer,
                was,
                is,
                confidence,
                good_since,
            } => Self {
                confidence: Some(thousandths(*confidence)),
                good_since: good_since.map(|since| since.utc_ns),
                ..row(
                    if good_since.is_some() && !is.accuses() {
                        "recovered"
                    } else {
                        "verdict"
                    },
                    was.id().into(),
                    is.id().into(),
                )
            }
            .about(peer),
            What::MoreVerdicts { peers } => row("more-verdicts", "".into(), number(*peers)),
            What::Answer { was, is, .. } => row("answer", answer(*was).into(), answer(*is).into()),
            What::SurgeBegan(surge) => row("surge-began", number(surge.from), number(surge.to)),
            What::SurgeEnded { surge, open } => row("surge-ended", number(surge.to), number(*open)),
            What::Capacity {
                process,
                netns,
                ports,
                none_left,
            } => {
                let (was, is) = match none_left {
                    true => ("workers-left", "none-left"),
                    false => ("none-left", "workers-left"),
                };
                Self {
                    port: ports.first().copied(),
                    netns: Some(*netns),
                    owner_pid: process.as_ref().map(|process| process.pid),
                    owner_comm: process.as_ref().map(|process| process.comm.clone()),
                    ..row("capacity", was.into(), is.into())
                }
            }
            What::Loss { drift, .. } => match drift {
                Some(drift) => row("loss", "".into(), format!("drift {drift}").into()),
                None => row("loss", "".into(), "lost".into()),
            },
        }
    }

    fn about(self, peer: &PeerId) -> Self {
        Self {
            peer: Some(peer.network),
            port: Some(peer.port),
            direction: Some(peer.direction),
            netns: Some(peer.netns),
            owner_pid: peer.process,
            owner_comm: peer.program.map(|comm| comm.as_str().to_owned()),
            interface: peer.interface,
            ..self
        }
    }

    /// The rows of the changes from this number on.
    pub fn from(diagnosis: &Diagnosis, next: u64) -> Vec<Self> {
        let changes = diagnosis.changes.iter();
        changes.filter(|change| change.id >= next).map(Self::of).collect()
    }
}

fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::InsufficientData => "insufficient-data",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{
        Folder,
        cells::Fields,
        read::Evidence,
        rows::Row,
        testing::story::{MENDED, told},
        verify::verify,
    };

    #[test]
    fn what_changed_is_in_the_file_when_it_was_said() {
        let story = told(180, true);
        let evidence = Evidence::open(&story.path, None).unwrap();
        let rows: Vec<EventRow> = evidence.rows().unwrap().collect::<Result<_, _>>().unwrap();
        let last = story.live.last().unwrap();
        let wanted: Vec<EventRow> = last.changes.iter().map(EventRow::of).collect();
        assert_eq!(rows, wanted);
        let kinds: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.kind, &*row.is)).collect();
        assert_eq!(
            kinds,
            [
                ("answer", "no"),
                ("answer", "yes"),
                ("verdict", "fresh-per-request"),
                ("answer", "no"),
                ("recovered", "reusing")
            ]
        );
        let first = rows.iter().find(|row| row.kind == "verdict").unwrap();
        assert_eq!(first.peer, Some(MENDED.parse().unwrap()));
        let good = rows.iter().find(|row| row.kind == "recovered").unwrap();
        assert!(good.good_since.is_some_and(|since| since < good.at), "{rows:?}");
        assert!(verify(&story.path).unwrap().is_whole());
        let folder = Folder::open(&story.path).unwrap();
        let manifest = crate::evidence::manifest::Manifest::read(&folder).unwrap();
        assert_eq!(manifest.files["events.csv"].rows, Some(5));
    }

    #[test]
    fn what_is_about_no_peer_has_a_row_too() {
        let row = EventRow {
            at: 1_767_225_600_000_000_000,
            kind: "surge-began".into(),
            is: "=1+1".into(),
            ..EventRow::default()
        };
        let outbound = EventRow {
            peer: Some("2001:db8::/64".parse().unwrap()),
            port: Some(443),
            direction: Some(Direction::Outbound),
            netns: Some(7),
            owner_pid: Some(812),
            owner_comm: Some("java".to_owned()),
            interface: Interface::of(3),
            ..row.clone()
        };
        for row in [row, outbound] {
            let mut cells = csv::Writer::from_writer(Vec::new());
            let mut texts = crate::evidence::cells::Texts::default();
            crate::evidence::block::write_row(&mut cells, &mut texts, &row).unwrap();
            let text = cells.into_inner().unwrap();
            assert!(
                text.windows(5).any(|part| part == b"'=1+1"),
                "a formula is defused"
            );
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(&text[..]);
            let record = reader.byte_records().next().unwrap().unwrap();
            let read = EventRow::read(&mut Fields::new(&record, EventRow::COLUMNS)).unwrap();
            assert_eq!(read, row);
        }
    }
}

//! `events.csv`: a row per change of what was said, written with the interval at which it was said.

use std::borrow::Cow;

use super::{Kind, Row, connections, peers};
use crate::{
    diagnosis::{Change, Diagnosis},
    evidence::cells::{Cell, Fields, thousandths},
    model::peer::PeerId,
};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// When it was said, UTC, ns.
    pub at: i128,
    /// What kind of change.
    pub kind: Cow<'static, str>,
    /// Of whom, where it is about a peer.
    pub peer: Option<PeerId>,
    /// What was said before.
    pub was: Cow<'static, str>,
    /// What is said now.
    pub is: Cow<'static, str>,
    /// How sure, in thousandths.
    pub confidence: Option<u16>,
    /// Where an accusation was taken back: since when the cause has not shown again, UTC, ns.
    pub good_since: Option<i128>,
}

impl EventRow {
    /// The row of one change.
    pub fn of(change: &Change) -> Self {
        let recovered = change.good_since.is_some() && !change.is.accuses();
        Self {
            at: change.at.utc_ns,
            kind: Cow::Borrowed(if recovered { "recovered" } else { "verdict" }),
            peer: Some(change.peer),
            was: Cow::Borrowed(change.was.id()),
            is: Cow::Borrowed(change.is.id()),
            confidence: Some(thousandths(change.confidence)),
            good_since: change.good_since.map(|since| since.utc_ns),
        }
    }

    /// The rows of what has changed after a monotonic time, ns.
    pub fn after(diagnosis: &Diagnosis, since_ns: u64) -> Vec<Self> {
        let changes = diagnosis.changes.iter();
        changes
            .filter(|change| change.at.monotonic_ns > since_ns)
            .map(Self::of)
            .collect()
    }
}

impl Row for EventRow {
    const KIND: Kind = Kind::Events;
    const COLUMNS: &'static [&'static str] = &[
        "at",
        "kind",
        "peer",
        "port",
        "direction",
        "netns",
        "was",
        "is",
        "confidence",
        "good_since",
    ];

    fn cells(&self, put: &mut dyn FnMut(Cell<'_>)) {
        put(Cell::Time(self.at));
        put(Cell::Outside(&self.kind));
        match &self.peer {
            Some(id) => {
                put(Cell::Plain(&id.name()));
                put(Cell::Number(id.port.into()));
                put(connections::direction(id.direction));
                put(Cell::Number(id.netns.into()));
            }
            None => (0..4).for_each(|_| put(Cell::Unknown)),
        }
        put(Cell::Outside(&self.was));
        put(Cell::Outside(&self.is));
        put(Cell::share(self.confidence));
        put(Cell::time(self.good_since));
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        let text = |fields: &mut Fields<'_>| -> Result<Cow<'static, str>, String> {
            Ok(fields.outside()?.unwrap_or_default().into_owned().into())
        };
        let at = fields.time()?;
        let at = fields.needed(at)?;
        let kind = text(fields)?;
        let network = fields.word(|text| peers::read_name(text).map(|(network, _)| network))?;
        let port = fields.number()?;
        let direction = fields.word(connections::direction_of)?;
        let netns = fields.number()?;
        let peer = match (network, port, direction) {
            (Some(network), Some(port), Some(direction)) => Some(PeerId {
                netns: netns.unwrap_or(0),
                direction,
                port,
                network,
            }),
            _ => None,
        };
        Ok(Self {
            at,
            kind,
            peer,
            was: text(fields)?,
            is: text(fields)?,
            confidence: fields.share()?,
            good_since: fields.time()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::{
            Folder,
            read::Evidence,
            testing::story::{MENDED, told},
            verify::verify,
        },
        model::peer::Direction,
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
            [("verdict", "fresh-per-request"), ("recovered", "reusing")]
        );
        assert_eq!(rows[0].peer.unwrap().network, MENDED.parse().unwrap());
        assert!(
            rows[1].good_since.is_some_and(|since| since < rows[1].at),
            "{rows:?}"
        );
        assert!(verify(&story.path).unwrap().is_whole());
        let folder = Folder::open(&story.path).unwrap();
        let manifest = crate::evidence::manifest::Manifest::read(&folder).unwrap();
        assert_eq!(manifest.files["events.csv"].rows, Some(2));
    }

    #[test]
    fn what_is_about_no_peer_has_a_row_too() {
        let row = EventRow {
            at: 1_767_225_600_000_000_000,
            kind: "surge-began".into(),
            peer: None,
            was: "".into(),
            is: "=1+1".into(),
            confidence: None,
            good_since: None,
        };
        let outbound = EventRow {
            peer: Some(PeerId {
                netns: 7,
                direction: Direction::Outbound,
                port: 443,
                network: "2001:db8::/64".parse().unwrap(),
            }),
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

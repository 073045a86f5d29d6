//! The files of one hour of a recording's segment, one of each kind.

use super::{
    KINDS, Report, SCHEMA, figures,
    place::{Labels, Place, about},
    table::{Named, Table, Type},
    track::Unit,
};
use crate::{
    evidence::{
        EvidenceError,
        cells::{Cell, CellType},
        rows::{ConnectionRow, Kind, ListenerRow, PeerRow, Row},
    },
    model::{peer::Counters, sample::Moment},
};

/// Files that are being written.
pub(super) struct Files {
    labels: Labels,
    connections: Table,
    peers: Table,
    listeners: Table,
}

/// What each row begins with.
const LABELS: [(&str, CellType); 5] = [
    ("host", CellType::Text),
    ("boot_id", CellType::Text),
    ("service", CellType::Text),
    ("schema", CellType::Text),
    ("started_at", CellType::Time),
];

/// What a peer's row has besides, before its figures: whether its counters go on from an earlier file, and
/// its name taken apart.
const PEER: [(&str, CellType); 4] = [
    ("carried", CellType::Flag),
    ("peer_addr", CellType::Address),
    ("peer_prefix", CellType::Number),
    ("remote_port", CellType::Number),
];

/// The columns of a kind of file.
pub(super) fn columns(kind: Kind) -> Vec<Named> {
    let named = |(name, kind): (&str, CellType)| (name.to_owned(), Type::Like(kind));
    let of_row = |columns: &[&str], types: &[CellType]| -> Vec<Named> {
        let both = columns.iter().copied().zip(types.iter().copied());
        both.map(named).collect()
    };
    let mut columns: Vec<Named> = LABELS.map(named).into();
    match kind {
        Kind::Connections => columns.extend(of_row(ConnectionRow::COLUMNS, ConnectionRow::TYPES)),
        Kind::Listeners => columns.extend(of_row(ListenerRow::COLUMNS, ListenerRow::TYPES)),
        Kind::Peers => {
            columns.extend(of_row(PeerRow::COLUMNS, PeerRow::TYPES));
            columns.extend(PEER.map(named));
            columns.extend(figures::columns());
        }
        // Nothing is exported of them.
        Kind::Events => {}
    }
    columns
}

impl Files {
    /// Begins all of them.
    pub(super) fn begin(place: &Place, labels: &Labels, unit: &Unit) -> Result<Self, EvidenceError> {
        let begin = |kind| Table::begin(place.begin(kind, labels, unit)?, &columns(kind), about(unit));
        let [connections, peers, listeners] = KINDS.map(begin);
        Ok(Self {
            labels: labels.clone(),
            connections: connections?,
            peers: peers?,
            listeners: listeners?,
        })
    }

    pub(super) fn connection(&mut self, row: &ConnectionRow) -> Result<(), EvidenceError> {
        put(&mut self.connections, &self.labels, row);
        self.connections.end_row()
    }

    /// The row of a peer, with its figures as the rows show them and, at the end, as they are.
    pub(super) fn peer(
        &mut self,
        row: &PeerRow,
        carried: bool,
        shown: Option<&Counters>,
        exact: Option<&Counters>,
    ) -> Result<(), EvidenceError> {
        put(&mut self.peers, &self.labels, row);
        let (network, to) = (row.id.network, &mut self.peers);
        to.put(Cell::Flag(carried));
        to.put(Cell::Address(network.addr()));
        to.put(Cell::Number(network.prefix_len().into()));
        let port = row.id.remote_port().map(u64::from);
        to.put(port.map_or(Cell::Unknown, Cell::Number));
        figures::put(shown, exact, to);
        self.peers.end_row()
    }

    pub(super) fn listener(&mut self, row: &ListenerRow, at: Moment) -> Result<(), EvidenceError> {
        let row = ListenerRow {
            sampled_at: at.utc_ns,
            ..row.clone()
        };
        put(&mut self.listeners, &self.labels, &row);
        self.listeners.end_row()
    }

    /// Completes all of them.
    pub(super) fn finish(self, report: &mut Report) -> Result<(), EvidenceError> {
        for table in [self.connections, self.peers, self.listeners] {
            let (rows, bytes) = table.finish()?;
            report.files += 1;
            report.rows += rows;
            report.bytes += bytes;
        }
        Ok(())
    }
}

/// The labels and cells of a row.
fn put<R: Row>(to: &mut Table, labels: &Labels, row: &R) {
    to.put(Cell::Outside(&labels.host));
    to.put(labels.boot.as_deref().map_or(Cell::Unknown, Cell::Outside));
    to.put(Cell::Plain(labels.service.as_str()));
    to.put(Cell::Word(SCHEMA));
    to.put(labels.started.map_or(Cell::Unknown, Cell::Time));
    row.cells(&mut |cell| to.put(cell));
}

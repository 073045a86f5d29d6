//! What the columns of the files mean.

use super::{joined, made};
use crate::{
    evidence::rows::{ConnectionRow, EventRow, Kind, ListenerRow, PeerRow, Row},
    model::{backlog::Backlog, counters::Counters, figure::Table},
};

/// Columns of one field that the field's own words do not tell apart.
const SINGLE: [(&str, &str); 18] = [
    ("direction", "`inbound` or `outbound`: which side connects."),
    (
        "netns",
        "Inode number of the network namespace, as `lsns -t net` lists it.",
    ),
    ("local_addr", "The address on this host."),
    (
        "local_port",
        "The port on this host. In `peers.csv`, the service's port: of an outbound peer, the remote one.",
    ),
    ("peer", "The address or network of the other side."),
    ("remote_addr", "The address of the other side."),
    ("remote_port", "The port of the other side."),
    ("owner_pid", "The process of this host, by its number."),
    (
        "owner_comm",
        "Its name. A name without a number stands for several processes that have ended.",
    ),
    (
        "closes_local_fin",
        "Connections that this host's process closed first.",
    ),
    (
        "closes_remote_fin",
        "Connections that the other side closed first.",
    ),
    ("closes_local_rst", "Connections that this host reset."),
    ("closes_remote_rst", "Connections that the other side reset."),
    ("closes_timeout", "Connections that the kernel gave up."),
    (
        "errno",
        "The error the socket ended with, as a number of `errno`(3).",
    ),
    (
        "close_reason",
        "`local_fin`, `remote_fin`, `local_rst`, `remote_rst`, `timeout` or `connect_failed`; empty while it is open.",
    ),
    (
        "closer",
        "Who ended it first: `local`, `remote`, `network` (timeout, unreachable) or `none` (still open).",
    ),
    ("confidence", "Confidence in the verdict, 0 to 1."),
];

pub(super) fn page() -> String {
    let mut text = "The files of an evidence directory. An empty cell means that the value is unknown or that there is \
                    none; times are in UTC, durations in milliseconds, sizes in bytes. Columns are only ever added, at \
                    the end. The totals in `peers.csv` run since tracing began.\n"
        .to_owned();
    file::<ConnectionRow>(
        &mut text,
        "one row for each ended connection and, when the recording stops, for each that is still open",
    );
    file::<PeerRow>(
        &mut text,
        "one row for each peer whenever something of it has changed, and now and then one of every peer",
    );
    file::<ListenerRow>(
        &mut text,
        "one row for each listening address whenever something of one has changed",
    );
    file::<EventRow>(&mut text, "one row for each change of a verdict or of the answer");
    figures(&mut text);
    made("Files and fields", text.trim_end())
}

fn file<R: Row>(text: &mut String, about: &str) {
    let kind: Kind = R::KIND;
    text.push_str(&format!(
        "\n## {}.csv\n\n{about}:\n\n| column | meaning |\n| --- | --- |\n",
        kind.stem()
    ));
    for (names, lines) in R::ABOUT {
        for name in *names {
            let meaning = SINGLE
                .iter()
                .find(|(single, _)| single == name)
                .map(|(_, meaning)| (*meaning).to_owned())
                .or_else(|| shown::<Counters>(name))
                .or_else(|| shown::<Backlog>(name))
                .unwrap_or_else(|| joined(lines).replace(", UTC, ns", ", UTC"));
            text.push_str(&format!("| `{name}` | {meaning} |\n"));
        }
    }
}

/// What a figure that is shown as it was counted says.
fn shown<T: Table>(name: &str) -> Option<String> {
    let mut figures = T::FIGURES.iter();
    let figure = figures.find(|figure| figure.shown.as_ref().is_some_and(|shown| shown.name == name))?;
    Some(joined(figure.help))
}

/// All that is counted for a peer.
fn figures(text: &mut String) {
    text.push_str(
        "\n## state.json\n\nThe last sample with everything that the kernel programs count of a peer, from which every \
         verdict is made:\n\n| figure | counted in | behaves as | meaning |\n| --- | --- | --- | --- |\n",
    );
    for figure in Counters::FIGURES {
        let unit = format!("{:?}", figure.unit).to_lowercase();
        let kind = format!("{:?}", figure.kind).to_lowercase();
        text.push_str(&format!(
            "| `{}` | {unit} | {kind} | {} |\n",
            figure.name,
            joined(figure.help)
        ));
    }
}

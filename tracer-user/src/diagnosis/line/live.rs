//! What a line may say of the connections that are open at the end.

use serde::{Deserialize, Serialize};

use crate::{
    diagnosis::{
        Figures, Lingering,
        figures::{CloseWait, HeldNow, Waiting},
    },
    model::window::Looks,
};

/// Larger counts and times are damage; sums of many smaller ones still fit.
const MAX: u64 = 1 << 61;

/// The open connections, and figures that include them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LiveLine {
    /// Requests of the period over all connections, ended or open.
    requests: Option<u64>,
    /// Whether every turn is known to be a request.
    requests_told: Option<bool>,
    /// Payload and retransmitted segments, likewise.
    bytes_received: Option<u64>,
    bytes_sent: Option<u64>,
    retransmits: Option<u64>,
    /// The established ones beside each other.
    held: HeldNow,
    /// Those in CLOSE_WAIT.
    close_wait: Option<CloseWait>,
    lingering: Option<Lingering>,
    /// Those that wait in an accept queue.
    waiting: Waiting,
    /// Those without any request for a while.
    without_request: u64,
    /// Whether TCP timestamps prove a single host.
    one_host: bool,
    /// How busy they were whenever they were looked at.
    looks: Option<Looks>,
    /// When the oldest of those opened that came while the expected number was held, before the end, ns.
    first_overlap_ago_ns: Option<u64>,
}

impl LiveLine {
    pub(super) fn of(figures: &Figures, now_ns: u64) -> Self {
        Self {
            requests: Some(figures.requests),
            requests_told: Some(figures.requests_told),
            bytes_received: figures.bytes_received,
            bytes_sent: figures.bytes_sent,
            retransmits: figures.retransmits,
            held: figures.held,
            close_wait: Some(*figures.close_wait).filter(|wait| *wait != CloseWait::default()),
            lingering: figures.lingering.as_deref().cloned(),
            waiting: figures.waiting,
            without_request: figures.without_request,
            one_host: figures.one_host,
            looks: Some(*figures.looks).filter(|looks| *looks != Looks::default()),
            first_overlap_ago_ns: figures.first_overlap_ns.map(|at| now_ns.saturating_sub(at)),
        }
    }

    pub(super) fn has_requests(&self) -> bool {
        self.requests.is_some()
    }

    /// Whether no sum over its numbers overflows.
    pub(super) fn is_possible(&self) -> bool {
        let HeldNow {
            established,
            alive,
            holding,
            dead,
            silent,
            dead_longest_ns,
            reused,
            streams,
            turns,
        } = self.held;
        let looks = self.looks.unwrap_or_default();
        let close_wait = self.close_wait.unwrap_or_default();
        [
            established,
            alive,
            holding,
            dead,
            silent,
            dead_longest_ns,
            reused,
            streams,
            turns,
            looks.looks,
            looks.empty,
            looks.established,
            looks.busy,
            self.requests.unwrap_or(0) << 8,
            close_wait.entered,
            close_wait.now,
            close_wait.left,
            self.waiting.now,
            self.waiting.oldest_ns,
            self.without_request,
        ]
        .into_iter()
        .all(|n| n <= MAX)
    }

    pub(super) fn put_into(&self, figures: &mut Figures, now_ns: u64) {
        figures.requests = self.requests.unwrap_or(figures.requests);
        figures.requests_told = self.requests_told.unwrap_or(figures.requests_told);
        figures.bytes_received = self.bytes_received.or(figures.bytes_received);
        figures.bytes_sent = self.bytes_sent.or(figures.bytes_sent);
        figures.retransmits = self.retransmits.or(figures.retransmits);
        figures.held = self.held;
        if let Some(close_wait) = self.close_wait {
            figures.close_wait = close_wait.into();
        }
        figures.lingering = self.lingering.clone().map(Box::new);
        figures.waiting = self.waiting;
        figures.without_request = self.without_request;
        figures.one_host = self.one_host;
        figures.looks = self.looks.unwrap_or_default().into();
        figures.first_overlap_ns = self.first_overlap_ago_ns.map(|ago| now_ns.saturating_sub(ago));
    }
}

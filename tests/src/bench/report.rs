//! All that was measured, and what is said of it.

use super::{
    machine::Machine,
    overhead::Overhead,
    scale::{attach::Start, peers::Look, recordings::Recorded, sockets::List, view::View},
    subject::Subject,
};

/// The results of one run. A part that was not asked for has none.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// What tracing costs.
    pub overhead: Option<Overhead>,
    /// Looks at everything, by number of peers.
    pub peers: Vec<Look>,
    /// Lists of sockets, by their number.
    pub sockets: Vec<List>,
    /// The diagnosis of a recording.
    pub recorded: Option<Result<Recorded, String>>,
    /// How soon tracing begins.
    pub start: Option<Start>,
    /// The live view.
    pub view: Option<View>,
}

impl Report {
    /// Of a machine, with nothing measured yet.
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            overhead: None,
            peers: Vec::new(),
            sockets: Vec::new(),
            recorded: None,
            start: None,
            view: None,
        }
    }

    /// The look at so many peers.
    pub fn look(&self, peers: u32) -> Option<&Look> {
        self.peers.iter().find(|look| look.peers == peers)
    }

    /// The list of so many sockets.
    pub fn list(&self, sockets: u32) -> Option<&List> {
        self.sockets.iter().find(|list| list.sockets == sockets)
    }

    /// Time of the programs of one subject per state change, ns.
    pub fn transition_ns(&self, subject: Subject) -> Option<f64> {
        self.overhead.as_ref()?.of(subject)?.transition_ns()
    }
}

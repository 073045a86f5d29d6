//! The results of a benchmark run.

use tcpreuse::testing::evidence::recording::day::Day;

use super::{
    agent::Scrapes,
    crowd::Crowd,
    machine::Machine,
    overhead::Overhead,
    reads::Reads,
    scale::{
        attach::Start, hosts::Joined, peers::Look, recordings::Recorded, reports::Reported, sockets::List,
        view::View,
    },
    served::Served,
    subject::Subject,
};

/// The results of one run. Parts that did not run are `None` or empty.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where and when the run took place.
    pub machine: Machine,
    /// The cost of tracing.
    pub overhead: Option<Overhead>,
    /// The cost of reads.
    pub reads: Option<Reads>,
    /// State changes beside many held connections.
    pub crowd: Option<Result<Crowd, String>>,
    /// The speed of a real server.
    pub served: Option<Result<Served, String>>,
    /// The agent under scrapes.
    pub scrapes: Option<Result<Scrapes, String>>,
    /// Samples and diagnoses, by number of peers.
    pub peers: Vec<Look>,
    /// Lists of sockets, by number of sockets.
    pub sockets: Vec<List>,
    /// The diagnosis of a recording.
    pub recorded: Option<Result<Recorded, String>>,
    /// What a busy day leaves on disk.
    pub day: Option<Result<Day, String>>,
    /// The HTML report of a long recording.
    pub reported: Option<Result<Reported, String>>,
    /// The diagnosis of many hosts together.
    pub joined: Option<Result<Joined, String>>,
    /// The diagnosis of a recording of 2 GB, and steps back in its replay.
    pub long: Option<Result<Reported, String>>,
    /// The time until tracing begins.
    pub start: Option<Start>,
    /// The live view.
    pub view: Option<View>,
}

impl Report {
    /// A report without results.
    pub fn new(machine: Machine) -> Self {
        Self {
            machine,
            overhead: None,
            reads: None,
            crowd: None,
            served: None,
            scrapes: None,
            peers: Vec::new(),
            sockets: Vec::new(),
            recorded: None,
            day: None,
            reported: None,
            joined: None,
            long: None,
            start: None,
            view: None,
        }
    }

    /// The results with this number of peers.
    pub fn look(&self, peers: u32) -> Option<&Look> {
        self.peers.iter().find(|look| look.peers == peers)
    }

    /// The results with this number of sockets.
    pub fn list(&self, sockets: u32) -> Option<&List> {
        self.sockets.iter().find(|list| list.sockets == sockets)
    }

    /// Median program time of a subject per state change, ns.
    pub fn transition_ns(&self, subject: Subject) -> Option<f64> {
        self.overhead.as_ref()?.of(subject)?.transition_ns()
    }
}

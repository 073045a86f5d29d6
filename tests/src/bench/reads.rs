//! The cost of a read: requests and answers on open connections, traced by one subject after another.
//!
//! A subject is measured alone, since the first program on a hook brings what the next ones look at into the
//! caches. The order of the subjects changes with each round.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use socket2::Socket;

use super::{
    churn::Churn,
    math::median,
    overhead::Plan,
    spent,
    subject::{Stage, Subject},
};
use crate::namespace::Namespace;

/// What is said on the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Http,
    Tls,
}

impl Speech {
    /// A request and its answer. Over TLS their records, since nobody decrypts them here.
    fn turn(self) -> (Vec<u8>, Vec<u8>) {
        let record = |length: u8| [&[23, 3, 3, 0, length][..], &vec![0xa5; length.into()]].concat();
        match self {
            Self::Http => (
                b"GET /poll HTTP/1.1\r\nHost: example\r\n\r\n".to_vec(),
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
            ),
            Self::Tls => (record(120), record(90)),
        }
    }
}

/// The run time of a subject's program per read, ns, one value per round.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// HTTP/1 in clear.
    pub http_ns: Vec<f64>,
    /// The same on a single connection.
    pub single_ns: Vec<f64>,
    /// TLS.
    pub tls_ns: Vec<f64>,
    /// Why the subject could not be measured in every round.
    pub obstacle: Option<String>,
}

/// The results of all subjects.
#[derive(Clone, Debug)]
pub struct Reads {
    /// Number of connections, each with a client of its own.
    pub connections: u32,
    /// In the order of [`Subject::READS`].
    pub costs: Vec<(Subject, Cost)>,
}

impl Reads {
    /// Median time of a subject above that of the empty program, ns.
    pub fn above_empty(&self, subject: Subject, of: fn(&Cost) -> &[f64]) -> Option<f64> {
        let ns = |subject| {
            let (_, cost) = self.costs.iter().find(|(one, _)| *one == subject)?;
            median(of(cost))
        };
        Some(ns(subject)? - ns(Subject::EmptyRead)?)
    }
}

/// Measures all subjects. `say` is called with progress messages.
///
/// # Panics
/// If not root.
pub fn measure(plan: Plan, stage: impl FnOnce(&Namespace, u16) -> Stage, say: impl Fn(&str)) -> Reads {
    let namespace = Namespace::new();
    let _resident = namespace.resident();
    let mut churn = Churn::new(&namespace);
    let stage = stage(&namespace, churn.port());
    let mut costs = Subject::READS.map(|subject| (subject, Cost::default()));
    for round in 1..=plan.rounds {
        say(&format!("reads: round {round} of {}", plan.rounds));
        costs.rotate_left(1);
        for (subject, cost) in &mut costs {
            if let Err(reason) = one(*subject, cost, &mut churn, &stage, plan) {
                say(&format!("reads: {}: {reason}", subject.name()));
                cost.obstacle = Some(reason);
            }
        }
    }
    let mut costs = Vec::from(costs);
    costs.sort_by_key(|(subject, _)| Subject::READS.iter().position(|one| one == subject));
    Reads {
        connections: plan.peers,
        costs,
    }
}

fn one(
    subject: Subject,
    cost: &mut Cost,
    churn: &mut Churn,
    stage: &Stage,
    plan: Plan,
) -> Result<(), String> {
    let running = subject.start(stage)?;
    let pid = running.pid();
    let program = subject.read_program();
    let mut measured = |speech, connections| {
        // Opened while traced: of older ones the protocol is not known.
        let mut talk = Talk::new(churn, speech, connections);
        talk.run(plan.slice / 4);
        let (before, after, ()) = spent::during(pid, || talk.run(plan.slice))?;
        Ok::<_, String>(spent::of_one(program, &before, &after))
    };
    cost.http_ns.extend(measured(Speech::Http, plan.peers)?);
    cost.single_ns.extend(measured(Speech::Http, 1)?);
    cost.tls_ns.extend(measured(Speech::Tls, plan.peers)?);
    Ok(())
}

/// Connections on which requests are made and answered, in the calling thread.
struct Talk {
    /// The client's end and the server's.
    pairs: Vec<(Socket, Socket)>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Talk {
    fn new(churn: &mut Churn, speech: Speech, connections: u32) -> Self {
        let (request, answer) = speech.turn();
        Self {
            pairs: (0..connections).map(|peer| churn.open(peer)).collect(),
            request,
            answer,
        }
    }

    /// Makes requests on all connections in rotation for `time` or slightly longer.
    fn run(&mut self, time: Duration) {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        while begun.elapsed() < time {
            for (client, server) in &mut self.pairs {
                client.write_all(&self.request).expect("a request sent");
                let read = server.read(&mut buffer).expect("a request");
                assert_eq!(read, self.request.len(), "a request in one read");
                server.write_all(&self.answer).expect("an answer sent");
                let read = client.read(&mut buffer).expect("an answer");
                assert_eq!(read, self.answer.len(), "an answer in one read");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_program_is_subtracted() {
        let cost = |ns: &[f64]| Cost {
            http_ns: ns.to_vec(),
            ..Cost::default()
        };
        let reads = Reads {
            connections: 1,
            costs: vec![
                (Subject::EmptyRead, cost(&[40.0, 42.0, 99.0])),
                (Subject::Counting, cost(&[90.0])),
                (Subject::Turns, cost(&[])),
            ],
        };
        let above = |subject| reads.above_empty(subject, |cost| &cost.http_ns);
        assert_eq!(above(Subject::Counting), Some(48.0));
        assert_eq!(above(Subject::Turns), None);
        assert_eq!(above(Subject::Untraced), None);
    }
}

//! A change between two diagnoses, in a line.

use super::{drift, lost, surge, with_name};
use crate::{
    diagnosis::{
        Answer, Verdict, What,
        words::{count, number},
    },
    model::names::Names,
    report::clock_of,
};

/// A change in words.
pub fn change(what: &What, names: &Names) -> String {
    match what {
        What::Verdict {
            peer,
            was,
            is,
            good_since,
            ..
        } => {
            let name = with_name(names.get(peer.network), peer.name());
            match good_since {
                Some(since) if !is.accuses() => {
                    format!(
                        "{name} has been good since {} (was {was})",
                        clock_of(since.utc_ns)
                    )
                }
                _ if *was == Verdict::InsufficientData => format!("{name}: {is}"),
                _ => format!("{name}: {is}, was {was}"),
            }
        }
        What::MoreVerdicts { peers } => more_verdicts(*peers),
        What::Answer {
            is, accused, peers, ..
        } => answer(*is, *accused, *peers),
        What::SurgeBegan(began) => surge(began),
        What::SurgeEnded { surge, open } => format!(
            "the surge of {} is over: {} open, {} at its peak",
            clock_of(surge.started.utc_ns),
            count(*open, "connection", "connections"),
            number(surge.to)
        ),
        What::Capacity { ports, none_left, .. } => match none_left {
            true => format!("no worker is left for {}", of_ports(ports)),
            false => format!("there are idle workers again for {}", of_ports(ports)),
        },
        What::Loss {
            drift: Some(distance),
            ..
        } => drift(*distance),
        What::Loss { losses, drift: None } => format!("not covered: {}", lost(losses).join("; ")),
    }
}

/// That more verdicts changed than are listed.
pub fn more_verdicts(peers: u64) -> String {
    format!("and the verdicts of {}", count(peers, "more peer", "more peers"))
}

fn answer(is: Answer, accused: u64, peers: u64) -> String {
    let peers = count(peers, "peer", "peers");
    match is {
        Answer::Yes => format!("PROBLEM: {} of {peers} accused", number(accused)),
        Answer::No => format!("NO: none of {peers} accused"),
        Answer::InsufficientData => format!("the answer is open: not enough data of {peers}"),
    }
}

fn of_ports(ports: &[u16]) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    match &*ports {
        [port] => format!("port {port}"),
        ports => format!("ports {}", ports.join(", ")),
    }
}

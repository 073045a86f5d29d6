//! The changes: one object each, with its `kind` and the fields of that kind.

use std::collections::BTreeMap;

use serde::Serialize;

use super::surge::{self, Surge};
use crate::{
    diagnosis::{self, Answer, Verdict, What},
    model::{accounting::Losses, interface::Interface, names::Names, owner::Process, peer::Direction},
    report::timestamp,
};

#[derive(Serialize)]
pub(crate) struct Change<'a> {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(flatten)]
    what: Kind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Kind<'a> {
    Verdict(OfPeer),
    MoreVerdicts {
        peers: u64,
    },
    Answer {
        was: Answer,
        is: Answer,
        peers_accused: u64,
        peers: u64,
    },
    SurgeBegan {
        surge: Surge,
    },
    SurgeEnded {
        surge: Surge,
        open: u64,
    },
    Capacity {
        process: Option<&'a Process>,
        netns: u32,
        local_ports: &'a [u16],
        none_left: bool,
    },
    Loss {
        lost: BTreeMap<&'static str, u64>,
        drift: Option<i64>,
    },
}

#[derive(Serialize)]
struct OfPeer {
    peer: String,
    name: Option<String>,
    local_port: Option<u16>,
    remote_port: Option<u16>,
    direction: Direction,
    netns: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<Interface>,
    was: Verdict,
    is: Verdict,
    confidence: f64,
    good_since: Option<String>,
}

/// One change.
pub(crate) fn of<'a>(change: &'a diagnosis::Change, names: &Names) -> Change<'a> {
    Change {
        at: timestamp(change.at),
        host: change.host.as_deref(),
        what: kind(&change.what, names),
    }
}

fn kind<'a>(what: &'a What, names: &Names) -> Kind<'a> {
    match what {
        What::Verdict {
            peer,
            was,
            is,
            confidence,
            good_since,
        } => Kind::Verdict(OfPeer {
            peer: peer.address(),
            interface: peer.interface,
            name: names.get(peer.network).map(ToString::to_string),
            local_port: peer.local_port(),
            remote_port: peer.remote_port(),
            direction: peer.direction,
            netns: peer.netns,
            was: *was,
            is: *is,
            confidence: *confidence,
            good_since: good_since.map(timestamp),
        }),
        What::MoreVerdicts { peers } => Kind::MoreVerdicts { peers: *peers },
        What::Answer {
            was,
            is,
            accused,
            peers,
        } => Kind::Answer {
            was: *was,
            is: *is,
            peers_accused: *accused,
            peers: *peers,
        },
        What::SurgeBegan(surge) => Kind::SurgeBegan {
            surge: surge::one(surge),
        },
        What::SurgeEnded { surge, open } => Kind::SurgeEnded {
            surge: surge::one(surge),
            open: *open,
        },
        What::Capacity {
            process,
            netns,
            ports,
            none_left,
        } => Kind::Capacity {
            process: process.as_ref(),
            netns: *netns,
            local_ports: ports,
            none_left: *none_left,
        },
        What::Loss { losses, drift } => Kind::Loss {
            lost: lost(losses),
            drift: *drift,
        },
    }
}

fn lost(losses: &Losses) -> BTreeMap<&'static str, u64> {
    losses.by_cause().into_iter().filter(|(_, n)| *n > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnosis::Options,
        model::{
            history::{Behind, Shape, Surge},
            peer::PeerId,
            sample::Moment,
        },
        report::example::sample,
    };

    fn at(second: u64) -> Moment {
        Moment {
            monotonic_ns: second * 1_000_000_000,
            utc_ns: 1_767_225_600_000_000_000 + i128::from(second) * 1_000_000_000,
        }
    }

    fn one_of_each(peer: PeerId) -> Vec<What> {
        let surge = Surge {
            number: 2,
            started: at(5),
            ended: Some(at(90)),
            from: 63,
            to: 178,
            shape: Shape::Concentrated,
            grown: 3,
            peers: 26,
            behind: vec![Behind {
                peer,
                from: 1,
                to: 90,
            }],
            ports: vec![8081],
        };
        vec![
            What::Verdict {
                peer,
                was: Verdict::FreshPerRequest,
                is: Verdict::Reusing,
                confidence: 0.9,
                good_since: Some(at(20)),
            },
            What::MoreVerdicts { peers: 7 },
            What::Answer {
                was: Answer::Yes,
                is: Answer::No,
                accused: 0,
                peers: 26,
            },
            What::SurgeBegan(surge.clone()),
            What::SurgeEnded { surge, open: 70 },
            What::Capacity {
                process: Some(Process {
                    pid: 811,
                    comm: "apache2".to_owned(),
                    workload: None,
                }),
                netns: 1,
                ports: vec![80, 443],
                none_left: true,
            },
            What::Loss {
                losses: Losses {
                    records_lost: 3,
                    ..Losses::default()
                },
                drift: None,
            },
        ]
    }

    #[test]
    fn each_kind_has_its_fields() {
        let peer = sample().peers[0].id;
        let lines: Vec<String> = (0..)
            .zip(one_of_each(peer))
            .map(|(id, what)| diagnosis::Change {
                id,
                at: at(60 + id),
                host: (id == 0).then(|| "web1".to_owned()),
                what,
            })
            .map(|change| serde_json::to_string(&of(&change, &Names::default())).unwrap())
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    /// The output contains what the judge remembers.
    #[test]
    fn the_diagnosis_lists_what_came() {
        let mut judge = diagnosis::Judge::default();
        judge.look(&sample(), &Options::default());
        judge.look(&sample(), &Options::default());
        let diagnosis = judge.look(&sample(), &Options::default());
        let kinds: Vec<String> = diagnosis
            .changes
            .iter()
            .map(|change| serde_json::to_value(of(change, &Names::default())).unwrap()["kind"].to_string())
            .collect();
        assert!(kinds.contains(&"\"answer\"".to_owned()), "{kinds:?}");
        assert!(kinds.contains(&"\"verdict\"".to_owned()), "{kinds:?}");
    }
}

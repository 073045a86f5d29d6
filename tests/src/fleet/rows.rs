//! What an engine says of each client over all hosts, and what is right.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Deserialize;
use serde_json::Value;

use super::Recorded;
use crate::bench::table::Table;

/// What is said of one client.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// Hosts on which it was seen.
    pub hosts: u64,
    /// Connections opened.
    pub opens: u64,
    /// Connections ended.
    pub closes: u64,
    /// Connections open in the end.
    pub held: u64,
    /// Requests on all of them.
    pub requests: u64,
    /// The verdict.
    pub verdict: String,
}

/// What one engine says of all clients.
pub type Rows = BTreeMap<IpAddr, Row>;

/// All that was said, and all that is wrong with it.
#[derive(Debug)]
pub struct Comparison {
    /// One line a kind of client.
    pub table: Table,
    /// What is wrong.
    pub complaints: Vec<String>,
}

impl Recorded {
    /// Compares what the engines say with the clients' log, and with each other. `alone` has the verdicts of
    /// each host.
    pub fn compare(
        &self,
        engines: &[(&'static str, Rows)],
        alone: &[BTreeMap<IpAddr, String>],
    ) -> Comparison {
        let mut complaints = Vec::new();
        for (engine, rows) in engines {
            self.counts(engine, rows, &mut complaints);
        }
        if let Some(((first, rows), others)) = engines.split_first() {
            for (engine, others) in others {
                let all: Vec<&IpAddr> = rows.keys().chain(others.keys()).collect();
                let differ = all
                    .iter()
                    .filter(|address| rows.get(address) != others.get(address));
                for address in differ.collect::<std::collections::BTreeSet<_>>() {
                    let (one, other) = (rows.get(address), others.get(address));
                    complaints.push(format!("{address}: {first} says {one:?}, {engine} {other:?}"));
                }
            }
        }
        for (address, logged) in &self.log {
            let kind = &self.kinds[logged.kind];
            for verdict in alone.iter().filter_map(|host| host.get(address)) {
                if !kind.on_a_host.contains(&verdict.as_str()) {
                    complaints.push(format!("{address}, {}: {verdict} on a host", kind.name));
                }
            }
        }
        Comparison {
            table: self.table(engines, alone),
            complaints,
        }
    }

    /// Holds one engine against the log.
    fn counts(&self, engine: &str, rows: &Rows, complaints: &mut Vec<String>) {
        for (address, logged) in &self.log {
            let kind = &self.kinds[logged.kind];
            let about = format!("{engine}: {address}, {}", kind.name);
            let Some(row) = rows.get(address) else {
                complaints.push(format!("{about}: is not there"));
                continue;
            };
            for (what, said, is) in [
                ("opens", row.opens, logged.opened),
                ("closes", row.closes, logged.opened - logged.held),
                ("held", row.held, logged.held),
                ("requests", row.requests, logged.requests),
            ] {
                if said != is {
                    complaints.push(format!("{about}: {what} {said}, and {is} in its log"));
                }
            }
            if !kind.verdicts.contains(&row.verdict.as_str()) {
                complaints.push(format!("{about}: {}", row.verdict));
            }
        }
        for address in rows.keys().filter(|address| !self.log.contains_key(address)) {
            complaints.push(format!("{engine}: {address} is no client"));
        }
    }

    fn table(&self, engines: &[(&'static str, Rows)], alone: &[BTreeMap<IpAddr, String>]) -> Table {
        let mut head = vec!["clients", "number", "opens in their log", "held", "on a host"];
        head.extend(engines.iter().map(|(engine, _)| *engine));
        let line = |(number, kind): (usize, &super::Kind)| {
            let of_kind = || self.log.iter().filter(move |(_, logged)| logged.kind == number);
            let sum = |of: fn(&super::Logged) -> u64| of_kind().map(|(_, logged)| of(logged)).sum::<u64>();
            let on_hosts =
                of_kind().flat_map(|(address, _)| alone.iter().filter_map(|host| host.get(address)));
            let mut cells = vec![
                kind.name.to_owned(),
                kind.clients.to_string(),
                sum(|logged| logged.opened).to_string(),
                sum(|logged| logged.held).to_string(),
                in_words(on_hosts),
            ];
            for (_, rows) in engines {
                let said = of_kind().filter_map(|(address, _)| rows.get(address));
                cells.push(in_words(said.map(|row| &row.verdict)));
            }
            cells
        };
        Table {
            title: String::new(),
            head,
            rows: self.kinds.iter().enumerate().map(line).collect(),
            notes: Vec::new(),
        }
    }
}

/// Verdicts, the most frequent one first, with numbers if there are several.
fn in_words<'a>(verdicts: impl Iterator<Item = &'a String>) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    match counts.as_slice() {
        [(verdict, _)] => (*verdict).to_owned(),
        several => {
            let parts: Vec<String> = several
                .iter()
                .map(|(verdict, n)| format!("{n} {verdict}"))
                .collect();
            parts.join(", ")
        }
    }
}

/// The rows of a `diagnose --from … --format json`.
///
/// # Panics
/// If something in it is missing.
pub fn of_diagnosis(answer: &Value) -> Rows {
    let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a count, not {value}"));
    let row = |peer: &Value| {
        let figures = &peer["figures"];
        Row {
            hosts: peer["hosts"].as_array().map_or(1, |hosts| hosts.len() as u64),
            opens: count(&figures["opens"]),
            closes: count(&figures["closes"]),
            held: count(&figures["open_now"]),
            requests: count(&figures["requests"]),
            verdict: peer["verdict"].as_str().unwrap_or_default().to_owned(),
        }
    };
    let peers = answer["peers"].as_array().expect("peers");
    peers
        .iter()
        .map(|peer| (address(&peer["peer"]), row(peer)))
        .collect()
}

/// The verdicts in such an answer.
///
/// # Panics
/// If it has no peers.
pub fn verdicts(answer: &Value) -> BTreeMap<IpAddr, String> {
    let of = |rows: Rows| rows.into_iter().map(|(address, row)| (address, row.verdict));
    of(of_diagnosis(answer)).collect()
}

/// The rows of JSON lines with the names of a [`Row`] and the client's address as `peer`.
///
/// # Panics
/// If something in one is missing.
pub fn of_lines(lines: &str) -> Rows {
    let row = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        let row = Row::deserialize(&value).unwrap_or_else(|error| panic!("{error} in {line}"));
        (address(&value["peer"]), row)
    };
    lines.lines().map(row).collect()
}

fn address(text: &Value) -> IpAddr {
    let text = text.as_str().unwrap_or_default();
    text.parse().unwrap_or_else(|_| panic!("an address, not {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Logged, clients::kinds};

    fn recorded() -> (Recorded, Rows) {
        let address: IpAddr = "198.18.16.1".parse().expect("an address");
        let logged = Logged {
            kind: 0,
            opened: 2,
            requests: 9,
            held: 1,
        };
        let recorded = Recorded {
            kinds: kinds(std::time::Duration::from_secs(60), 4),
            log: BTreeMap::from([(address, logged)]),
            hosts: Vec::new(),
        };
        let line = r#"{"peer":"198.18.16.1","hosts":2,"opens":2,"closes":1,"held":1,"requests":9,"verdict":"reusing"}"#;
        (recorded, of_lines(line))
    }

    #[test]
    fn what_agrees_with_the_log_is_right() {
        let (recorded, rows) = recorded();
        let compared = recorded.compare(&[("Rust", rows.clone()), ("Spark", rows)], &[]);
        assert_eq!(compared.complaints, Vec::<String>::new());
        assert_eq!(compared.table.rows[0][5..], ["reusing", "reusing"]);
    }

    #[test]
    fn each_row_that_differs_is_named() {
        let (recorded, rows) = recorded();
        let mut others = rows.clone();
        for row in others.values_mut() {
            row.opens = 3;
        }
        let compared = recorded.compare(&[("Rust", rows.clone()), ("Spark", others)], &[]);
        let said = compared.complaints.join("\n");
        assert_eq!(compared.complaints.len(), 2, "{said}");
        assert!(
            said.contains("Spark: 198.18.16.1, keeps one connection: opens 3, and 2 in its log"),
            "{said}"
        );
        let compared = recorded.compare(&[("Rust", rows), ("Spark", Rows::new())], &[]);
        assert_eq!(compared.complaints.len(), 2, "{:?}", compared.complaints);
    }
}

//! What is usual for a service, as a line says it.

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::About;
use crate::{
    diagnosis::{
        Constant, Expected, Learned, Options,
        norm::{Norm, Service},
    },
    model::peer::Direction,
};

/// [`Norm`] in a line. Without it, a peer has nobody to be compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Population {
    /// Connections a well-behaved peer holds.
    expected: Option<u32>,
    /// Whether the operator stated that number, so that a peer that holds more is accused.
    expected_is_given: bool,
    /// Number of peers it was learned from.
    expected_from_peers: usize,
    /// The server's keep-alive timeout; the value in ns.
    keepalive: Option<Constant>,
    /// Requests after which the server closes.
    request_limit: Option<Constant>,
    /// Age at which connections end; the value in ns.
    age: Option<Constant>,
    /// Peers that hold or opened connections.
    peers: u64,
    /// Median of the connections these hold.
    typical: u64,
    /// Whether many of them have grown.
    many_grew: bool,
    /// How many have grown.
    grew: u64,
    /// Whether none was ever answered.
    is_mute: bool,
    /// Connections opened by all peers.
    opens: u64,
    /// Connections held by all peers.
    held: u64,
}

impl Population {
    pub(super) fn of(norm: &Norm, expected: Expected) -> Self {
        Self {
            expected: Some(expected.connections),
            expected_is_given: expected.is_given(),
            expected_from_peers: expected.learned_from.unwrap_or(0),
            keepalive: norm.learned.keepalive,
            request_limit: norm.learned.request_limit,
            age: norm.learned.age,
            peers: norm.peers,
            typical: norm.typical,
            many_grew: norm.many_grew,
            grew: norm.grew,
            is_mute: norm.is_mute,
            opens: norm.opens,
            held: norm.held,
        }
    }

    pub(super) fn expected(&self) -> Expected {
        let learned = Expected {
            connections: self.expected.unwrap_or(1),
            learned_from: Some(self.expected_from_peers),
        };
        match self.expected_is_given && self.expected.is_some() {
            true => Expected {
                learned_from: None,
                ..learned
            },
            false => learned,
        }
    }

    pub(super) fn norm(&self, options: &Options, direction: Direction) -> Norm {
        Norm {
            expected: self.expected(),
            learned: Learned {
                keepalive_given_ns: options.keepalive_ns.filter(|_| direction == Direction::Inbound),
                keepalive: self.keepalive,
                request_limit: self.request_limit,
                age: self.age,
            },
            peers: self.peers,
            typical: self.typical.min(u64::from(u32::MAX)),
            many_grew: self.many_grew,
            grew: self.grew,
            is_mute: self.is_mute,
            opens: self.opens,
            held: self.held,
        }
    }
}

/// A service: its name, port and direction.
type Key = (Option<String>, u16, Direction);

/// The populations of several services.
#[derive(Debug, Default)]
pub struct Populations(HashMap<Key, Population>);

impl Populations {
    /// Adds one that [`Self::line`] made.
    ///
    /// # Errors
    /// If it is none.
    pub fn add(&mut self, line: &[u8]) -> Result<(), String> {
        let mut fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| format!("is no JSON object: {error}"))?;
        let population = fields.remove("population").ok_or("has no `population`")?;
        let population =
            serde_json::from_value(population).map_err(|error| format!("population: {error}"))?;
        self.0.insert(key(&About::of(&fields)?), population);
        Ok(())
    }

    pub(super) fn get(&self, about: &About) -> Option<&Population> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&key(about))
    }

    pub(super) fn line(name: Option<&str>, service: Service, norm: &Norm) -> Value {
        json!({
            "service": name,
            "port": service.port,
            "direction": service.direction,
            "population": Population::of(norm, norm.expected),
        })
    }
}

fn key(about: &About) -> Key {
    (about.service.clone(), about.port, about.direction())
}

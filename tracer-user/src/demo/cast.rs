//! The clients that take part in the demo. Their behaviours are in `behaviour`.

use std::net::Ipv4Addr;

use super::behaviour::Behaviour;

/// A client, which the server identifies by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The loopback address it connects from.
    pub source: Ipv4Addr,
    /// What it does with its connections.
    pub behaviour: Behaviour,
}

/// The clients of the standard demo: half of them well-behaved, and three of each other kind.
pub fn standard_cast() -> Vec<Client> {
    let cast = [
        (Behaviour::Reusing, 1, 12),
        (Behaviour::FreshPerRequest, 2, 3),
        (Behaviour::PilingUp, 3, 3),
        (Behaviour::CloseWaitLeak, 4, 3),
        (Behaviour::TooQuiet, 5, 3),
    ];
    cast.into_iter()
        .flat_map(|(behaviour, kind, count)| {
            (1..=count).map(move |n| Client {
                source: Ipv4Addr::new(127, 10, kind, n),
                behaviour,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_cast_shows_every_behaviour_from_addresses_of_its_own() {
        let cast = standard_cast();
        assert_eq!(cast.len(), 24);
        assert_eq!(
            cast.iter()
                .filter(|client| client.behaviour == Behaviour::Reusing)
                .count(),
            12
        );
        assert_eq!(
            cast.iter()
                .map(|client| client.behaviour)
                .collect::<HashSet<_>>()
                .len(),
            Behaviour::ALL.len()
        );
        assert_eq!(
            cast.iter()
                .map(|client| client.source)
                .collect::<HashSet<_>>()
                .len(),
            cast.len()
        );
        assert!(cast.iter().all(|client| client.source.is_loopback()));
    }
}

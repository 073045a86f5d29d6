//! Which connections to trace: ports, addresses, direction, namespace. Pure; the kernel half of it
//! is filled from here when the programs load.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use tracer_ebpf::{
    abi::config::{ANY_LEVEL, PORT_WORDS, directions},
    address,
};

use crate::model::{
    interface::Interface,
    peer::{Direction, PeerId},
};

/// Which directions to trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    /// Opened to this host.
    Inbound,
    /// Opened from this host.
    Outbound,
    /// Either.
    Both,
}

impl Directions {
    /// As the programs want it.
    pub fn bits(self) -> u8 {
        match self {
            Self::Inbound => directions::INBOUND,
            Self::Outbound => directions::OUTBOUND,
            Self::Both => directions::INBOUND | directions::OUTBOUND,
        }
    }
}

/// A cgroup (v2) as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Inode number of its folder.
    pub id: u64,
    /// How many cgroups lie above it; `None` if a cgroup namespace hides that.
    pub level: Option<u32>,
}

impl Cgroup {
    /// How many cgroups lie above it, as the programs are told.
    pub fn level_or_any(self) -> u64 {
        self.level.map_or(ANY_LEVEL, u64::from)
    }
}

/// What to trace and how to group it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Service ports; empty: all.
    pub ports: Vec<u16>,
    /// Remote networks to trace; empty: all.
    pub include: Vec<IpNet>,
    /// Remote networks to leave out, whatever `include` says.
    pub exclude: Vec<IpNet>,
    /// Directions.
    pub directions: Directions,
    /// Only this network namespace.
    pub netns: Option<u32>,
    /// Only sockets of this cgroup and those below it.
    pub cgroup: Option<Cgroup>,
    /// Group IPv4 peers by this many leading bits.
    pub prefix4: u8,
    /// Group IPv6 peers by this many leading bits.
    pub prefix6: u8,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            ports: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            directions: Directions::Both,
            netns: None,
            cgroup: None,
            prefix4: 32,
            prefix6: 128,
        }
    }
}

/// An entry of the kernel's longest-prefix-match table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule {
    /// Leading bits that count, of 128.
    pub bits: u32,
    /// Network address, network order, IPv4 mapped.
    pub address: [u32; 4],
    /// Whether addresses whose longest match this is are traced.
    pub admit: bool,
}

impl Filter {
    /// One bit a port.
    pub fn port_bitmap(&self) -> [u64; PORT_WORDS] {
        let mut words = [0; PORT_WORDS];
        for port in &self.ports {
            if let Some(word) = words.get_mut(usize::from(port >> 6)) {
                *word |= 1 << (port & 63);
            }
        }
        words
    }

    /// Whether an address that matches no rule is traced.
    pub fn admit_by_default(&self) -> bool {
        self.include.is_empty()
    }

    /// The rules for the kernel's table. Networks nest or are disjoint, so it is enough to work
    /// out for each named network whether it is in; the longest match then gives the answer for
    /// every address.
    pub fn address_rules(&self) -> Vec<AddressRule> {
        let mut networks: Vec<IpNet> = self
            .include
            .iter()
            .chain(&self.exclude)
            .map(IpNet::trunc)
            .collect();
        networks.sort_unstable();
        networks.dedup();
        networks
            .into_iter()
            .map(|network| {
                let covered = |by: &[IpNet]| by.iter().any(|net| net.contains(&network));
                let admit = (self.include.is_empty() || covered(&self.include)) && !covered(&self.exclude);
                let (address, bits) = match network {
                    IpNet::V4(v4) => (v4.network().to_ipv6_mapped(), 96 + u32::from(v4.prefix_len())),
                    IpNet::V6(v6) => (v6.network(), u32::from(v6.prefix_len())),
                };
                AddressRule {
                    bits,
                    address: words(address),
                    admit,
                }
            })
            .collect()
    }

    /// The masks for IPv4 (mapped) and IPv6 peers.
    pub fn masks(&self) -> ([u32; 4], [u32; 4]) {
        (
            address::mask(96 + u32::from(self.prefix4)),
            address::mask(u32::from(self.prefix6)),
        )
    }

    /// How peers are grouped.
    pub fn prefixes(&self) -> Prefixes {
        Prefixes {
            v4: self.prefix4,
            v6: self.prefix6,
        }
    }
}

/// Leading bits by which peers are grouped, of IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Of 32.
    pub v4: u8,
    /// Of 128.
    pub v6: u8,
}

impl Prefixes {
    /// Whether each address is a peer.
    pub fn are_addresses(self) -> bool {
        (self.v4, self.v6) == (32, 128)
    }

    /// The peer whose connection this is; `process` is the one of this host that has it.
    pub fn peer(
        self,
        (netns, interface): (u32, Option<Interface>),
        direction: Direction,
        local_port: u16,
        remote: (IpAddr, u16),
        process: Option<u32>,
    ) -> PeerId {
        PeerId {
            netns,
            direction,
            port: match direction {
                Direction::Inbound => local_port,
                Direction::Outbound => remote.1,
            },
            network: self.network(remote.0),
            interface,
            process: process.filter(|_| direction == Direction::Outbound),
            program: None,
        }
    }

    /// The network of an address.
    pub fn network(self, address: IpAddr) -> IpNet {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { self.v4 } else { self.v6 };
        IpNet::new(address, bits).map_or_else(|_| address.into(), |network| network.trunc())
    }
}

/// An address as the programs keep it.
pub fn words(address: Ipv6Addr) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = address.octets();
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_ne_bytes)
}

/// An address as people know it, IPv4 unmapped.
pub fn ip(words: [u32; 4]) -> IpAddr {
    let [a, b, c, d] = words.map(|word| u128::from(u32::from_be(word)));
    Ipv6Addr::from_bits(a << 96 | b << 64 | c << 32 | d).to_canonical()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// What the kernel's table would answer.
    fn longest_match(filter: &Filter, address: IpAddr) -> bool {
        let mapped = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let address = words(mapped);
        filter
            .address_rules()
            .into_iter()
            .filter(|rule| {
                let mask = address::mask(rule.bits);
                address
                    .iter()
                    .zip(mask)
                    .zip(rule.address)
                    .all(|((word, mask), net)| word & mask == net)
            })
            .max_by_key(|rule| rule.bits)
            .map_or(filter.admit_by_default(), |rule| rule.admit)
    }

    #[test]
    fn exclude_wins_over_include_whichever_is_longer() {
        let filter = Filter {
            include: nets(&["10.0.0.0/8", "192.0.2.7/32"]),
            exclude: nets(&["10.1.0.0/16", "192.0.2.0/24"]),
            ..Filter::default()
        };
        for (address, admitted) in [
            ("10.2.0.1", true),
            ("10.1.0.1", false),
            ("192.0.2.7", false),
            ("198.51.100.1", false),
        ] {
            assert_eq!(
                longest_match(&filter, address.parse().unwrap()),
                admitted,
                "{address}"
            );
        }
    }

    #[test]
    fn an_ipv6_rule_for_everything_does_not_shadow_ipv4_by_accident() {
        let filter = Filter {
            exclude: nets(&["::/0"]),
            include: Vec::new(),
            ..Filter::default()
        };
        assert!(!longest_match(&filter, "2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn ports_have_their_bit() {
        let filter = Filter {
            ports: vec![0, 63, 64, 8081, 65535],
            ..Filter::default()
        };
        let words = filter.port_bitmap();
        for port in 0..=u16::MAX {
            let set = words[usize::from(port >> 6)] >> (port & 63) & 1 == 1;
            assert_eq!(set, filter.ports.contains(&port), "{port}");
        }
    }

    fn any_net() -> impl Strategy<Value = IpNet> {
        // Few distinct addresses, so that networks nest often.
        prop_oneof![
            (0_u32..4, 0_u32..4, 8_u8..=32).prop_map(|(a, b, bits)| {
                IpNet::new(IpAddr::from((10 << 24 | a << 16 | b).to_be_bytes()), bits).unwrap()
            }),
            (0_u16..4, 16_u8..=128).prop_map(|(a, bits)| {
                IpNet::new(Ipv6Addr::new(0x2001, a, 0, 0, 0, 0, 0, a).into(), bits).unwrap()
            }),
        ]
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_the_definition(
            include in prop::collection::vec(any_net(), 0..4),
            exclude in prop::collection::vec(any_net(), 0..4),
            probe in any_net(),
        ) {
            let filter = Filter { include, exclude, ..Filter::default() };
            let address = probe.addr();
            let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
            let wanted = (filter.include.is_empty() || within(&filter.include)) && !within(&filter.exclude);
            prop_assert_eq!(longest_match(&filter, address), wanted);
        }

        #[test]
        fn addresses_survive_the_way_there_and_back(bits: u128) {
            let address = Ipv6Addr::from(bits);
            prop_assert_eq!(ip(words(address)), address.to_canonical());
        }
    }
}

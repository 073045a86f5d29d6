//! What is traced, in words for the header.

use ipnet::IpNet;

use crate::filter::{Directions, Filter};

/// The filters in a few words.
pub(in crate::commands) fn filters(filter: &Filter) -> String {
    let mut parts = Vec::new();
    if !filter.ports.is_empty() {
        let name = if filter.ports.len() == 1 { "port" } else { "ports" };
        parts.push(format!("{name} {}", ranges(&filter.ports)));
    }
    parts.push(
        match filter.directions {
            Directions::Inbound => "inbound",
            Directions::Outbound => "outbound",
            Directions::Both => "inbound and outbound",
        }
        .to_owned(),
    );
    let listed = |networks: &[IpNet]| {
        let names: Vec<String> = networks.iter().map(IpNet::to_string).collect();
        names.join(",")
    };
    if !filter.include.is_empty() {
        parts.push(format!("peers {}", listed(&filter.include)));
    }
    if !filter.exclude.is_empty() {
        parts.push(format!("without {}", listed(&filter.exclude)));
    }
    if let Some(netns) = filter.netns {
        parts.push(format!("netns {netns}"));
    }
    if filter.cgroup.is_some() {
        parts.push("one cgroup".to_owned());
    }
    if filter.prefix4 < 32 || filter.prefix6 < 128 {
        parts.push(format!("by /{} and /{}", filter.prefix4, filter.prefix6));
    }
    parts.join(" ")
}

/// Ports in the order given, consecutive ones as a range.
fn ranges(ports: &[u16]) -> String {
    let parts = ports
        .chunk_by(|before, after| before.checked_add(1) == Some(*after))
        .map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_in_words() {
        assert_eq!(filters(&Filter::default()), "inbound and outbound");
        let filter = Filter {
            ports: vec![80, 443, 8000, 8001, 8002],
            directions: Directions::Inbound,
            exclude: vec!["10.0.0.0/8".parse().unwrap()],
            prefix4: 24,
            ..Filter::default()
        };
        assert_eq!(
            filters(&filter),
            "ports 80,443,8000-8002 inbound without 10.0.0.0/8 by /24 and /128"
        );
    }
}

//! A surge in words: when it began, how far it went, and who is behind it.

use crate::{
    diagnosis::words::{count, form, number},
    model::{
        history::{Shape, Surge},
        peer::PeerId,
        sample::Moment,
    },
    report::clock_seen_from,
};

/// Everything known about it, to follow the word "surge", as read at another time.
pub(super) fn course(surge: &Surge, now: Moment) -> String {
    let clock = |moment| clock_seen_from(moment, now);
    let when = match surge.ended {
        None => format!("since {}", clock(surge.started)),
        Some(ended) => format!("from {} to {}, over now", clock(surge.started), clock(ended)),
    };
    format!(
        "{when}: from {} to {} connections, {}",
        number(surge.from),
        number(surge.to),
        who(surge)
    )
}

/// Who is behind it.
fn who(surge: &Surge) -> String {
    let grown = format!(
        "{} of {} {} more than before",
        number(surge.grown),
        count(surge.peers, "peer", "peers"),
        form(surge.grown, "holds", "hold")
    );
    let behind = || surge.behind.iter().map(|behind| behind.peer);
    let one_port = behind().all(|peer| behind().all(|other| other.port == peer.port));
    let name = |peer: PeerId| match peer.local_port() {
        _ if one_port => peer.name(),
        Some(port) => format!("{} → :{port}", peer.name()),
        None => peer.endpoint(),
    };
    let names: Vec<String> = behind().map(name).collect();
    let list = match &*names {
        [] if surge.shape == Shape::Uniform => {
            return format!("spread evenly over the peers: look for a cause they share ({grown})");
        }
        [] => return format!("in a few peers ({grown})"),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let theirs: u64 = surge.behind.iter().map(|peer| peer.grown()).sum();
    // Others may hold fewer than before, so this can exceed the whole rise.
    let part = match theirs.saturating_mul(100) / surge.rise().max(1) {
        90.. => "nearly all from",
        50.. => "most of them from",
        _ => "mainly from",
    };
    format!("{part} {list} ({grown})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{history::Behind, peer::Direction};

    fn at(second: u64) -> Moment {
        Moment {
            monotonic_ns: second * 1_000_000_000,
            utc_ns: 1_767_225_600_000_000_000 + i128::from(second) * 1_000_000_000,
        }
    }

    fn surge(shape: Shape, behind: &[(u8, u64)]) -> Surge {
        Surge {
            number: 1,
            started: at(60),
            ended: None,
            from: 63,
            to: 1178,
            shape,
            grown: 3,
            peers: 26,
            behind: behind
                .iter()
                .map(|(last, to)| Behind {
                    peer: PeerId {
                        netns: 1,
                        direction: Direction::Inbound,
                        port: 80,
                        network: std::net::IpAddr::from([127, 20, 3, *last]).into(),
                        interface: None,
                        process: None,
                        program: None,
                    },
                    from: 1,
                    to: *to,
                })
                .collect(),
            ports: Vec::new(),
        }
    }

    #[test]
    fn those_behind_it_are_named() {
        let few = surge(Shape::Concentrated, &[(1, 700), (2, 350), (4, 60)]);
        assert_eq!(
            course(&few, at(0)),
            "since 00:01:00 UTC: from 63 to 1,178 connections, nearly all from 127.20.3.1, 127.20.3.2 and \
             127.20.3.4 (3 of 26 peers hold more than before)"
        );
        let most = course(&surge(Shape::Concentrated, &[(1, 700)]), at(0));
        assert!(
            most.contains("connections, most of them from 127.20.3.1 (3 of"),
            "{most}"
        );
        let many = course(&surge(Shape::Concentrated, &[(1, 70), (2, 60)]), at(0));
        assert!(many.contains("mainly from 127.20.3.1 and 127.20.3.2"), "{many}");
        let mut two_ports = surge(Shape::Concentrated, &[(1, 70), (1, 60)]);
        two_ports.behind[1].peer.port = 443;
        let two_ports = course(&two_ports, at(0));
        assert!(
            two_ports.contains("mainly from 127.20.3.1 → :80 and 127.20.3.1 → :443"),
            "{two_ports}"
        );
    }

    #[test]
    fn one_that_is_over_says_so() {
        let over = Surge {
            ended: Some(at(120)),
            ..surge(Shape::Uniform, &[])
        };
        assert_eq!(
            course(&over, at(0)),
            "from 00:01:00 UTC to 00:02:00 UTC, over now: from 63 to 1,178 connections, spread evenly over the \
             peers: look for a cause they share (3 of 26 peers hold more than before)"
        );
        let next_day = course(&over, at(86_400));
        assert!(
            next_day.starts_with("from 2026-01-01 00:01:00 UTC to 2026-01-01 00:02:00 UTC,"),
            "{next_day}"
        );
    }
}

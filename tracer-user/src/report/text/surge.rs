//! A surge in one sentence: since when, how far, and who is behind it.

use crate::{
    diagnosis::words::{count, number},
    model::history::{Shape, Surge},
    report::{clock, clock_of},
};

/// All that is known of it.
pub fn sentence(surge: &Surge) -> String {
    let when = match surge.ended {
        None => format!("since {}", clock(surge.started)),
        Some(ended) => format!(
            "from {} to {}, over now",
            clock_of(surge.started.utc_ns),
            clock(ended)
        ),
    };
    format!(
        "surge {when}: {} to {} connections, {}",
        number(surge.from),
        number(surge.to),
        who(surge)
    )
}

/// Who is behind it.
fn who(surge: &Surge) -> String {
    let grown = format!(
        "{} of {} hold more than before",
        number(surge.grown),
        count(surge.peers, "peer", "peers")
    );
    let names: Vec<String> = surge.behind.iter().map(|peer| peer.peer.name()).collect();
    let list = match &*names {
        [] if surge.shape == Shape::Uniform => {
            return format!("evenly over the peers: look for one cause that they share ({grown})");
        }
        [] => return format!("in few peers ({grown})"),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    let theirs: u64 = surge.behind.iter().map(|peer| peer.grown()).sum();
    // Others may hold fewer than before, so that this can be more than all of it.
    let part = match theirs.saturating_mul(100) / surge.rise().max(1) {
        90.. => "nearly all from",
        50.. => "most from",
        _ => "above all from",
    };
    format!("{part} {list} ({grown})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        history::Behind,
        peer::{Direction, PeerId},
        sample::Moment,
    };

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
                        process: None,
                        program: None,
                    },
                    from: 1,
                    to: *to,
                })
                .collect(),
        }
    }

    #[test]
    fn those_behind_it_are_named() {
        let few = surge(Shape::Concentrated, &[(1, 700), (2, 350), (4, 60)]);
        assert_eq!(
            sentence(&few),
            "surge since 00:01:00 UTC: 63 to 1,178 connections, nearly all from 127.20.3.1, 127.20.3.2 and \
             127.20.3.4 (3 of 26 peers hold more than before)"
        );
        let most = sentence(&surge(Shape::Concentrated, &[(1, 700)]));
        assert!(most.contains("connections, most from 127.20.3.1 (3 of"), "{most}");
        let many = sentence(&surge(Shape::Concentrated, &[(1, 70), (2, 60)]));
        assert!(
            many.contains("above all from 127.20.3.1 and 127.20.3.2"),
            "{many}"
        );
    }

    #[test]
    fn one_that_is_over_says_so() {
        let over = Surge {
            ended: Some(at(120)),
            ..surge(Shape::Uniform, &[])
        };
        assert_eq!(
            sentence(&over),
            "surge from 00:01:00 to 00:02:00 UTC, over now: 63 to 1,178 connections, evenly over the peers: \
             look for one cause that they share (3 of 26 peers hold more than before)"
        );
    }
}

//! Records from the kernel's maps and rings: the first byte of an input selects the type, the rest is the
//! record.

use tcpreuse::testing::{
    evidence::{
        fuzzing::{rewritten, row},
        rows::{ConnectionRow, Context, Kind},
    },
    filter::Filter,
    kernel::fuzzing::{ended, name, peer, socket},
    model::sample::{Known, Moment},
};

pub(super) fn run(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else {
        return;
    };
    match which % 4 {
        0 => {
            if let Some((id, counters)) = peer(bytes, &Filter::default()) {
                let _ = (
                    id,
                    counters.opens(),
                    counters.closes.total(),
                    counters.overlaps(1),
                );
                for spread in [
                    &counters.lifetime,
                    &counters.idle,
                    &counters.gap,
                    &counters.close_wait,
                ] {
                    let _ = (spread.summary(), spread.count());
                }
            }
        }
        1 => drop(socket(bytes)),
        2 => record(bytes),
        _ => {
            let mut words = [0; 2];
            for (word, chunk) in words.iter_mut().zip(bytes.as_chunks().0) {
                *word = u64::from_ne_bytes(*chunk);
            }
            let name = name(words);
            assert!(name.chars().count() <= 16);
            crate::assert_harmless(&name);
        }
    }
}

/// The record of an ended connection becomes a row that reads back unchanged.
fn record(bytes: &[u8]) {
    let Some(ended) = ended(bytes) else { return };
    let context = Context {
        clock: Moment {
            monotonic_ns: 1 << 40,
            utc_ns: 1_767_225_600_000_000_000,
        },
        known: Known::ALL,
        expected: 1,
    };
    let written = row(&ConnectionRow::of_ended(
        &ended,
        &context,
        Some("=java".to_owned()),
    ));
    let again = rewritten(Kind::Connections, &written);
    // A row with impossible values is rejected when it is read.
    if !again.is_empty() {
        assert_eq!(again, written, "{}", String::from_utf8_lossy(&written));
    }
}

//! Connections by the batch: they end all at once, in one softirq, whatever that interrupts.

use std::collections::BTreeMap;

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::Trace,
    storm::{REASONS, Storm},
};

#[test]
fn ends_that_come_all_at_once_are_counted_exactly() {
    need_root!();
    let namespace = Namespace::new();
    let mut storm = Storm::ready(&namespace, "6");
    let trace = Trace::start(&namespace, &["--port", &storm.port]);
    let truth = storm.rage();
    let diagnosis = trace.finish();
    storm.finish();
    diagnosis.assert_sound();
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for peer in diagnosis.peers() {
        for reason in REASONS {
            *counted.entry(reason).or_default() += peer["figures"]["close_reasons"][reason].as_u64().unwrap();
        }
    }
    for (reason, count) in REASONS.into_iter().zip(&truth) {
        assert_eq!(
            counted.get(reason),
            Some(count),
            "{reason} of {truth:?}: {:#}",
            diagnosis.0["accounting"]
        );
    }
    assert_eq!(
        diagnosis.accounting("closed"),
        i64::try_from(truth.iter().sum::<u64>()).unwrap()
    );
}

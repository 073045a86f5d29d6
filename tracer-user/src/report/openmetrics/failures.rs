//! Why connects failed. The programs count failures without their reasons; the records of ended connections
//! have them, where there are records.

use std::collections::BTreeMap;

use super::counted::Service;
use crate::model::{ended::Ended, peer::CloseReason};

/// A failure without a record, or whose record is not there yet.
const UNKNOWN: &str = "unknown";

/// Failed connects by reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    /// `None` if there are no records.
    known: Option<BTreeMap<(Service, &'static str), u64>>,
    /// Failures whose records never came.
    unknown: BTreeMap<Service, u64>,
}

impl Failures {
    /// From now on there are records.
    pub(super) fn expect_records(&mut self) {
        self.known.get_or_insert_default();
    }

    /// Adds the failure of a connect to this service.
    pub(super) fn add(&mut self, service: Service, ended: &Ended) {
        if let (Some(known), CloseReason::ConnectFailed) = (&mut self.known, ended.reason) {
            *known.entry((service, error(ended.errno))).or_default() += 1;
        }
    }

    /// To be called with the count of the sample before, whose records are all there by now.
    pub(super) fn settle(&mut self, service: Service, count: u64) {
        let missing = count.saturating_sub(self.known_of(service).map(|(_, count)| count).sum());
        if missing > 0 {
            let unknown = self.unknown.entry(service).or_default();
            // A counter never falls.
            *unknown = missing.max(*unknown);
        }
    }

    fn known_of(&self, service: Service) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let of_service = move |((of, error), count): (&(Service, &'static str), &u64)| {
            (*of == service).then_some((*error, *count))
        };
        self.known.iter().flatten().filter_map(of_service)
    }

    /// The failures of a service by reason. `count` is how many there are.
    pub(super) fn of(&self, service: Service, count: u64) -> Vec<(&'static str, u64)> {
        if self.known.is_none() {
            return vec![(UNKNOWN, count)];
        }
        let unknown = self.unknown.get(&service).copied().unwrap_or(0);
        self.known_of(service).chain([(UNKNOWN, unknown)]).collect()
    }
}

/// The errors with which connects usually fail; a label has few values.
fn error(errno: Option<u16>) -> &'static str {
    match errno.map(i32::from) {
        None | Some(0) => UNKNOWN,
        Some(libc::ECONNREFUSED) => "ECONNREFUSED",
        Some(libc::ETIMEDOUT) => "ETIMEDOUT",
        Some(libc::EHOSTUNREACH) => "EHOSTUNREACH",
        Some(libc::ENETUNREACH) => "ENETUNREACH",
        Some(libc::ECONNRESET) => "ECONNRESET",
        Some(_) => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{peer::Direction, sample::Moment},
        report::example,
    };

    #[test]
    fn reasons_come_from_records_and_what_has_none_is_unknown() {
        let service = Some((Direction::Outbound, 443));
        let mut failures = Failures::default();
        assert_eq!(failures.of(service, 7), [(UNKNOWN, 7)], "there are no records");
        failures.expect_records();
        let failed = |errno: i32| Ended {
            reason: CloseReason::ConnectFailed,
            errno: u16::try_from(errno).ok(),
            ..crate::evidence::testing::ended(
                1,
                Moment {
                    monotonic_ns: example::sample().taken.monotonic_ns,
                    utc_ns: 0,
                },
            )
        };
        for errno in [libc::ECONNREFUSED, libc::ECONNREFUSED, libc::EMFILE] {
            failures.add(service, &failed(errno));
        }
        let records = || [("ECONNREFUSED", 2), ("other", 1)];
        assert_eq!(
            failures.of(service, 5),
            [&records()[..], &[(UNKNOWN, 0)]].concat()
        );
        failures.settle(service, 5);
        assert_eq!(
            failures.of(service, 9),
            [&records()[..], &[(UNKNOWN, 2)]].concat()
        );
        failures.settle(service, 3);
        assert_eq!(failures.of(service, 9)[2], (UNKNOWN, 2), "it never falls");
        assert_eq!(failures.of(None, 9), [(UNKNOWN, 0)]);
    }
}

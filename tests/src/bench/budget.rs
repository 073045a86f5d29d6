//! The budgets of tcpreuse, and whether the measurements meet them.

use serde::Serialize;

use super::{
    crowd::Crowd,
    math::number,
    overhead::Overhead,
    report::Report,
    scale::{hosts::Joined, reports::Reported},
    subject::Subject,
    table::{Table, figure},
};
use crate::door::RATE;

/// Whether a budget is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The measurement is within the limit.
    Met,
    /// The measurement exceeds the limit.
    Missed,
    /// There is no measurement.
    NotMeasured,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A limit, and which side of it is good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// This value or less.
    AtMost(f64),
    /// This value or more.
    AtLeast(f64),
}

/// A budget and its measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Budget {
    /// The name of what is measured.
    pub what: &'static str,
    /// The limit.
    pub limit: Limit,
    /// The measured value; `None` if not measured.
    pub measured: Option<f64>,
    /// Unit of both, with a leading space where one is printed.
    pub unit: &'static str,
    /// The result of comparing the two.
    pub verdict: Verdict,
    #[serde(skip)]
    digits: usize,
}

fn verdict(limit: Limit, measured: Option<f64>) -> Verdict {
    let Some(measured) = measured.filter(|measured| measured.is_finite()) else {
        return Verdict::NotMeasured;
    };
    let kept = match limit {
        Limit::AtMost(most) => measured <= most,
        Limit::AtLeast(least) => measured >= least,
    };
    if kept { Verdict::Met } else { Verdict::Missed }
}

/// Every budget, compared with the measurements in a report.
pub fn all(report: &Report) -> Vec<Budget> {
    use Limit::{AtLeast, AtMost};
    let recording = report.transition_ns(Subject::Recording);
    let read = |subject| report.reads.as_ref()?.above_empty(subject, |cost| &cost.http_ns);
    let crowd = report.crowd.as_ref().and_then(|crowd| crowd.as_ref().ok());
    let served = report.served.as_ref().and_then(|served| served.as_ref().ok());
    let cost = |subject| report.overhead.as_ref().and_then(|all| all.of(subject));
    let steady = report.overhead.as_ref().is_some_and(Overhead::is_steady);
    let ratio = |subject| cost(subject).filter(|_| steady)?.ratio();
    let lost = cost(Subject::Recording).and_then(|cost| Some(number(cost.seen?.lost)));
    // The walk over the sockets is left out; it has a separate budget.
    let look = |peers| report.look(peers).map(|look| look.maps_ms + look.diagnosis_ms);
    let list = report
        .list(100_000)
        .and_then(|list| Some(list.ours_ms / list.ss_ms?));
    let view = report.view.as_ref().filter(|view| view.peers >= 10_000);
    let memory = [
        report.look(10_000).and_then(|look| look.memory),
        view.and_then(|view| view.memory),
    ];
    let memory = memory
        .into_iter()
        .flatten()
        .map(|memory| number(memory.user()) * 1024.0 / 1e6);
    let reported = report
        .reported
        .as_ref()
        .and_then(|reported| reported.as_ref().ok());
    let reported = reported.filter(|reported| reported.peers >= 10_000);
    let joined = report.joined.as_ref().and_then(|joined| joined.as_ref().ok());
    let joined = joined.filter(|joined| joined.hosts >= 100 && joined.peers >= 10_000);
    let scrapes = report.scrapes.as_ref().and_then(|scrapes| scrapes.as_ref().ok());
    let scrapes = scrapes.filter(|scrapes| scrapes.peers >= 16_384);
    let day = report.day.as_ref().and_then(|day| day.as_ref().ok());
    let day = day.filter(|day| day.host.peers >= 16_384);
    let long = report.long.as_ref().and_then(|long| long.as_ref().ok());
    let long = long.filter(|long| long.recording_gb() >= 1.9);
    let rows: [(&str, Limit, Option<f64>, &str, usize); 27] = [
        (
            "kernel time per state change, both ends traced and recorded",
            AtMost(150.0),
            recording,
            " ns",
            0,
        ),
        (
            "the same with 20,000 connections held and a CPU for each end, relative to that",
            AtMost(1.3),
            crowd.and_then(Crowd::ratio),
            "",
            2,
        ),
        (
            "read of an untraced connection, above an empty program",
            AtMost(20.0),
            read(Subject::Untraced),
            " ns",
            0,
        ),
        (
            "read of a traced connection, requests told, above an empty program",
            AtMost(60.0),
            read(Subject::Counting),
            " ns",
            0,
        ),
        (
            "nginx with 200 clients that keep their connections, requests/s recorded, relative to untraced",
            AtLeast(0.97),
            served.and_then(|served| served.kept.ratio()),
            "",
            3,
        ),
        (
            "nginx with a connection for each request, the same",
            AtLeast(0.97),
            served.and_then(|served| served.fresh.ratio()),
            "",
            3,
        ),
        (
            "connections/s, both ends traced and recorded, relative to untraced",
            AtLeast(0.95),
            ratio(Subject::Recording),
            "",
            3,
        ),
        (
            "connections/s, one end traced, relative to untraced",
            AtLeast(0.95),
            ratio(Subject::OneEnd),
            "",
            3,
        ),
        (
            "connections lost at that rate, recording",
            AtMost(0.0),
            lost,
            "",
            0,
        ),
        (
            "10,000 peers, reading the maps and diagnosing",
            AtMost(20.0),
            look(10_000),
            " ms",
            1,
        ),
        (
            "100,000 peers, reading the maps and diagnosing",
            AtMost(200.0),
            look(100_000),
            " ms",
            1,
        ),
        (
            "list of 100,000 sockets, relative to `ss -tan`",
            AtMost(1.0),
            list,
            "",
            2,
        ),
        (
            "frame of the live view, 10,000 peers",
            AtMost(10.0),
            view.map(|view| view.frame_ms),
            " ms",
            1,
        ),
        (
            "key press to screen under full load",
            AtMost(50.0),
            view.map(|view| view.key_ms),
            " ms",
            1,
        ),
        (
            "CPU of the live view under full load",
            AtMost(5.0),
            view.and_then(|view| view.cpu).map(|cpu| cpu * 100.0),
            " %",
            1,
        ),
        (
            "user memory at 10,000 peers",
            AtMost(40.0),
            memory.max_by(f64::total_cmp),
            " MB",
            1,
        ),
        (
            "disk of a day with 16,384 known peers, of which 200 connect each second",
            AtMost(1000.0),
            day.map(|day| number(day.kept) / 1e6),
            " MB",
            0,
        ),
        (
            "HTML report of an hour with 10,000 peers",
            AtMost(2.0),
            reported.map(|reported| reported.report_ms / 1e3),
            " s",
            2,
        ),
        (
            "size of that report",
            AtMost(2.0),
            reported.map(Reported::page_mb),
            " MB",
            2,
        ),
        (
            "100 hosts with 10,000 peers each, joined and judged",
            AtMost(10.0),
            joined.map(|joined| joined.seconds),
            " s",
            1,
        ),
        (
            "memory of that",
            AtMost(1000.0),
            joined.map(Joined::memory_mb),
            " MB",
            0,
        ),
        (
            "`diagnose --from` a recording of 2 GB",
            AtMost(3.0),
            long.map(|long| long.from_ms / 1e3),
            " s",
            2,
        ),
        (
            "slowest of 30 steps back in its `replay`",
            AtMost(200.0),
            long.map(|long| long.back_ms),
            " ms",
            0,
        ),
        (
            "CPU of a new scrape of `serve`, 16,384 peers",
            AtMost(20.0),
            scrapes.and_then(|scrapes| scrapes.fresh_ms),
            " ms",
            1,
        ),
        (
            "scrapes a second that `serve` answers then, beside slow readers and half requests",
            AtLeast(f64::from(RATE) * 0.98),
            scrapes.map(|scrapes| scrapes.per_second),
            "",
            0,
        ),
        (
            "first paint of its page",
            AtMost(300.0),
            scrapes.and_then(|scrapes| scrapes.paint_ms),
            " ms",
            0,
        ),
        (
            "start to attached",
            AtMost(300.0),
            report.start.as_ref().map(|start| start.program_ms),
            " ms",
            0,
        ),
    ];
    rows.into_iter()
        .map(|(what, limit, measured, unit, digits)| Budget {
            what,
            limit,
            measured,
            unit,
            verdict: verdict(limit, measured),
            digits,
        })
        .collect()
}

/// The budgets as a table.
pub fn table(budgets: &[Budget]) -> Table {
    let rows = budgets.iter().map(|budget| {
        let Budget { unit, digits, .. } = *budget;
        let (sign, limit) = match budget.limit {
            Limit::AtMost(most) => ("≤", most),
            Limit::AtLeast(least) => ("≥", least),
        };
        vec![
            budget.what.to_owned(),
            format!("{sign} {limit}{unit}"),
            figure(budget.measured, digits, unit),
            budget.verdict.name().to_owned(),
        ]
    });
    Table {
        title: "Budgets and measurements:".to_owned(),
        head: vec!["budget", "limit", "measured", ""],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        crowd::Case,
        machine::Machine,
        overhead::{Cost, Plan},
        reads::{self, Reads},
        subject::Seen,
    };

    #[test]
    fn the_limit_itself_is_within_it() {
        assert_eq!(verdict(Limit::AtMost(200.0), Some(200.0)), Verdict::Met);
        assert_eq!(verdict(Limit::AtMost(200.0), Some(200.1)), Verdict::Missed);
        assert_eq!(verdict(Limit::AtLeast(0.9), Some(0.9)), Verdict::Met);
        assert_eq!(verdict(Limit::AtLeast(0.9), Some(0.89)), Verdict::Missed);
    }

    #[test]
    fn what_nobody_measured_is_not_met() {
        for nothing in [None, Some(f64::NAN)] {
            assert_eq!(verdict(Limit::AtMost(200.0), nothing), Verdict::NotMeasured);
        }
        let budgets = all(&Report::new(Machine::this()));
        assert!(
            budgets
                .iter()
                .all(|budget| budget.verdict == Verdict::NotMeasured)
        );
    }

    fn cost(ns: f64, ratio: f64, lost: u64) -> Cost {
        Cost {
            transition_ns: vec![ns],
            ratio: vec![ratio],
            seen: Some(Seen {
                lost,
                ..Seen::default()
            }),
            ..Cost::default()
        }
    }

    #[test]
    fn each_budget_is_judged_by_its_own_figure() {
        let overhead = Overhead {
            plan: Plan {
                rounds: 1,
                peers: 1,
                slice: std::time::Duration::from_secs(1),
            },
            untraced: vec![1.0],
            costs: vec![(Subject::Recording, cost(150.0, 0.96, 1))],
        };
        let crowd = Crowd {
            ours: vec![(Case::QUIET, vec![100.0]), (Case::BOTH, vec![131.0])],
            empty: Vec::new(),
            line_ns: Vec::new(),
        };
        let read = |ns| reads::Cost {
            http_ns: vec![ns],
            ..reads::Cost::default()
        };
        let reads = Reads {
            connections: 1,
            costs: vec![
                (Subject::EmptyRead, read(40.0)),
                (Subject::Untraced, read(60.0)),
                (Subject::Counting, read(101.0)),
            ],
        };
        let report = Report {
            overhead: Some(overhead),
            reads: Some(reads),
            crowd: Some(Ok(crowd)),
            served: Some(Err("nginx is not installed".to_owned())),
            ..Report::new(Machine::this())
        };
        let verdicts: Vec<Verdict> = all(&report).iter().take(9).map(|budget| budget.verdict).collect();
        use Verdict::{Met, Missed, NotMeasured};
        assert_eq!(
            verdicts,
            [
                Met,
                Missed,
                Met,
                Missed,
                NotMeasured,
                NotMeasured,
                Met,
                NotMeasured,
                Missed
            ]
        );
    }
}

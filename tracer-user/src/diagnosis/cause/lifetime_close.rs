//! One side ends every connection at a constant age, used or not.

use super::{Case, Match, words};
use crate::{
    diagnosis::{
        learned::least_limit,
        reuse,
        thresholds::{ANNOUNCED, MIN_ALIKE, RARE_FAULT, VARIED_AGE_SHARE, confidence, habitual, share},
    },
    model::durations::Cluster,
};

/// All ages agree while idle times do not, and each connection carried more than the one request of a client
/// that reconnects every time.
pub(super) fn test(case: &Case<'_>) -> Option<Match> {
    let figures = case.figures;
    let (turns, of) = (&figures.turns, figures.turns.connections());
    let by_server = habitual(figures.server_fin, figures.closes);
    let by_client = habitual(figures.client_fin, figures.closes);
    // In a normal close, either side may send the first FIN. The age triggers it in both cases.
    let by_either = habitual(figures.server_fin + figures.client_fin, figures.closes);
    let are_streams = case.are_streams_of_one_age();
    if reuse::forgets(case)
        || !by_either
        || !case.costs(RARE_FAULT)
        || (share(turns.sum, of) < 1.5 && !are_streams)
    {
        return None;
    }
    let is_known = figures
        .age
        .p50_ns
        .is_some_and(|age| case.norm.learned.is_age(age));
    let by_age = by_server && (is_known || case.is_tighter_by_age());
    let same_requests = habitual(turns.like_the_most(), of) && !by_age && !are_streams;
    let constant = figures.age.constant_age(same_requests);
    let cluster = constant.or_else(|| varied_age(case))?;
    // All that are opened together and end together, as with a restart, agree in one age.
    let ages = if reuse::refills(figures) {
        cluster.count.min(figures.opens_with_none)
    } else {
        cluster.count
    };
    if ages < MIN_ALIKE || !are_streams && looks_like_idle_timeout(case) {
        return None;
    }
    let explanation = case.say(|| {
        format!(
            "{}; {} ended {} at an age of {} ({}), whatever had been sent",
            words::opened(case),
            match (by_server, by_client) {
                (true, _) => "the server",
                (_, true) => "the client",
                _ => "one end or the other",
            },
            words::number(figures.closes),
            words::duration(figures.age.p50_ns.unwrap_or(cluster.low_ns)),
            words::spread(&cluster),
        )
    });
    Some(Match {
        confidence: match constant {
            Some(_) => confidence(cluster.count, figures.closes),
            None => confidence(cluster.count, figures.closes).min(0.75),
        },
        explanation,
    })
}

/// The ages, if the server varies its limit so that not all clients come back at once, as gRPC does. Ages
/// that lie as far apart say less: all connections carried several requests and were in use to the end, and
/// the server ended them, not with an answer after which it ends each. It says so beforehand, and its client
/// is at times quicker.
fn varied_age(case: &Case<'_>) -> Option<Cluster> {
    let figures = case.figures;
    let ages = figures.age.cluster.filter(|ages| {
        ages.count == figures.age.count
            && ages.count >= case.thresholds.min_closes
            && share(ages.width_ns(), ages.high_ns) <= VARIED_AGE_SHARE
    })?;
    let by_server = share(figures.server_fin, figures.closes) >= ANNOUNCED;
    let in_use = figures.idle.p50_ns.zip(figures.age.p50_ns);
    let in_use = in_use.is_some_and(|(idle, age)| 2 * idle < age);
    let (turns, of) = (&figures.turns, figures.turns.connections());
    let several = turns.sum >= least_limit(figures) * of;
    let may_be_limit = figures.end_at_once(case.thresholds) && habitual(turns.like_the_most(), of);
    (by_server && in_use && several && !may_be_limit).then_some(ages)
}

/// Whether all idle times but one are alike, and too long for an end that follows the last request. Clients
/// with a steady rhythm are then of the same age too when the timeout ends their connections, and a single
/// time that a busy server measured otherwise does not make their age the cause.
fn looks_like_idle_timeout(case: &Case<'_>) -> bool {
    let idle = &case.figures.idle;
    let most = idle.cluster.filter(|cluster| cluster.count + 1 >= idle.count);
    let constant = case.constant_idle().map(|(cluster, _)| cluster);
    constant
        .or(most)
        .is_some_and(|alike| alike.low_ns >= case.thresholds.server_at_once)
}

//! The clients of a fleet, and what they themselves say about their connections.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use procfs::{net::TcpState, process::Process};
use rustix::thread::gettid;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::network::{client, front};
use crate::{
    eventually,
    scenarios::{
        Behaviour, Door,
        behaviour::Notices,
        client::{Client, Tally},
        connection::Way,
        ms,
    },
};

/// Clients begin at random times within this.
const BEGIN_WITHIN: Duration = Duration::from_secs(1);

/// How long nothing may happen before the log is taken to be complete.
const QUIET: Duration = Duration::from_secs(1);

/// Clients of one behaviour.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name in the table.
    pub name: &'static str,
    /// How many there are.
    pub clients: u16,
    /// What each does.
    pub behaviour: Behaviour,
    /// Whether the balancer goes round the hosts for each of them apart.
    pub in_turn: bool,
    /// Each of these verdicts on the client of the service is right.
    pub verdicts: &'static [&'static str],
    /// The same for what a single host can say. Empty: anything.
    pub on_a_host: &'static [&'static str],
}

/// All clients, given how long they act and over how many hosts.
pub(super) fn kinds(time: Duration, hosts: u8) -> Vec<Kind> {
    let kind = |name, clients, behaviour, verdicts, on_a_host| Kind {
        name,
        clients,
        behaviour,
        in_turn: false,
        verdicts,
        on_a_host,
    };
    let fresh = |pause| Behaviour::Fresh {
        hold: ms(10),
        pause,
        asks: false,
    };
    vec![
        kind(
            "keeps one connection",
            12,
            Behaviour::Reuse {
                connections: 1,
                hold: ms(10),
                pause: ms(400),
                notices: Notices::AtOnce,
            },
            &["reusing"],
            &["reusing"],
        ),
        Kind {
            in_turn: true,
            ..kind(
                "one connection on each host",
                2,
                Behaviour::Pile {
                    at_once: 1,
                    every: time / (u32::from(hosts) + 2),
                    most: hosts.into(),
                    hold: ms(10),
                    pause: ms(400),
                },
                &["piling-up"],
                &["reusing"],
            )
        },
        Kind {
            in_turn: true,
            ..kind(
                "a new connection now and then",
                3,
                // Three for each host.
                fresh(time / (3 * u32::from(hosts))),
                &["fresh-per-request"],
                &["insufficient-data", "reusing"],
            )
        },
        kind(
            "a new connection for each request",
            2,
            fresh(ms(300)),
            &["fresh-per-request"],
            &["fresh-per-request"],
        ),
        kind(
            "many behind one address",
            2,
            Behaviour::Members {
                members: 4 * u16::from(hosts),
                stay: ms(4000),
                away: ms(150),
                hold: ms(10),
                pause: ms(300),
            },
            &["reusing", "many-held"],
            &["reusing", "many-held", "insufficient-data"],
        ),
    ]
}

/// What a client says of its own connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Which kind it is, by its place in the list.
    pub kind: usize,
    /// Connections opened.
    pub opened: u64,
    /// Requests answered.
    pub requests: u64,
    /// Connections open in the end, as the clients' own kernel lists them.
    pub held: u64,
}

/// Clients at work.
pub(super) struct Clients {
    runtime: Runtime,
    _tasks: JoinSet<()>,
    tallies: Vec<(Ipv4Addr, usize, Arc<Tally>)>,
}

impl Clients {
    /// Starts them in the calling thread's network namespace. They stop at the end of `time`, with the
    /// connections that they then hold.
    pub(super) fn start(kinds: &[Kind], time: Duration) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let inside = runtime.enter();
        let end = Instant::now() + time;
        let (mut tasks, mut tallies) = (JoinSet::new(), Vec::new());
        for (n, (number, kind)) in numbered(kinds) {
            let tally = Arc::new(Tally::default());
            let way = Way {
                address: front().into(),
                door: Door::http(front().1),
                tls: None,
            };
            let address = client(n);
            let mut one = Client::new(address.into(), way, Arc::clone(&tally), u64::from(n) + 1).until(end);
            let behaviour = kind.behaviour.clone();
            tasks.spawn(async move {
                one.wait_within(BEGIN_WITHIN).await;
                let _: Infallible = one.run(behaviour).await;
            });
            tallies.push((address, number, tally));
        }
        drop(inside);
        Self {
            runtime,
            _tasks: tasks,
            tallies,
        }
    }

    /// Waits until they have stopped, and returns the log.
    pub(super) fn finish(&self, time: Duration) -> BTreeMap<IpAddr, Logged> {
        self.runtime
            .block_on(async { sleep_until(Instant::now() + time).await });
        let mut log = self.log();
        eventually("nothing more to happen", || {
            thread::sleep(QUIET);
            let now = self.log();
            std::mem::replace(&mut log, now.clone()) == now
        });
        log
    }

    fn log(&self) -> BTreeMap<IpAddr, Logged> {
        let held = held();
        let logged = |(address, kind, tally): &(Ipv4Addr, usize, Arc<Tally>)| {
            let failed = tally.failed.load(Ordering::Relaxed);
            assert_eq!(failed, 0, "{address} failed");
            let logged = Logged {
                kind: *kind,
                opened: tally.opened.load(Ordering::Relaxed),
                requests: tally.polls.load(Ordering::Relaxed),
                held: held.get(address).copied().unwrap_or(0),
            };
            (IpAddr::from(*address), logged)
        };
        self.tallies.iter().map(logged).collect()
    }
}

/// The number of each client, with its kind and the number of that.
pub(super) fn numbered(kinds: &[Kind]) -> impl Iterator<Item = (u16, (usize, &Kind))> {
    let each = kinds.iter().enumerate();
    (0..).zip(each.flat_map(|one| std::iter::repeat_n(one, one.1.clients.into())))
}

/// The connections that are open in the calling thread's namespace, by local address.
fn held() -> BTreeMap<Ipv4Addr, u64> {
    let thread = gettid().as_raw_nonzero();
    let here =
        Process::new_with_root(PathBuf::from(format!("/proc/self/task/{thread}"))).expect("this thread");
    let mut held = BTreeMap::new();
    for socket in here.tcp().expect("the socket list") {
        if let (TcpState::Established, IpAddr::V4(address)) = (socket.state, socket.local_address.ip()) {
            *held.entry(address).or_default() += 1;
        }
    }
    held
}

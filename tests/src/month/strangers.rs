//! Peers that come once.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use super::{PATIENCE, Plan};
use crate::traffic::{abort, pair};

/// Where those of IPv6 come from, one address each.
pub(super) const NETWORK: &str = "2001:db8::/64";

const FIRST_SIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 1, 0, 0);

/// Far from the addresses of the steady peers.
const FIRST_FOUR: Ipv4Addr = Ipv4Addr::new(127, 240, 0, 0);

/// Threads that act as strangers and as their servers.
const WORKERS: u32 = 2;

/// One in this many strangers comes over IPv6.
pub(super) const SIX: u32 = 4;

/// One in this many asks for something.
const ASKS: u32 = 3;

/// How far they may fall behind their rate and catch up.
const BEHIND: Duration = Duration::from_millis(100);

/// The servers, before anybody comes.
pub(super) struct Strangers {
    plan: Plan,
    listeners: Vec<TcpListener>,
}

/// Strangers on their way.
pub(super) struct Work {
    workers: Vec<JoinHandle<u64>>,
    working: Arc<AtomicUsize>,
    come: Arc<AtomicU32>,
}

impl Strangers {
    /// Starts the servers, one for each worker.
    pub(super) fn prepare(plan: Plan) -> Self {
        let listener = |_| {
            let socket = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
            socket.set_only_v6(false).expect("a dual-stack socket");
            let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
            socket.bind(&any.into()).expect("a port");
            socket.listen(128).expect("listen");
            TcpListener::from(socket)
        };
        Self {
            plan,
            listeners: (0..WORKERS).map(listener).collect(),
        }
    }

    /// Their ports, for `--port`.
    pub(super) fn ports(&self) -> String {
        let ports = self.listeners.iter().map(|listener| port(listener).to_string());
        ports.collect::<Vec<_>>().join(",")
    }

    /// Lets them come.
    pub(super) fn begin(self) -> Work {
        let working = Arc::new(AtomicUsize::new(self.listeners.len()));
        let come_so_far = Arc::new(AtomicU32::new(0));
        let plan = self.plan;
        let worker = |(first, listener): (u32, TcpListener)| {
            let (working, come_so_far) = (Arc::clone(&working), Arc::clone(&come_so_far));
            thread::spawn(move || {
                let opened = come(plan, first, &listener, &come_so_far);
                working.fetch_sub(1, Ordering::Relaxed);
                opened
            })
        };
        Work {
            workers: (0..).zip(self.listeners).map(worker).collect(),
            working,
            come: come_so_far,
        }
    }
}

impl Work {
    /// How many have come.
    pub(super) fn come(&self) -> u32 {
        self.come.load(Ordering::Relaxed)
    }

    /// Whether all have come.
    pub(super) fn is_over(&self) -> bool {
        self.working.load(Ordering::Relaxed) == 0
    }

    /// How many connections they opened.
    pub(super) fn end(self) -> u64 {
        let opened = |worker: JoinHandle<u64>| worker.join().expect("a worker without a surprise");
        self.workers.into_iter().map(opened).sum()
    }
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("the listener's address").port()
}

/// The strangers of one worker.
fn come(plan: Plan, first: u32, listener: &TcpListener, come_so_far: &AtomicU32) -> u64 {
    let port = port(listener);
    let apart = Duration::from_secs(1) * WORKERS / plan.per_second;
    let (mut due, mut opened) = (Instant::now(), 0);
    for number in (first..plan.strangers).step_by(WORKERS as usize) {
        let now = Instant::now();
        thread::sleep(due.saturating_duration_since(now));
        // What falls far behind does not catch up in one burst.
        due = due.max(now.checked_sub(BEHIND).unwrap_or(now)) + apart;
        let (from, to): (IpAddr, IpAddr) = if number.is_multiple_of(SIX) {
            let from = Ipv6Addr::from_bits(FIRST_SIX.to_bits() + u128::from(number));
            (from.into(), Ipv6Addr::LOCALHOST.into())
        } else {
            let from = Ipv4Addr::from_bits(FIRST_FOUR.to_bits() + number);
            (from.into(), Ipv4Addr::LOCALHOST.into())
        };
        let (mut client, mut accepted) = pair(from, SocketAddr::new(to, port), listener);
        for end in [&client, &accepted] {
            end.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        }
        if number.is_multiple_of(ASKS) {
            say(&mut client, &mut accepted);
            say(&mut accepted, &mut client);
        }
        abort(client);
        drop(accepted);
        opened += 1;
        come_so_far.fetch_add(1, Ordering::Relaxed);
    }
    opened
}

/// One byte from one end to the other.
fn say(from: &mut TcpStream, to: &mut TcpStream) {
    from.write_all(b"x").expect("a byte sent");
    to.read_exact(&mut [0]).expect("a byte");
}

//! Peers that stay, with behaviour that does not change.

use std::{
    fmt,
    io::Read,
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{PATIENCE, UNDECIDED};
use crate::traffic::{connect, source, turn};

/// How often each of them does something.
const EVERY: Duration = Duration::from_millis(500);

/// What a steady peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// It holds a connection and makes all its requests there.
    Reuses,
    /// It opens a connection for each request.
    Wastes,
}

impl Behaviour {
    /// Whether a verdict is right.
    pub(super) fn deserves(self, verdict: &str) -> bool {
        match self {
            Self::Reuses => verdict == "reusing",
            Self::Wastes => ![UNDECIDED, "reusing"].contains(&verdict) && !verdict.starts_with("none"),
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reuses => "reuses its connection",
            Self::Wastes => "opens a connection for each request",
        })
    }
}

/// All of them, in a thread for each behaviour.
pub(super) struct Steady {
    peers: Vec<(IpAddr, Behaviour)>,
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<TcpStream>>>,
}

/// What is left when they have stopped.
pub(super) struct Rest {
    /// Who did what.
    pub(super) peers: Vec<(IpAddr, Behaviour)>,
    /// How many connections they opened.
    pub(super) opened: u64,
    /// What they hold.
    pub(super) held: Vec<TcpStream>,
}

impl Steady {
    /// Starts this many.
    pub(super) fn start(count: u16, server: SocketAddr) -> Self {
        let behaviour = |n: u16| match n % 2 {
            0 => Behaviour::Reuses,
            _ => Behaviour::Wastes,
        };
        let peers: Vec<_> = (0..count).map(|n| (source(n), behaviour(n))).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let opened = Arc::new(AtomicU64::new(0));
        let threads = [Behaviour::Reuses, Behaviour::Wastes].map(|which| {
            let ours: Vec<IpAddr> = peers
                .iter()
                .filter(|(_, behaviour)| *behaviour == which)
                .map(|(address, _)| *address)
                .collect();
            let (stop, opened) = (Arc::clone(&stop), Arc::clone(&opened));
            thread::spawn(move || {
                let mut held: Vec<TcpStream> = Vec::new();
                if which == Behaviour::Reuses {
                    held.extend(ours.iter().map(|address| patient(*address, server)));
                    opened.fetch_add(ours.len() as u64, Ordering::Relaxed);
                }
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    held.iter_mut().for_each(turn);
                    if which == Behaviour::Wastes {
                        ours.iter().for_each(|address| visit(*address, server));
                        opened.fetch_add(ours.len() as u64, Ordering::Relaxed);
                    }
                    thread::sleep(EVERY.saturating_sub(begun.elapsed()));
                }
                held
            })
        });
        Self {
            peers,
            stop,
            opened,
            threads: threads.into(),
        }
    }

    /// Stops them. What they hold stays open.
    pub(super) fn stop(self) -> Rest {
        self.stop.store(true, Ordering::Relaxed);
        let threads = self.threads.into_iter();
        let held = threads
            .flat_map(|thread| thread.join().expect("a thread without a surprise"))
            .collect();
        // The server closes what was visited.
        thread::sleep(EVERY);
        Rest {
            peers: self.peers,
            opened: self.opened.load(Ordering::Relaxed),
            held,
        }
    }
}

fn patient(from: IpAddr, server: SocketAddr) -> TcpStream {
    let stream = connect(from, server).unwrap_or_else(|error| panic!("{from} to {server}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream
}

/// Connects, makes one turn, closes, and waits until the server has closed too.
fn visit(from: IpAddr, server: SocketAddr) {
    let mut stream = patient(from, server);
    turn(&mut stream);
    stream.shutdown(Shutdown::Write).expect("a FIN sent");
    assert_eq!(stream.read(&mut [0]).expect("the server's FIN"), 0);
}

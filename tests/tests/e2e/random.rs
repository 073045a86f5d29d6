//! Random traffic with several seeds: many peers, every way to close, both directions, three namespaces, and
//! a tracer attached halfway. The traffic's log is the truth.

use std::{
    collections::BTreeMap,
    io::Read,
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use socket2::SockRef;
use tcpreuse::testing::{
    kernel::settings::Settings,
    model::{
        peer::{Closes, Direction},
        sample::Sample,
    },
    source::live::Live,
};
use tcpreuse_tests::{
    eventually,
    namespace::{Namespace, Resident},
    need_root,
    pace::load,
    random::Random,
    traffic::{connect, source},
};
use tracer_ebpf::{
    hooks::STATE,
    transition::{DESTROYED, step},
};

const NAMESPACES: usize = 3;
const PEERS: u64 = 70;
const STEPS: u64 = 700;

/// What a peer did, according to the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Log {
    seeded: u64,
    opens: u64,
    open_now: u64,
    close_wait_now: u64,
    failed: u64,
    closes: Closes,
}

type Logs = BTreeMap<(u32, Direction, IpAddr), Log>;

/// Both ends of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    source: IpAddr,
    half_closed: bool,
}

/// Counts the close reason of one end.
type Note = fn(&mut Closes);

/// The traffic of one namespace, and its log.
struct Traffic {
    netns: u32,
    _resident: Resident,
    listener: TcpListener,
    server: SocketAddr,
    random: Random,
    pairs: Vec<Pair>,
    traced: bool,
    logs: Logs,
}

impl Traffic {
    fn new(seed: u64) -> Self {
        let namespace = Namespace::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        Self {
            netns: namespace.inode,
            _resident: namespace.resident(),
            listener,
            server,
            random: Random::new(seed),
            pairs: Vec::new(),
            traced: false,
            logs: Logs::new(),
        }
    }

    /// Updates the log for both ends of a connection.
    fn note(&mut self, client: IpAddr, what: impl Fn(&mut Log, Direction)) {
        let inbound = (self.netns, Direction::Inbound, client);
        let outbound = (self.netns, Direction::Outbound, self.server.ip());
        what(self.logs.entry(inbound).or_default(), Direction::Inbound);
        what(self.logs.entry(outbound).or_default(), Direction::Outbound);
    }

    fn step(&mut self) {
        let room = self.pairs.len();
        match self.random.below(100) {
            0..45 => self.open(),
            45..48 => self.refused(),
            48..60 if room > 0 => self.half_close(),
            _ if room > 0 => {
                let index = usize::try_from(self.random.below(room as u64)).unwrap();
                let pair = self.pairs.swap_remove(index);
                self.close(pair);
            }
            _ => self.open(),
        }
    }

    fn open(&mut self) {
        let source = source(u16::try_from(self.random.below(PEERS)).unwrap());
        let client = connect(source, self.server).unwrap();
        let (server, _) = self.listener.accept().unwrap();
        let traced = self.traced;
        self.pairs.push(Pair {
            client,
            server,
            source,
            half_closed: false,
        });
        self.note(source, |log, _| {
            log.opens += u64::from(traced);
            log.open_now += 1;
        });
    }

    /// Connects to an address on which nothing listens.
    fn refused(&mut self) {
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 7)), self.server.port());
        connect(source(0), nobody).unwrap_err();
        if self.traced {
            self.logs
                .entry((self.netns, Direction::Outbound, nobody.ip()))
                .or_default()
                .failed += 1;
        }
    }

    /// The client closes and the server does not yet, which leaves it in CLOSE_WAIT.
    fn half_close(&mut self) {
        let index = usize::try_from(self.random.below(self.pairs.len() as u64)).unwrap();
        let Some(pair) = self.pairs.get_mut(index).filter(|pair| !pair.half_closed) else {
            return;
        };
        pair.client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(pair.server.read(&mut [0]).unwrap(), 0);
        pair.half_closed = true;
        let key = (self.netns, Direction::Inbound, pair.source);
        self.logs.entry(key).or_default().close_wait_now += 1;
    }

    /// Ends a connection in one of many ways and waits until the other end knows. Under load the kernel may
    /// deliver the news late, or a child just forked by another test may keep the socket open; if the other
    /// end closed meanwhile, it would be first.
    fn close(&mut self, mut pair: Pair) {
        let (source, half_closed) = (pair.source, pair.half_closed);
        let way = if half_closed {
            self.random.below(2)
        } else {
            self.random.below(5)
        };
        // The reasons reported at the server's end and at the client's end.
        let ends: (Note, Note) = match way {
            // The client's FIN comes first.
            0 => {
                if !half_closed {
                    pair.client.shutdown(Shutdown::Write).unwrap();
                    assert_eq!(pair.server.read(&mut [0]).unwrap(), 0);
                }
                drop(pair.server);
                assert_eq!(pair.client.read(&mut [0]).unwrap(), 0);
                drop(pair.client);
                (|of| of.remote_fin += 1, |of| of.local_fin += 1)
            }
            // An RST in CLOSE_WAIT does not change who was first.
            1 if half_closed => {
                SockRef::from(&pair.client)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                drop(pair.client);
                (|of| of.remote_fin += 1, |of| of.local_fin += 1)
            }
            // The server's FIN comes first.
            1 => {
                pair.server.shutdown(Shutdown::Write).unwrap();
                assert_eq!(pair.client.read(&mut [0]).unwrap(), 0);
                drop(pair.client);
                assert_eq!(pair.server.read(&mut [0]).unwrap(), 0);
                drop(pair.server);
                (|of| of.local_fin += 1, |of| of.remote_fin += 1)
            }
            2 => {
                SockRef::from(&pair.client)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                drop(pair.client);
                pair.server.read(&mut [0]).unwrap_err();
                (|of| of.remote_rst += 1, |of| of.local_rst += 1)
            }
            3 => {
                SockRef::from(&pair.server)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
                drop(pair.server);
                pair.client.read(&mut [0]).unwrap_err();
                (|of| of.local_rst += 1, |of| of.remote_rst += 1)
            }
            // The server closes with unread data.
            _ => {
                use std::io::Write;
                pair.client.write_all(b"unread").unwrap();
                eventually("the data to arrive", || {
                    pair.server.peek(&mut [0; 6]).unwrap() == 6
                });
                drop(pair.server);
                pair.client.read(&mut [0]).unwrap_err();
                (|of| of.local_rst += 1, |of| of.remote_rst += 1)
            }
        };
        // Connections that end before tracing leave no trace.
        let traced = self.traced;
        self.note(source, |log, direction| {
            log.open_now -= 1;
            if half_closed && direction == Direction::Inbound {
                log.close_wait_now -= 1;
            }
            if traced {
                let end = if direction == Direction::Inbound {
                    ends.0
                } else {
                    ends.1
                };
                end(&mut log.closes);
            }
        });
    }

    /// Everything open at this point is seeded.
    fn tracing_begins(&mut self) {
        self.traced = true;
        for log in self.logs.values_mut() {
            log.seeded = log.open_now;
        }
    }
}

/// The tracer's counts. It has one outbound peer per process, but the log combines them: connections from
/// before tracing have no process if their holder was not found.
fn counted(sample: &Sample) -> Logs {
    let mut logs = Logs::new();
    for peer in &sample.peers {
        let counters = &peer.counters;
        let log = logs
            .entry((peer.id.netns, peer.id.direction, peer.id.network.addr()))
            .or_default();
        log.seeded += counters.seeded;
        log.opens += counters.opens();
        log.open_now += counters.open_now;
        log.close_wait_now += counters.close_wait_now;
        log.failed += counters.failed;
        log.closes.add(&counters.closes);
    }
    logs
}

/// Runs the traffic of each namespace in its own thread, one phase at a time.
fn run(seed: u64, miss: u8, further: bool) {
    let (to_start, start): (Vec<_>, Vec<_>) =
        (0..NAMESPACES).map(|_| std::sync::mpsc::channel::<()>()).unzip();
    let (done, to_done) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for (index, start) in (0_u64..).zip(start) {
            let done = done.clone();
            scope.spawn(move || {
                let mut traffic = Traffic::new(seed * 10 + index);
                (0..STEPS / 3).for_each(|_| traffic.step());
                done.send((traffic.netns, Logs::new())).unwrap();
                start.recv().unwrap();
                traffic.tracing_begins();
                (0..STEPS).for_each(|_| traffic.step());
                done.send((traffic.netns, traffic.logs.clone())).unwrap();
                start.recv().unwrap();
            });
        }
        let ours: Vec<u32> = (0..NAMESPACES).map(|_| to_done.recv().unwrap().0).collect();
        let mut live = Live::start(&Settings {
            miss,
            further,
            ..Settings::default()
        })
        .unwrap();
        to_start.iter().for_each(|start| start.send(()).unwrap());
        let mut truth = Logs::new();
        (0..NAMESPACES).for_each(|_| truth.extend(to_done.recv().unwrap().1));
        let hides_failures = miss & DESTROYED != 0;
        if hides_failures {
            // Nothing is left of a connect that failed unseen.
            truth.values_mut().for_each(|log| log.failed = 0);
        }
        truth.retain(|_, log| *log != Log::default());
        let of_ours = |sample: &Sample| {
            let mut logs = counted(sample);
            if hides_failures {
                logs.values_mut().for_each(|log| log.failed = 0);
            }
            logs.retain(|(netns, ..), log| ours.contains(netns) && *log != Log::default());
            logs
        };
        // The last ACKs may still be in flight.
        let mut sample = live.sample().unwrap();
        for _ in 0..50 {
            if of_ours(&sample) == truth {
                break;
            }
            thread::sleep(Duration::from_millis(20));
            sample = live.sample().unwrap();
        }
        let counted = of_ours(&sample);
        to_start.iter().for_each(|start| start.send(()).unwrap());
        for (key, log) in &truth {
            assert_eq!(
                counted.get(key),
                Some(log),
                "seed {seed}, missing {miss:#b}: {key:?} with {:?}",
                sample.losses
            );
        }
        assert_eq!(counted.len(), truth.len(), "seed {seed}");
        assert_eq!(sample.losses.programs_skipped, 0);
        let has_further = live
            .tracer()
            .programs()
            .any(|(name, program)| STATE.further.contains(&name) && program.info().is_ok());
        assert!(has_further || !further);
        assert!(has_further || miss == 0 || sample.losses.nested.rescued > 0);
    });
}

#[test]
fn counts_equal_the_log_with_twenty_seeds() {
    need_root!();
    (1..=load(20)).for_each(|seed| run(seed, 0, false));
}

/// Simulates that the kernel skips the program for every state change made in a softirq, the only changes it
/// can skip, and then the end of every socket too. The open and the end of one connection are not skipped
/// together, because nothing would reveal that connection.
#[test]
fn what_is_missed_is_made_up_for() {
    need_root!();
    for miss in [
        step::OPENED,
        step::REMOTE_FIN,
        step::ENDED,
        step::OPENED | step::REMOTE_FIN,
        step::ENDED | DESTROYED,
    ] {
        (1..=load(3)).for_each(|seed| run(seed, miss, false));
    }
}

/// What the first programs are skipped for is done by the further ones, at once and once; and nothing is done
/// twice where they are not. Of some connections the first programs see nothing at all.
#[test]
fn further_programs_do_what_the_first_were_skipped_for() {
    need_root!();
    let all = step::OPENED | step::REMOTE_FIN | step::ENDED | DESTROYED;
    for miss in [0, step::OPENED, step::REMOTE_FIN, step::ENDED, all] {
        (1..=load(3)).for_each(|seed| run(seed, miss, true));
    }
}

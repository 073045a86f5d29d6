//! Connections that are remembered as open though their sockets are gone.
//!
//! The programs see a connection's end twice: as a change of state and when the kernel destroys the socket. A
//! kernel may skip both in silence, and then nothing in it ever mentions the connection again. The counts
//! exceed the list of sockets by one from then on, which is when [`Tracer::sweep`] looks for the difference.
//!
//! Of a connect whose failure was hidden so, nothing was counted. It only takes a place, until
//! [`Tracer::forget_connects`] finds it there for too long.

use std::{
    os::fd::BorrowedFd,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Relaxed},
    },
    thread,
    time::Duration,
};

use aya::maps::{HashMap, MapData};
use hashbrown::HashSet;
use rustix::mm::ProtFlags;
use tracer_ebpf::{
    abi::conn::{Conn, flag, phase},
    hooks::LIST,
    transition::unseen_reason,
};

use super::{TraceError, decode, mapping::Mapping, settings::Settings, sockets, tracer::Tracer};

/// A socket that is not listed twice, this long apart, is gone. It leaves the kernel's table of sockets just
/// before its last change of state, in the same softirq.
const APART: Duration = Duration::from_millis(50);

/// The table of connections, which the programs go on changing.
pub(super) struct Places {
    places: Mapping,
    /// The cookies of the sockets that have them, and behind these the number of connections elsewhere.
    cookies: Mapping,
    count: usize,
    /// The connections that found no place.
    others: HashMap<MapData, u64, Conn>,
    /// The sockets that were connecting when that was looked at last.
    connecting: HashSet<u64>,
    /// When that is looked at next; monotonic, ns.
    next_look_ns: u64,
    /// See [`Settings::longest_connect`].
    longest_connect_ns: u64,
}

/// A connection that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    cookie: u64,
    /// `None`: it found no place.
    place: Option<usize>,
    slot: u32,
    reason: u8,
    phase: u8,
}

impl Remembered {
    fn new(cookie: u64, place: Option<usize>, conn: &Conn) -> Self {
        Self {
            cookie,
            place,
            slot: conn.slot,
            reason: unseen_reason(conn.reason, conn.flags & flag::RST_RECEIVED != 0),
            phase: conn.phase,
        }
    }

    fn is_connecting(&self) -> bool {
        self.phase == phase::CONNECTING
    }
}

impl Places {
    /// Maps the table that was made with these settings.
    pub(super) fn map(
        (places, cookies): (BorrowedFd<'_>, BorrowedFd<'_>),
        others: HashMap<MapData, u64, Conn>,
        settings: &Settings,
    ) -> Result<Self, TraceError> {
        const WHAT: &str = "the table of connections";
        let count = settings.places() as usize;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self {
            places: Mapping::new(places, count * size_of::<Conn>(), ProtFlags::READ, WHAT)?,
            cookies: Mapping::new(cookies, (count + 1) * size_of::<u64>(), access, WHAT)?,
            count,
            others,
            connecting: HashSet::new(),
            next_look_ns: 0,
            longest_connect_ns: u64::try_from(settings.longest_connect.as_nanos()).unwrap_or(u64::MAX),
        })
    }

    /// The connections that are remembered.
    fn all(&self) -> impl Iterator<Item = Remembered> {
        let others = self.others.iter().flatten();
        let others = others.map(|(cookie, conn)| Remembered::new(cookie, None, &conn));
        (0..self.count).filter_map(|place| self.at(place)).chain(others)
    }

    /// Those that are counted as open.
    fn open(&self) -> Vec<Remembered> {
        self.all().filter(|one| !one.is_connecting()).collect()
    }

    /// Forgets the sockets that have been connecting since the last look.
    fn forget_connects(&mut self, now_ns: u64) {
        if now_ns < self.next_look_ns {
            return;
        }
        self.next_look_ns = now_ns.saturating_add(self.longest_connect_ns);
        let all: Vec<Remembered> = self.all().filter(Remembered::is_connecting).collect();
        let (gone, new): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|one| self.connecting.contains(&one.cookie));
        self.connecting = new.into_iter().map(|one| one.cookie).collect();
        for one in gone {
            self.forget(&one);
        }
    }

    fn at(&self, place: usize) -> Option<Remembered> {
        let cookie = self.cookie(place)?.load(Relaxed);
        if cookie == 0 {
            return None;
        }
        let bytes = self
            .places
            .copy::<{ size_of::<Conn>() }>(place * size_of::<Conn>())?;
        let conn = decode::read(&bytes).ok()?;
        Some(Remembered::new(cookie, Some(place), &conn))
    }

    /// The cookie in a place; behind the last, the number of connections that are not in the place of their
    /// cookie.
    fn cookie(&self, place: usize) -> Option<&AtomicU64> {
        self.cookies.atomic_u64(place * size_of::<u64>())
    }

    /// Forgets a connection; `false` if the programs did so first.
    fn forget(&mut self, one: &Remembered) -> bool {
        let done = match one.place {
            Some(place) => self
                .cookie(place)
                .is_some_and(|there| there.compare_exchange(one.cookie, 0, AcqRel, Relaxed).is_ok()),
            None => self.others.remove(&one.cookie).is_ok(),
        };
        let home = usize::try_from(one.cookie).map(|cookie| cookie & (self.count - 1));
        if done
            && one.place != home.ok()
            && let Some(elsewhere) = self.cookie(self.count)
        {
            elsewhere.fetch_sub(1, Relaxed);
        }
        done
    }
}

impl Tracer {
    /// Ends the connections whose sockets are gone, and returns their number. Those in namespaces that cannot
    /// be walked stay as they are.
    ///
    /// # Errors
    /// If the sockets cannot be listed.
    pub fn sweep(&mut self) -> Result<u64, TraceError> {
        let only = self.filter.netns;
        // First, so that whatever opens from now on is not among them.
        let mut gone = self.places.open();
        for again in [true, false] {
            let (listed, namespaces) = sockets::cookies(self.iterator(LIST)?, only)?;
            gone.retain(|one| !listed.contains(&one.cookie) && self.is_within(one.slot, &namespaces));
            if gone.is_empty() {
                return Ok(0);
            }
            if again {
                thread::sleep(APART);
            }
        }
        let mut ended = 0;
        for one in gone {
            if self.places.forget(&one) {
                let in_close_wait = one.phase == phase::CLOSE_WAIT;
                self.table.end(one.slot as usize, one.reason, in_close_wait);
                ended += 1;
            }
        }
        self.swept += ended;
        Ok(ended)
    }

    /// Forgets the sockets that have been connecting for longer than any connect takes, so that places are
    /// free again that the programs would not give back.
    pub fn forget_connects(&mut self, now_ns: u64) {
        self.places.forget_connects(now_ns);
    }

    /// Whether a slot's sockets are in one of these namespaces. Those of the peers that share slot 0 may be
    /// anywhere.
    fn is_within(&self, slot: u32, namespaces: &[u32]) -> bool {
        if slot == 0 {
            return self.filter.netns.is_some_and(|only| namespaces.contains(&only));
        }
        let key = self.table.key(slot as usize).and_then(Result::ok);
        key.is_some_and(|key| namespaces.contains(&key.netns))
    }
}

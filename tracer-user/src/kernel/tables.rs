//! The tables that the programs access without a look-up ([`tracer_ebpf::relocation::table`]).

use std::os::fd::{AsFd, BorrowedFd};

use aya::maps::MapData;
use aya_obj::generated::{BPF_F_MMAPABLE, bpf_map_type::BPF_MAP_TYPE_ARRAY};
use tracer_ebpf::{
    abi::{conn::Conn, peer::PeerStats, ring},
    index,
    relocation::table,
};

use super::{TraceError, load::refused_map, settings::Settings};

/// The maps, each an array of one value.
pub(super) struct Tables {
    peers: MapData,
    index: MapData,
    places: MapData,
    cookies: MapData,
    ring: MapData,
}

impl Tables {
    /// Creates them, the table of peers with that many slots.
    pub(super) fn create(settings: &Settings, slots: u32) -> Result<Self, TraceError> {
        let places = settings.places();
        Ok(Self {
            peers: array("PEERS", slots, size_of::<PeerStats>())?,
            index: array("INDEX", index::cells(settings.max_peers), size_of::<u64>())?,
            places: array("PLACES", places, size_of::<Conn>())?,
            // One more is the number of connections that are in no place of their own.
            cookies: array("COOKIES", places + 1, size_of::<u64>())?,
            ring: array("RING", 1, ring::bytes(settings.ring_entries() as usize))?,
        })
    }

    /// Their file descriptors, in the order of their numbers.
    pub(super) fn fds(&self) -> [BorrowedFd<'_>; table::COUNT] {
        const _: () = assert!(table::PEERS == 0 && table::INDEX == 1 && table::PLACES == 2);
        const _: () = assert!(table::COOKIES == 3 && table::RING == 4);
        [&self.peers, &self.index, &self.places, &self.cookies, &self.ring].map(|map| map.fd().as_fd())
    }

    /// The table of peers.
    pub(super) fn peers(&self) -> BorrowedFd<'_> {
        self.peers.fd().as_fd()
    }

    /// The index of peers.
    pub(super) fn index(&self) -> BorrowedFd<'_> {
        self.index.fd().as_fd()
    }

    /// The tables of connections and of their cookies.
    pub(super) fn connections(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.places.fd().as_fd(), self.cookies.fd().as_fd())
    }

    /// The ring of records.
    pub(super) fn ring(&self) -> BorrowedFd<'_> {
        self.ring.fd().as_fd()
    }
}

/// A map with one value, of `entries` entries. All are mmapable, which also aligns the value to a
/// page.
fn array(name: &str, entries: u32, bytes: usize) -> Result<MapData, TraceError> {
    const KEY: u32 = u32::BITS / u8::BITS;
    let size = u32::try_from(bytes)
        .ok()
        .and_then(|bytes| entries.checked_mul(bytes));
    let size = size.ok_or_else(|| TraceError::TooLarge { map: name.to_owned() })?;
    let array = aya_obj::Map::new_from_params(BPF_MAP_TYPE_ARRAY as u32, KEY, size, 1, BPF_F_MMAPABLE);
    MapData::create(array, name, None).map_err(|error| refused_map(&error))
}

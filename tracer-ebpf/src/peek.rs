//! Looks at the first bytes that a process has just read, in its own buffer, to tell what it reads
//! ([`tracer_ebpf::talk`]).
//!
//! The system call's registers say where the buffer is. Nine bytes at most are compared and dropped again.
//! What the registers do not show is unknown: io_uring, splice, TLS in the kernel, system calls of 32 bits,
//! machines that [`crate::registers`] does not know.

use core::hint::cold_path;

use aya_ebpf::helpers::generated::{bpf_probe_read_user, bpf_probe_read_user_str};
use tracer_ebpf::{
    abi::{
        conn::{Conn, Heard, flag},
        peer::direction,
    },
    talk::{self, HEAD, Head, Talk, brought, protocol},
};

use crate::{
    atomic::field,
    leave,
    maps::{opaque, stats},
    registers::{Registers, call},
    sock::TcpSock,
};

/// Offset of the buffers in a `struct msghdr` of user space.
const MSG_IOV: u64 = 16;

/// Where a process reads to, laid out as a `struct iovec`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Buffer {
    base: u64,
    bytes: u64,
}

impl Buffer {
    /// It cannot be told.
    const UNKNOWN: Self = Self { base: 0, bytes: 0 };
}

/// One read, as far as it has been told. On the stack of its program, and given to global functions: the
/// verifier checks those once, and not again on each path and in each round of a loop.
#[repr(C)]
pub(crate) struct Reading {
    buffer: Buffer,
    talk: Talk,
    length: u32,
    /// Bytes that the same system call read before.
    before: u32,
    /// Where the next header lies.
    place: u32,
    /// Bytes that the process has written since it read before.
    written: u32,
}

/// The process has read from a connection. Gives how many requests that brought, less what an earlier read
/// was wrongly taken for; `None` if it only looked (`MSG_PEEK`).
#[inline(always)]
pub(crate) fn read(tcp: TcpSock, conn: &mut Conn, is_first: bool, written: u32) -> Option<i32> {
    let copied = tcp.copied_seq();
    let length = if is_first {
        cold_path();
        tcp.read_in_all()
    } else {
        copied.wrapping_sub(conn.heard.read_seq)
    };
    // More than a window's bytes: what was read before was not seen.
    let is_known = length <= MOST && !(is_first && conn.flags & flag::SEEDED != 0);
    if is_known && length == 0 {
        return None;
    }
    let is_server = conn.direction == direction::INBOUND;
    let heard = &mut conn.heard;
    let known = heard.talk;
    let seen = tell(heard, length, written, is_server, is_known);
    let (told, ticks) = (heard.talk, tcp.received_ticks());
    heard.read_seq = copied;
    if told.is_use(seen) {
        heard.last_ticks = ticks;
    }
    if seen & brought::GOODBYE != 0 {
        cold_path();
        leave::goodbye_came(tcp, conn, written);
    }
    if told.protocol != known.protocol {
        cold_path();
        // Of a peer that speaks several, the latest.
        if let Some(stats) = stats(conn.slot) {
            field!(stats.protocol).store(told.protocol.into());
        }
    }
    Some(told.requests.wrapping_sub(known.requests).cast_signed())
}

/// What a read brings, as bits of [`brought`]. The cheaper ways to tell come first, since looking at the
/// process's memory costs as much as all the rest: by what is known already, by one header, and only then by
/// all that may lie in it.
#[inline(always)]
fn tell(heard: &mut Heard, length: u32, written: u32, is_server: bool, is_known: bool) -> u8 {
    // Where a message goes on, it does not matter to what place it is read: the next look comes after a
    // write.
    let is_in_records = heard.talk.is_in_records();
    if is_known && !is_in_records && heard.talk.is_more(length, written, is_server) {
        heard.buffer = Buffer::UNKNOWN.base as u32;
        return 0;
    }
    let buffer = if is_known { buffer() } else { Buffer::UNKNOWN };
    // One system call reads several segments, one after the other.
    let goes_on = written == 0
        && buffer.base as u32 == heard.buffer
        && u64::from(heard.in_call) + u64::from(length) <= buffer.bytes;
    let before = if goes_on { heard.in_call } else { 0 };
    heard.buffer = buffer.base as u32;
    heard.in_call = before.wrapping_add(length);
    if is_in_records && heard.talk.is_more(length, written, is_server) {
        return 0;
    }
    if !goes_on && heard.talk.is_glance_enough(written) && buffer.bytes >= FIRST {
        let seen = if heard.talk.protocol == protocol::HTTP1 {
            let begins = tcpreuse_begins(buffer.base, length, u32::from(is_server));
            heard.talk.next_message(begins != 0)
        } else {
            let first = tcpreuse_first(buffer.base, length);
            heard.talk.glance(first, length, written, is_server)
        };
        if let Some(seen) = seen {
            return seen;
        }
    }
    cold_path();
    let read = u64::from(written) << 32 | u64::from(length);
    let place = u64::from(before) << 1 | u64::from(is_server);
    tcpreuse_told(heard, buffer.base, buffer.bytes, read, place) as u8
}

/// Bytes that a glance takes.
const FIRST: u64 = size_of::<u64>() as u64;

/// The first bytes of a buffer that `length` of were read to, as a little-endian number; 0 if they cannot be
/// looked at.
///
/// This and the next are functions with a small stack, since that is the kernel's own then. The kernel checks
/// where it copies the process's memory to, and knows its own stack at once.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_first(base: u64, length: u32) -> u64 {
    let mut first = 0_u64;
    let mut size = opaque(u64::from(length));
    if size > FIRST {
        size = FIRST;
    }
    if size == 0 {
        return 0;
    }
    // SAFETY: no more bytes than it has room for.
    let result = unsafe { bpf_probe_read_user((&raw mut first).cast(), size as u32, base as *const _) };
    if result == 0 { u64::from_le(first) } else { 0 }
}

/// Whether a message of HTTP/1 begins there. As text, up to the first zero: a word is copied at once then,
/// where other bytes are copied one by one.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_begins(base: u64, length: u32, is_server: u32) -> u32 {
    if u64::from(length) < FIRST {
        return 0;
    }
    let mut first = 0_u64;
    // SAFETY: no more bytes than it has room for. The last one is a zero.
    let copied = unsafe { bpf_probe_read_user_str((&raw mut first).cast(), FIRST as u32, base as *const _) };
    u32::from(copied > 0 && talk::begins_message(u64::from_le(first), is_server != 0))
}

/// What a read brings, from all that may lie in it. Apart from the program, so that the common ways through
/// that are short and keep what they need in registers. `read`: bytes written before it and bytes read.
/// `place`: bytes that the same system call read before, and in the lowest bit whether this is the server's
/// end.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_told(
    heard: *mut Heard,
    base: u64,
    bytes: u64,
    read: u64,
    place: u64,
) -> u32 {
    // SAFETY: the verifier makes sure that callers pass one or null.
    let Some(heard) = (unsafe { heard.as_mut() }) else {
        return 0;
    };
    let length = read as u32;
    let mut reading = Reading {
        buffer: Buffer { base, bytes },
        talk: heard.talk,
        length,
        before: (place >> 1) as u32,
        place: 0,
        written: (read >> 32) as u32,
    };
    let is_server = place & 1 != 0;
    let mut seen = if is_server {
        tcpreuse_said(&raw mut reading)
    } else {
        tcpreuse_answered(&raw mut reading)
    } as u8;
    let mut talk = reading.talk;
    if seen == brought::RECORDS {
        seen = talk.follow(length, |talk, place| {
            reading.talk = *talk;
            reading.place = place;
            let step = if is_server {
                tcpreuse_step(&raw mut reading)
            } else {
                tcpreuse_answer_step(&raw mut reading)
            };
            *talk = reading.talk;
            ((step >> 32) as u8, step as u32)
        });
    }
    heard.talk = talk;
    // Less where it was another system call after all.
    heard.in_call = reading.before.wrapping_add(length);
    u32::from(seen)
}

/// No window is larger.
const MOST: u32 = 1 << 30;

/// What a read of a server brings, as bits of [`brought`].
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_said(reading: *mut Reading) -> u32 {
    // SAFETY: as above.
    let Some(reading) = (unsafe { reading.as_mut() }) else {
        return 0;
    };
    let (buffer, length, before) = (reading.buffer, reading.length, u64::from(reading.before));
    let head = || look(buffer, before, length);
    u32::from(reading.talk.start(length, reading.written, head))
}

/// What a read of a client brings, likewise.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_answered(reading: *mut Reading) -> u32 {
    // SAFETY: as above.
    let Some(reading) = (unsafe { reading.as_mut() }) else {
        return 0;
    };
    let (buffer, length, before) = (reading.buffer, reading.length, u64::from(reading.before));
    let head = || look(buffer, before, length);
    u32::from(reading.talk.answer(length, reading.written, head))
}

/// What the header at the next place brings, and in the lower half how long it is with what it announces.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_step(reading: *mut Reading) -> u64 {
    // SAFETY: as above.
    let Some(reading) = (unsafe { reading.as_mut() }) else {
        return 0;
    };
    step(reading, Talk::step)
}

/// The same from a server.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_answer_step(reading: *mut Reading) -> u64 {
    // SAFETY: as above.
    let Some(reading) = (unsafe { reading.as_mut() }) else {
        return 0;
    };
    step(reading, Talk::answer_step)
}

#[inline(always)]
fn step(reading: &mut Reading, tell: impl FnOnce(&mut Talk, Option<Head>, u32) -> (u8, u32)) -> u64 {
    let rest = reading.length.wrapping_sub(reading.place);
    let place = u64::from(reading.place);
    let mut head = look(reading.buffer, u64::from(reading.before) + place, rest);
    if reading.before != 0 && !head.is_some_and(|head| reading.talk.is_header(&head)) {
        // It was another system call after all, which reads to the same place.
        reading.before = 0;
        head = look(reading.buffer, place, rest);
    }
    let (brought, whole) = tell(&mut reading.talk, head, rest);
    u64::from(brought) << 32 | u64::from(whole)
}

/// The buffer of the system call that the current thread is in.
#[inline(always)]
fn buffer() -> Buffer {
    let registers = Registers::of_current();
    let (number, second) = (registers.number(), registers.second());
    if number == call::READ || number == call::RECVFROM {
        let bytes = registers.third();
        return Buffer { base: second, bytes };
    }
    let mut buffer = Buffer::UNKNOWN;
    tcpreuse_first_of(number, second, &raw mut buffer);
    buffer
}

/// The first of several buffers that a system call reads to.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn tcpreuse_first_of(number: u64, second: u64, buffer: *mut Buffer) -> u32 {
    // SAFETY: as above.
    let Some(buffer) = (unsafe { buffer.as_mut() }) else {
        return 0;
    };
    let vector = match number {
        call::READV => Some(second),
        call::RECVMSG => word(second.wrapping_add(MSG_IOV)),
        _ => None,
    };
    // A `struct iovec` is what a buffer is here.
    if let Some(vector) = vector {
        // SAFETY: the helper writes as many bytes as a buffer has.
        let result = unsafe {
            bpf_probe_read_user(
                (&raw mut *buffer).cast(),
                size_of::<Buffer>() as u32,
                vector as *const _,
            )
        };
        if result != 0 {
            *buffer = Buffer::UNKNOWN;
        }
    }
    0
}

/// A word of the process's memory.
#[inline(always)]
fn word(address: u64) -> Option<u64> {
    let mut word = 0_u64;
    // SAFETY: the helper writes as many bytes as the word has.
    let result = unsafe { bpf_probe_read_user((&raw mut word).cast(), 8, address as *const _) };
    (result == 0).then_some(word)
}

/// The bytes at a place of the buffer, of which `rest` were read.
#[inline(always)]
fn look(buffer: Buffer, place: u64, rest: u32) -> Option<Head> {
    if place.wrapping_add(HEAD as u64) > buffer.bytes && place.wrapping_add(u64::from(rest)) > buffer.bytes {
        return None;
    }
    let mut head = [0_u8; HEAD];
    let mut size = opaque(u64::from(rest));
    if size > HEAD as u64 {
        size = HEAD as u64;
    }
    if size == 0 {
        return None;
    }
    // SAFETY: no more bytes than it has room for.
    let result = unsafe {
        bpf_probe_read_user(
            (&raw mut head).cast(),
            size as u32,
            buffer.base.wrapping_add(place) as *const _,
        )
    };
    (result == 0).then_some(head)
}

//! What comes in records or frames with their length in front: TLS, and HTTP/2 in clear. They are followed
//! from read to read, whatever pieces the process reads them in.

use super::{FOLLOWED, Head, Talk, brought, flag, protocol};

/// How far a TLS connection has come, as [`Talk::stage`].
mod stage {
    /// The client has said hello.
    pub(super) const HELLO: u8 = 1;
    /// It has changed its cipher: a step of TLS 1.2, and for show in 1.3.
    pub(super) const CIPHER: u8 = 2;
    /// The handshake of TLS 1.2 is over.
    pub(super) const OPEN_12: u8 = 3;
    /// That of TLS 1.3 is.
    pub(super) const OPEN_13: u8 = 4;
}

/// Types of TLS records (RFC 8446, 5.1).
mod record {
    pub(super) const CHANGE_CIPHER: u8 = 20;
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    pub(super) const DATA: u8 = 23;
}

/// Types of HTTP/2 frames (RFC 9113, 6).
mod frame {
    pub(super) const HEADERS: u8 = 1;
    pub(super) const GOAWAY: u8 = 7;
    /// The last one that is defined there.
    pub(super) const CONTINUATION: u8 = 9;
}

/// Header of a TLS record.
const RECORD_HEADER: u32 = 5;

/// Header of an HTTP/2 frame.
const FRAME_HEADER: u32 = 9;

/// The preface of an HTTP/2 connection, `PRI * HTTP/2.0` and what follows it.
pub(super) const PREFACE: u32 = 24;

/// What TLS 1.3 adds to the data of a record: its real type and an authentication tag of 16 bytes.
const ADDED_13: u32 = 17;

/// What TLS 1.2 adds with AES-GCM, an explicit nonce and the tag. With ChaCha20-Poly1305 it is the tag alone.
const ADDED_12: u32 = 24;
const ADDED_12_CHACHA: u32 = 16;

/// The length of a TLS 1.3 client's Finished: a header of 4 and a hash of 32 or 48 bytes.
const FINISHED: [u32; 2] = [4 + 32 + ADDED_13, 4 + 48 + ADDED_13];

/// Whether these bytes are the header of a TLS record (RFC 8446, 5.1).
#[inline(always)]
pub(super) fn is_record(head: &Head) -> bool {
    head[0] >= record::CHANGE_CIPHER && head[0] <= record::DATA && head[1] == 3
}

/// The length that a header of a TLS record announces.
#[inline(always)]
pub(super) fn record_length(head: &Head) -> u32 {
    u32::from(head[3]) << 8 | u32::from(head[4])
}

/// Whether a record from either side is a goodbye, so far as its header tells: an alert, which TLS 1.3 hides
/// as data.
#[inline(always)]
pub(super) fn is_goodbye(head: &Head) -> bool {
    head[0] == record::ALERT || head[0] == record::DATA && record_length(head) == 2 + ADDED_13
}

/// Whether a record carries application data, or in TLS 1.3 anything encrypted.
#[inline(always)]
pub(super) fn is_data(head: &Head) -> bool {
    head[0] == record::DATA
}

impl Talk {
    /// A conversation over TLS begins, or is met when its handshake is over.
    #[inline(always)]
    pub(super) fn begin_tls(&mut self, head: &Head) {
        if head[0] != record::HANDSHAKE {
            self.stage = stage::OPEN_13;
        }
    }

    /// [`Self::start`], of a connection that is known to speak in records or frames.
    #[inline(always)]
    pub fn resume(&mut self, wrote: bool) -> u8 {
        if wrote {
            self.flags |= flag::ARMED;
            // After a lost thread, what is read when an answer was sent begins with a header more often than
            // not.
            if self.flags & flag::LOST != 0 {
                self.left = 0;
            }
        }
        brought::RECORDS
    }

    /// Whether all of a read lies within the record or frame that an earlier one began. It is passed then.
    #[inline(always)]
    pub(super) fn is_within(&mut self, length: u32, wrote: bool) -> bool {
        let is_within = self.left >= length && self.flags & flag::LOST == 0;
        if is_within {
            self.resume(wrote);
            self.left -= length;
        }
        is_within
    }

    /// Whether the next record begins with the next read, and the handshake is over.
    #[inline(always)]
    pub(super) fn is_between_records(&self) -> bool {
        self.left == 0
            && self.flags & flag::LOST == 0
            && matches!(self.stage, stage::OPEN_12 | stage::OPEN_13)
    }

    /// A record of application data that is all of a read, or goes on beyond it. `None`: something else.
    #[inline(always)]
    pub(super) fn next_record(&mut self, head: &Head, length: u32, wrote: bool) -> Option<u8> {
        let body = record_length(head);
        let whole = RECORD_HEADER + body;
        if !is_record(head) || !is_data(head) || length < RECORD_HEADER || whole < length {
            return None;
        }
        self.resume(wrote);
        self.left = whole - length;
        Some(self.data(body))
    }

    /// Whether these bytes can be the header of a record or frame of what is spoken.
    #[inline(always)]
    pub fn is_header(&self, head: &Head) -> bool {
        self.header(head, u32::MAX).is_some()
    }

    /// Goes from header to header through a read. `step` is [`Self::step`] with what lies at a place of it.
    #[inline(always)]
    pub fn follow(&mut self, length: u32, mut step: impl FnMut(&mut Self, u32) -> (u8, u32)) -> u8 {
        let mut place = if self.left < length { self.left } else { length };
        self.left -= place;
        let mut seen = 0;
        let mut followed = 0;
        while place < length && followed < FOLLOWED {
            followed += 1;
            let (brought, whole) = step(self, place);
            seen |= brought;
            let rest = length - place;
            if whole > rest {
                self.left = whole - rest;
                place = length;
            } else {
                place += whole;
            }
        }
        if place < length {
            self.flags |= flag::LOST;
        }
        seen
    }

    /// One header and what it announces. `rest`: bytes of the read from there on. Gives bits of [`brought`]
    /// and the length of it all.
    #[inline(always)]
    pub fn step(&mut self, head: Option<Head>, rest: u32) -> (u8, u32) {
        let Some(head) = head else {
            return (self.unseen(), rest);
        };
        let Some((header, body)) = self.header(&head, rest) else {
            // Neither a header nor its first bytes alone: what comes next cannot be told.
            return (self.unseen(), rest);
        };
        let brought = if self.protocol == protocol::HTTP2 {
            self.frame(&head)
        } else {
            self.record(head[0], body)
        };
        (brought, header + body)
    }

    /// Lengths of a header and of what it announces; `None`: this is none, or not all of it was read.
    #[inline(always)]
    fn header(&self, head: &Head, rest: u32) -> Option<(u32, u32)> {
        if self.protocol == protocol::HTTP2 {
            if head[0] == b'P' && head[1] == b'R' && head[2] == b'I' {
                return Some((PREFACE, 0));
            }
            let body = u32::from(head[0]) << 16 | u32::from(head[1]) << 8 | u32::from(head[2]);
            return (rest >= FRAME_HEADER && head[3] <= frame::CONTINUATION && head[5] & 0x80 == 0)
                .then_some((FRAME_HEADER, body));
        }
        (rest >= RECORD_HEADER && is_record(head)).then_some((RECORD_HEADER, record_length(head)))
    }

    #[inline(always)]
    fn frame(&mut self, head: &Head) -> u8 {
        match head[3] {
            _ if head[0] == b'P' => 0,
            // Each opens a stream; a client's trailers would be the only other ones.
            frame::HEADERS => self.request(),
            frame::GOAWAY => self.goodbye(),
            _ => 0,
        }
    }

    #[inline(always)]
    fn record(&mut self, kind: u8, length: u32) -> u8 {
        match (kind, self.stage) {
            (record::HANDSHAKE, stage::CIPHER) => self.stage = stage::OPEN_12,
            (record::HANDSHAKE, 0) => self.stage = stage::HELLO,
            (record::CHANGE_CIPHER, stage::HELLO) => self.stage = stage::CIPHER,
            // In clear during a handshake, it tells why that failed.
            (record::ALERT, stage::OPEN_12 | stage::OPEN_13) => return self.goodbye(),
            // The last of a handshake of TLS 1.3; a certificate of the client's comes before it.
            (record::DATA, stage::HELLO | stage::CIPHER)
                if length == FINISHED[0] || length == FINISHED[1] =>
            {
                self.stage = stage::OPEN_13;
                self.flags |= flag::ARMED;
            }
            (record::DATA, stage::OPEN_12 | stage::OPEN_13) => return self.data(length),
            _ => {}
        }
        if self.stage == stage::OPEN_12 {
            self.flags |= flag::ARMED;
        }
        0
    }

    /// A record of application data. Its length tells what is no request.
    #[inline(always)]
    fn data(&mut self, length: u32) -> u8 {
        let is_13 = self.stage == stage::OPEN_13;
        // An alert, which in TLS 1.3 looks like data: it has two bytes.
        if is_13 && length == 2 + ADDED_13 {
            return self.goodbye();
        }
        // A change of keys, of five.
        if is_13 && length == 5 + ADDED_13 {
            return 0;
        }
        let is_first = self.requests == 0;
        if is_control(length, is_13) && !is_first {
            if self.protocol == protocol::TLS {
                self.protocol = protocol::TLS_HTTP2;
                if self.flags & flag::COUNTED_TWICE != 0 {
                    // The first was the preface and no request.
                    self.requests = self.requests.wrapping_sub(1);
                }
                self.flags &= !(flag::MAYBE_PREFACE | flag::COUNTED_TWICE);
            }
            return 0;
        }
        if self.flags & flag::ARMED == 0 {
            return 0;
        }
        if is_first && is_preface(length, is_13) {
            self.flags |= flag::MAYBE_PREFACE;
        } else if self.flags & flag::MAYBE_PREFACE != 0 {
            self.flags |= flag::COUNTED_TWICE;
            self.flags &= !flag::MAYBE_PREFACE;
        }
        self.request()
    }
}

/// Whether a record is as long as one of HTTP/2's control frames: an acknowledgement of settings, an update
/// of a window (or a reset of a stream), a ping. A request of HTTP/1 is longer.
#[inline(always)]
fn is_control(length: u32, is_13: bool) -> bool {
    let is = |data: u32| data == FRAME_HEADER || data == FRAME_HEADER + 4 || data == FRAME_HEADER + 8;
    if is_13 {
        is(length.wrapping_sub(ADDED_13))
    } else {
        is(length.wrapping_sub(ADDED_12)) || is(length.wrapping_sub(ADDED_12_CHACHA))
    }
}

/// Whether a record is as long as the preface of HTTP/2 with settings, and perhaps an update of the window.
#[inline(always)]
fn is_preface(length: u32, is_13: bool) -> bool {
    let is = |data: u32| {
        let settings = data.wrapping_sub(PREFACE + FRAME_HEADER);
        let before_update = settings.wrapping_sub(FRAME_HEADER + 4);
        is_settings(settings) || is_settings(before_update)
    };
    if is_13 {
        is(length.wrapping_sub(ADDED_13))
    } else {
        is(length.wrapping_sub(ADDED_12)) || is(length.wrapping_sub(ADDED_12_CHACHA))
    }
}

/// Up to eight settings, of six bytes each. No remainder, which BPF divides for.
#[inline(always)]
fn is_settings(bytes: u32) -> bool {
    matches!(bytes, 0 | 6 | 12 | 18 | 24 | 30 | 36 | 42 | 48)
}

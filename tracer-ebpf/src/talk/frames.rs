//! What comes in records or frames with their length in front: TLS, and HTTP/2 in clear. They are followed
//! from read to read, whatever pieces the process reads them in. What a client sends is told here, and in
//! `replies` what a server does.

use super::{FOLLOWED, Head, Talk, flag, protocol};

/// How far a TLS connection has come, as [`Talk::stage`].
pub(super) mod stage {
    /// The client has said hello.
    pub(in super::super) const HELLO: u8 = 1;
    /// It has changed its cipher: a step of TLS 1.2, and for show in 1.3.
    pub(in super::super) const CIPHER: u8 = 2;
    /// The handshake of TLS 1.2 is over.
    pub(in super::super) const OPEN_12: u8 = 3;
    /// That of TLS 1.3 is.
    pub(in super::super) const OPEN_13: u8 = 4;
}

/// Types of TLS records (RFC 8446, 5.1).
pub(super) mod record {
    pub(in super::super) const CHANGE_CIPHER: u8 = 20;
    pub(in super::super) const ALERT: u8 = 21;
    pub(in super::super) const HANDSHAKE: u8 = 22;
    pub(in super::super) const DATA: u8 = 23;
}

/// Types of HTTP/2 frames (RFC 9113, 6).
pub(super) mod frame {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const SETTINGS: u8 = 4;
    pub(in super::super) const GOAWAY: u8 = 7;
    /// The last one that is defined there.
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Header of a TLS record.
pub(super) const RECORD_HEADER: u32 = 5;

/// Header of an HTTP/2 frame.
pub(super) const FRAME_HEADER: u32 = 9;

/// The preface of an HTTP/2 connection, `PRI * HTTP/2.0` and what follows it.
const PREFACE: u32 = 24;

/// What encryption adds to the data of a record.
pub(super) mod added {
    /// TLS 1.3: the real type and an authentication tag of 16 bytes.
    pub(in super::super) const TLS_13: u32 = 17;
    /// TLS 1.2 with AES-GCM: an explicit nonce and the tag.
    pub(in super::super) const TLS_12: u32 = 24;
    /// TLS 1.2 with ChaCha20-Poly1305: the tag alone.
    pub(in super::super) const TLS_12_CHACHA: u32 = 16;
}

/// The length of a TLS 1.3 client's Finished: a header of 4 and a hash of 32 or 48 bytes.
pub(super) const FINISHED: [u32; 2] = [4 + 32 + added::TLS_13, 4 + 48 + added::TLS_13];

/// The longest that is with TLS 1.2, in CBC mode with SHA-384. No hello is as short.
pub(super) const FINISHED_12: u32 = 96;

/// Whether these bytes are the header of a TLS record (RFC 8446, 5.1).
#[inline(always)]
pub(super) fn is_record(head: &Head) -> bool {
    head[0] >= record::CHANGE_CIPHER && head[0] <= record::DATA && head[1] == 3
}

/// The length that a header of a TLS record announces.
#[inline(always)]
fn record_length(head: &Head) -> u32 {
    u32::from(head[3]) << 8 | u32::from(head[4])
}

impl Talk {
    /// A conversation over TLS begins, perhaps within another protocol, or is met when its handshake is over.
    #[inline(always)]
    pub(super) fn begin_tls(&mut self, head: &Head, within: u8) {
        self.begin_login(within);
        if head[0] != record::HANDSHAKE {
            self.stage = stage::OPEN_13;
        }
    }

    /// Whether all of a read lies within the record or frame that an earlier one began. It is passed then.
    #[inline(always)]
    pub(super) fn is_within(&mut self, length: u32) -> bool {
        let is_within = self.left >= length;
        if is_within {
            self.left -= length;
        }
        is_within
    }

    /// Whether the next record of TLS begins with the next read, and the handshake is over.
    #[inline(always)]
    pub(super) fn is_between_records(&self) -> bool {
        self.left == 0
            && self.flags & (flag::LOST | flag::UNDECIDED) == 0
            && matches!(self.stage, stage::OPEN_12 | stage::OPEN_13)
    }

    /// A record of application data that is all of a read, or goes on beyond it. `None`: something else.
    #[inline(always)]
    pub(super) fn next_record(
        &mut self,
        head: &Head,
        length: u32,
        written: u32,
        is_server: bool,
    ) -> Option<u8> {
        let body = record_length(head);
        let whole = RECORD_HEADER + body;
        let is_data = is_record(head) && head[0] == record::DATA;
        if !is_data || length < RECORD_HEADER || whole < length {
            return None;
        }
        if is_server && written != 0 {
            self.flags |= self.armed_by(written);
        } else if !is_server && self.is_asking(written) {
            self.flags |= flag::ARMED;
        }
        if is_server {
            self.may_complete_login(written);
        }
        self.left = whole - length;
        Some(if is_server {
            self.data(body)
        } else {
            self.server_record(record::DATA, body)
        })
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

    /// One header from a client and what it announces. `rest`: bytes of the read from there on. Gives bits of
    /// [`brought`] and the length of it all.
    #[inline(always)]
    pub fn step(&mut self, head: Option<Head>, rest: u32) -> (u8, u32) {
        self.step_to(head, rest, |talk, head, body| {
            if talk.protocol == protocol::HTTP2 {
                talk.frame(head)
            } else {
                talk.record(head[0], body)
            }
        })
    }

    /// The same from a server.
    #[inline(always)]
    pub fn answer_step(&mut self, head: Option<Head>, rest: u32) -> (u8, u32) {
        self.step_to(head, rest, |talk, head, body| {
            if talk.protocol == protocol::HTTP2 {
                talk.server_frame(head)
            } else {
                talk.server_record(head[0], body)
            }
        })
    }

    #[inline(always)]
    fn step_to(
        &mut self,
        head: Option<Head>,
        rest: u32,
        tell: impl FnOnce(&mut Self, &Head, u32) -> u8,
    ) -> (u8, u32) {
        let Some(head) = head else {
            return (self.unseen(), rest);
        };
        let Some((header, body)) = self.header(&head, rest) else {
            // Neither a header nor its first bytes alone: what comes next cannot be told.
            return (self.unseen(), rest);
        };
        (tell(self, &head, body), header + body)
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
            // The server has asked for another hello.
            (record::HANDSHAKE, stage::CIPHER) if length > FINISHED_12 => self.stage = stage::HELLO,
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

    /// [`flag::ARMED`] if what the server has written may be an answer, and is no mere ping of HTTP/2.
    #[inline(always)]
    pub(super) fn armed_by(&self, written: u32) -> u8 {
        let is_ping = self.protocol == protocol::TLS_HTTP2 && written == self.around() + PING;
        flag::ARMED * u8::from(!is_ping)
    }

    /// What encryption adds to a frame of HTTP/2 that has a record of its own.
    #[inline(always)]
    pub(super) fn around(&self) -> u32 {
        if self.stage == stage::OPEN_13 {
            RECORD_HEADER + added::TLS_13
        } else {
            RECORD_HEADER + added::TLS_12
        }
    }

    /// A record came that is as long as a control frame of HTTP/2, and so is a request of which the server
    /// knows most from those before. A request is answered; of control frames only a ping is.
    #[inline(always)]
    pub(super) fn decide(&mut self, written: u32) {
        self.flags &= !flag::UNDECIDED;
        let around = self.around();
        // What ends a connection is as long as a ping, alone or with the goodbye of TLS.
        let ping = around + PING;
        if written > around + FRAME_HEADER && written != ping && written != ping + around + ALERT {
            self.flags |= flag::ESTIMATED;
            self.requests = self.requests.wrapping_add(1);
        }
    }

    /// A record of application data. Its length tells what is no request.
    #[inline(always)]
    fn data(&mut self, length: u32) -> u8 {
        let is_13 = self.stage == stage::OPEN_13;
        // An alert, which in TLS 1.3 looks like data: it has two bytes.
        if is_13 && length == 2 + added::TLS_13 {
            return self.goodbye();
        }
        // A change of keys, of five.
        if is_13 && length == 5 + added::TLS_13 {
            return 0;
        }
        if self.is_of_login() {
            return 0;
        }
        let is_first = self.requests == 0;
        // With what may have been a preface, several control frames in a record are seen as such too.
        let preface = self.flags & (flag::MAYBE_PREFACE | flag::COUNTED_TWICE);
        let had_preface = self.protocol == protocol::TLS_HTTP2 || self.flags & flag::MAYBE_PREFACE != 0;
        let are_several = had_preface && is_several_controls(length, is_13);
        if !is_first && self.may_be_http2() && (are_several || is_control(length, is_13)) {
            if self.protocol == protocol::TLS {
                self.protocol = protocol::TLS_HTTP2;
                if preface == flag::COUNTED_TWICE {
                    // The first was the preface and no request.
                    self.requests = self.requests.wrapping_sub(1);
                    self.flags &= !flag::ESTIMATED;
                }
                if preface != flag::MAYBE_PREFACE {
                    self.flags &= !(flag::MAYBE_PREFACE | flag::COUNTED_TWICE);
                }
            }
            if self.flags & flag::ARMED != 0 && !is_acknowledgement(length, is_13) {
                self.flags |= flag::UNDECIDED;
            }
            return 0;
        }
        if self.flags & flag::ARMED == 0 {
            // No branch, which the verifier would follow.
            const TO_BOTH: u8 = flag::COUNTED_TWICE / flag::MAYBE_PREFACE;
            self.flags |= (self.flags & flag::MAYBE_PREFACE) * TO_BOTH;
            return 0;
        }
        if is_first && is_preface(length, is_13) {
            self.flags |= flag::MAYBE_PREFACE;
        } else if preface == flag::MAYBE_PREFACE {
            // Until a control frame tells, the first may have been no request. One that came before this
            // tells nothing: the first may have held a request too.
            let is_open = u8::from(self.protocol == protocol::TLS);
            self.flags |= (flag::COUNTED_TWICE * is_open) | flag::ESTIMATED;
            self.flags &= !flag::MAYBE_PREFACE;
        } else {
            // By now, a client of HTTP/2 would have acknowledged the server's settings. No branch, which the
            // verifier would follow.
            const TO_ESTIMATED: u8 = flag::ESTIMATED / flag::COUNTED_TWICE;
            self.flags &= !((self.flags & flag::COUNTED_TWICE) * TO_ESTIMATED);
        }
        self.request()
    }
}

/// The longest control frame of HTTP/2 that is usual; GOAWAY is as long.
pub(super) const PING: u32 = FRAME_HEADER + 8;

/// An alert of TLS, the goodbye among them.
const ALERT: u32 = 2;

/// One that updates a window, or resets a stream.
const UPDATE: u32 = FRAME_HEADER + 4;

/// Whether a record carries as many bytes as a condition wants.
#[inline(always)]
fn carries(length: u32, is_13: bool, is: impl Fn(u32) -> bool) -> bool {
    if is_13 {
        is(length.wrapping_sub(added::TLS_13))
    } else {
        is(length.wrapping_sub(added::TLS_12)) || is(length.wrapping_sub(added::TLS_12_CHACHA))
    }
}

/// Whether a record is as long as one of HTTP/2's control frames: an acknowledgement of settings, an update
/// of a window (or a reset of a stream), a ping. A request of HTTP/1 is longer.
#[inline(always)]
pub(super) fn is_control(length: u32, is_13: bool) -> bool {
    carries(length, is_13, |data| matches!(data, FRAME_HEADER | UPDATE | PING))
}

/// Whether a record is as long as what a server of HTTP/2 begins with: some settings, alone or with an update
/// of a window, an acknowledgement, or both.
#[inline(always)]
pub(super) fn may_be_settings(length: u32, is_13: bool) -> bool {
    /// One setting, and the usual most of them.
    const SETTING: u32 = 6;
    const MOST: u32 = 7;
    let are_settings = |bytes: u32| bytes.is_multiple_of(SETTING) && bytes <= MOST * SETTING;
    carries(length, is_13, |data| {
        let more = data.wrapping_sub(FRAME_HEADER);
        are_settings(more)
            || are_settings(more.wrapping_sub(UPDATE))
            || are_settings(more.wrapping_sub(FRAME_HEADER))
            || are_settings(more.wrapping_sub(UPDATE + FRAME_HEADER))
    })
}

/// Whether a record is as long as an acknowledgement of settings.
#[inline(always)]
pub(super) fn is_acknowledgement(length: u32, is_13: bool) -> bool {
    carries(length, is_13, |data| data == FRAME_HEADER)
}

/// Whether so many bytes, header and all, may be two records with a control frame each: an acknowledgement of
/// settings and what ends a connection. A request of HTTP/1 with the name of a host and a word more is
/// longer.
#[inline(always)]
pub(super) fn may_be_controls(written: u32, is_13: bool) -> bool {
    let added = if is_13 { added::TLS_13 } else { added::TLS_12 };
    written <= 2 * (RECORD_HEADER + added) + FRAME_HEADER + PING
}

/// Whether a record is as long as several control frames, such as an acknowledgement and a goodbye. gRPC
/// measures the round trip: it answers a ping, sends one and updates the window at once.
#[inline(always)]
fn is_several_controls(length: u32, is_13: bool) -> bool {
    const TWO: u32 = FRAME_HEADER + UPDATE;
    const TWO_UPDATES: u32 = 2 * UPDATE;
    const PING_AND_UPDATE: u32 = PING + UPDATE;
    const TWO_PINGS: u32 = 2 * PING;
    const TWO_PINGS_AND_UPDATE: u32 = 2 * PING + UPDATE;
    carries(length, is_13, |data| {
        matches!(
            data,
            TWO | TWO_UPDATES | PING_AND_UPDATE | TWO_PINGS | TWO_PINGS_AND_UPDATE
        )
    })
}

/// Whether a record is as long as the preface of HTTP/2 with settings, and perhaps an update of the window.
#[inline(always)]
fn is_preface(length: u32, is_13: bool) -> bool {
    carries(length, is_13, |data| {
        let settings = data.wrapping_sub(PREFACE + FRAME_HEADER);
        is_settings(settings) || is_settings(settings.wrapping_sub(UPDATE))
    })
}

/// Up to eight settings, of six bytes each. No remainder, which BPF divides for.
#[inline(always)]
fn is_settings(bytes: u32) -> bool {
    matches!(bytes, 0 | 6 | 12 | 18 | 24 | 30 | 36 | 42 | 48)
}

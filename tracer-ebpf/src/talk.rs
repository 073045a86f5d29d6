//! What is said on a connection, told from the first bytes of what the process at either end reads: the
//! protocol, and whether a read brings a request (or the answer to one), a part of a handshake, or a goodbye.
//!
//! At most nine bytes are looked at in one place; they are compared and never kept. What cannot be told is
//! unknown ([`flag::LOST`]): the number of requests is then a bound.

mod answers;
mod frames;
mod login;
mod messages;
mod replies;

pub use answers::MQTT_NO_REQUEST;
pub use messages::begins as begins_message;

/// Bytes looked at in one place: the header of an HTTP/2 frame, the longest of all.
pub const HEAD: usize = 9;

/// Records or frames followed within one read. A read of more, all of them small, loses the thread.
const FOLLOWED: u32 = 8;

/// What a connection speaks.
pub mod protocol {
    /// Nothing was read yet, or the bytes could not be looked at.
    pub const UNKNOWN: u8 = 0;
    /// Something else: a turn counts as a request.
    pub const OTHER: u8 = 1;
    /// HTTP/1.0 and HTTP/1.1 in clear.
    pub const HTTP1: u8 = 2;
    /// HTTP/2 in clear, gRPC included.
    pub const HTTP2: u8 = 3;
    /// WebSocket in clear, after its upgrade.
    pub const WEBSOCKET: u8 = 4;
    /// TLS 1.2 or 1.3.
    pub const TLS: u8 = 5;
    /// TLS that shows the lengths of HTTP/2's control frames.
    pub const TLS_HTTP2: u8 = 6;
    /// AJP 1.3, between Apache and Tomcat.
    pub const AJP: u8 = 7;
    /// Redis (RESP).
    pub const REDIS: u8 = 8;
    /// PostgreSQL in clear.
    pub const POSTGRESQL: u8 = 9;
    /// MySQL in clear.
    pub const MYSQL: u8 = 10;
    /// MQTT 3.1 to 5.
    pub const MQTT: u8 = 11;
    /// SSH.
    pub const SSH: u8 = 12;
    /// How many there are.
    pub const COUNT: usize = 13;
}

/// Bits of [`Talk::flags`].
pub mod flag {
    /// The next request may begin: the server has written since the last one, or nothing came before.
    pub const ARMED: u8 = 1;
    /// The thread was lost at least once: the number of requests is a bound.
    pub const LOST: u8 = 2;
    /// The client has said goodbye.
    pub const GOODBYE: u8 = 4;
    /// The first TLS record after the handshake is as long as HTTP/2's connection preface.
    pub const MAYBE_PREFACE: u8 = 8;
    /// And another one that looks like a request was counted after it. Along with [`MAYBE_PREFACE`]: it came
    /// in the same flight, so both were counted once.
    pub const COUNTED_TWICE: u8 = 16;
    /// At the server's end: a record of HTTP/2 over TLS came that is a request if the server answers it.
    pub const UNDECIDED: u8 = 32;
    /// Something was counted that may have been no request.
    pub const ESTIMATED: u8 = 64;
    /// At the client's end: the last record was what a server of HTTP/2 says beside answers, perhaps its
    /// goodbye.
    pub const ASIDE: u8 = 128;
}

/// Bits of what a read brought.
pub mod brought {
    /// At least one request.
    pub const REQUEST: u8 = 1;
    /// A goodbye: what follows is no use of the connection.
    pub const GOODBYE: u8 = 2;
    /// Not told yet: there are records or frames in it, which are to be followed.
    pub const RECORDS: u8 = 4;
}

/// What is remembered of a connection's reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::FromBytes))]
#[repr(C)]
pub struct Talk {
    /// Requests so far.
    pub requests: u32,
    /// Bytes until the next record or frame begins.
    left: u32,
    /// One of [`protocol`].
    pub protocol: u8,
    /// How far a handshake has come, by protocol.
    stage: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// How far a login within TLS has come; see `login`.
    login: u8,
}

impl Talk {
    /// Nothing was said yet.
    pub const NOTHING: Self = Self {
        requests: 0,
        left: 0,
        protocol: protocol::UNKNOWN,
        stage: 0,
        flags: 0,
        login: 0,
    };
}

/// The longest data that may be no more than a client's goodbye, bytes.
#[inline(always)]
pub fn longest_goodbye(protocol: u8) -> u32 {
    const LENGTHS: Lengths = Lengths::of(false);
    LENGTHS.get(protocol)
}

/// The same where a FIN follows at once. With HTTP/2, a short request is as long as what ends a connection.
#[inline(always)]
pub fn longest_last_words(protocol: u8) -> u32 {
    const LENGTHS: Lengths = Lengths::of(true);
    LENGTHS.get(protocol)
}

/// The longest data that is a goodbye and no request, whenever the FIN follows. Short requests of HTTP/2 and
/// WebSocket in clear are no longer than theirs.
#[inline(always)]
pub fn certain_goodbye(protocol: u8) -> u32 {
    if protocol == protocol::HTTP2 || protocol == protocol::WEBSOCKET {
        0
    } else {
        longest_goodbye(protocol)
    }
}

/// A length of each protocol, a byte each: the verifier would follow each branch of a `match` to its end.
struct Lengths([u64; 2]);

impl Lengths {
    /// Those of goodbyes, `with` what else ends a connection.
    const fn of(with: bool) -> Self {
        let mut words = [0; 2];
        let mut protocol = 0;
        while protocol < protocol::COUNT {
            let length = if with {
                last_words(protocol as u8)
            } else {
                goodbye(protocol as u8)
            };
            words[protocol / 8] |= (length as u64) << (protocol % 8 * 8);
            protocol += 1;
        }
        Self(words)
    }

    #[inline(always)]
    fn get(&self, protocol: u8) -> u32 {
        let [low, high] = self.0;
        let word = if protocol < 8 { low } else { high };
        (word >> (protocol % 8 * 8)) as u32 & 0xff
    }
}

const fn goodbye(protocol: u8) -> u32 {
    match protocol {
        // An alert with AES-GCM in TLS 1.2, header included; TLS 1.3 has 24.
        protocol::TLS | protocol::TLS_HTTP2 => 31,
        // GOAWAY: the header of a frame, and two numbers.
        protocol::HTTP2 => 17,
        // A masked close frame with its reason in a number.
        protocol::WEBSOCKET => 8,
        // QUIT.
        protocol::REDIS => 14,
        // COM_QUIT, and Terminate.
        protocol::MYSQL | protocol::POSTGRESQL => 5,
        // DISCONNECT, or anything else that asks for nothing.
        protocol::MQTT => MQTT_NO_REQUEST,
        _ => 0,
    }
}

const fn last_words(protocol: u8) -> u32 {
    match protocol {
        // GOAWAY, and within TLS an alert after it.
        protocol::HTTP2 | protocol::TLS_HTTP2 => 17 + TLS_OVERHEAD + 31,
        other => goodbye(other),
    }
}

/// What a record of TLS 1.2 adds to its contents with AES-GCM, bytes; TLS 1.3 adds less.
const TLS_OVERHEAD: u32 = 29;

/// The bytes at one place of a read; those beyond its end are 0.
pub type Head = [u8; HEAD];

impl Talk {
    /// The process of the server has read `length` bytes after it had written `written`, which is not 0 for
    /// its first read either. `head` gives the first of them; `None` where they cannot be looked at.
    ///
    /// Gives bits of [`brought`]; with [`brought::RECORDS`], the rest is told by [`Self::follow`].
    #[inline(always)]
    pub fn start(&mut self, length: u32, written: u32, head: impl Fn() -> Option<Head>) -> u8 {
        if written != 0 {
            self.flags |= self.armed_by(written);
            self.may_complete_login(written);
        }
        // Not before the rest of the record is read, which some read apart.
        if self.flags & flag::UNDECIDED != 0 && self.left == 0 {
            self.decide(written);
        }
        if self.protocol == protocol::UNKNOWN || self.is_before_another() {
            let Some(head) = head() else {
                return self.unseen();
            };
            let before = self.protocol;
            self.protocol = messages::detect(&head, length, before);
            if self.protocol == protocol::TLS {
                self.begin_tls(&head, before);
            }
        }
        match self.protocol {
            protocol::TLS | protocol::TLS_HTTP2 | protocol::HTTP2 => {
                // After a lost thread, what is read when an answer was sent begins with a header more often
                // than not.
                if self.flags & flag::LOST != 0 && written != 0 {
                    self.left = 0;
                }
                brought::RECORDS
            }
            // Only where a request may begin.
            _ if self.flags & flag::ARMED == 0 => 0,
            _ => match head() {
                None => self.unseen(),
                Some(head) => self.message(&head, length),
            },
        }
    }

    /// Whether a read brings nothing, as what is known already tells: it is more of a message, or all of it
    /// is the inside of a record or frame, which is passed then. Nothing has to be looked at.
    #[inline(always)]
    pub fn is_more(&mut self, length: u32, written: u32, is_server: bool) -> bool {
        if written != 0 {
            return false;
        }
        if self.is_in_records() {
            return self.is_within(length);
        }
        // A server's pings matter between answers too.
        let may_ping = self.protocol == protocol::WEBSOCKET && !is_server;
        let is_known = self.protocol != protocol::UNKNOWN && !self.is_before_another() && !may_ping;
        is_known && self.flags & flag::ARMED == 0
    }

    /// Whether [`Self::glance`] may tell what a read brings.
    #[inline(always)]
    pub fn is_glance_enough(&self, written: u32) -> bool {
        match self.protocol {
            protocol::HTTP1 => written != 0,
            protocol::TLS | protocol::TLS_HTTP2 => self.is_between_records(),
            _ => false,
        }
    }

    /// [`Self::start`] or [`Self::answer`] for the commonest reads: the next request or answer of HTTP/1, or
    /// a record that brings no other header. `first`: the first eight bytes of the read as a little-endian
    /// number, those beyond its end 0. `None`: something else, and nothing has changed.
    #[inline(always)]
    pub fn glance(&mut self, first: u64, length: u32, written: u32, is_server: bool) -> Option<u8> {
        if self.protocol == protocol::HTTP1 {
            return self.next_message(messages::begins(first, is_server));
        }
        let [b0, b1, b2, b3, b4, b5, b6, b7] = first.to_le_bytes();
        let head = [b0, b1, b2, b3, b4, b5, b6, b7, 0];
        self.next_record(&head, length, written, is_server)
    }

    /// [`Self::glance`] of HTTP/1, for one who has asked [`begins_message`].
    #[inline(always)]
    pub fn next_message(&mut self, begins: bool) -> Option<u8> {
        begins.then(|| self.request())
    }

    /// Whether what is said comes in records or frames.
    #[inline(always)]
    pub fn is_in_records(&self) -> bool {
        matches!(
            self.protocol,
            protocol::TLS | protocol::TLS_HTTP2 | protocol::HTTP2
        )
    }

    /// A read whose bytes cannot be looked at: a turn counts as a request then, and the number is a bound.
    #[inline(always)]
    pub fn unseen(&mut self) -> u8 {
        self.flags |= flag::LOST;
        self.request_if_armed()
    }

    /// Whether the number of requests is exact.
    #[inline(always)]
    pub fn is_exact(&self) -> bool {
        self.flags & (flag::LOST | flag::ESTIMATED) == 0
            && !matches!(self.protocol, protocol::UNKNOWN | protocol::OTHER | protocol::SSH)
    }

    /// Whether a read that brought `seen` used the connection. A goodbye does not, nor does a control frame
    /// that may be one, unless an answer came with it.
    #[inline(always)]
    pub const fn is_use(&self, seen: u8) -> bool {
        self.flags & (flag::GOODBYE | flag::ASIDE) == 0 || seen & brought::REQUEST != 0
    }

    /// Whether there was a handshake and nothing after it.
    #[inline(always)]
    pub fn is_handshake_only(&self) -> bool {
        self.is_exact() && self.requests == 0 && self.protocol == protocol::TLS
    }

    #[inline(always)]
    fn goodbye(&mut self) -> u8 {
        self.flags |= flag::GOODBYE;
        brought::GOODBYE
    }

    #[inline(always)]
    fn request_if_armed(&mut self) -> u8 {
        if self.flags & flag::ARMED == 0 {
            return 0;
        }
        self.request()
    }

    #[inline(always)]
    fn request(&mut self) -> u8 {
        self.flags &= !flag::ARMED;
        self.requests = self.requests.wrapping_add(1);
        brought::REQUEST
    }
}

#[cfg(test)]
mod tests;

//! The client's end. Its process writes requests, which no read shows, and reads their answers: what begins a
//! read after a write answers a request, unless its first bytes tell that it answers a part of a handshake, a
//! login or a sign of life. How many bytes were written tells what the answer does not.

use super::{Head, Talk, brought, flag, frames, messages, protocol, replies};

/// What answers mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The answer to a request.
    Answer,
    /// The same, or the answer to a login.
    Perhaps,
    /// Neither: a step of a login, a sign of life, or more of an answer.
    Other,
    /// The server is about to leave.
    Goodbye,
}

/// What a client of PostgreSQL writes to ask for encryption (SSLRequest, GSSENCRequest).
const ASKS_FOR_ENCRYPTION: u32 = 8;

/// The longest that a client of MQTT writes without a request: an acknowledgement. PINGREQ takes two bytes,
/// and the shortest PUBLISH five.
pub const MQTT_NO_REQUEST: u32 = 4;

/// Header of a packet of MySQL and of AJP alone.
const PACKET_HEADER: u32 = 4;

/// What frames a pong of WebSocket: a header of two bytes and a mask.
const PONG: u32 = 6;

impl Talk {
    /// The process of the client has read `length` bytes after it had written `written`; otherwise as
    /// [`Self::start`].
    #[inline(always)]
    pub fn answer(&mut self, length: u32, written: u32, head: impl Fn() -> Option<Head>) -> u8 {
        if self.is_asking(written) {
            self.flags |= flag::ARMED;
        }
        if self.protocol == protocol::UNKNOWN || self.is_before_another() {
            let Some(head) = head() else {
                return self.unseen();
            };
            let before = self.protocol;
            self.protocol = detect(&head, length, written, before);
            if self.protocol == protocol::TLS {
                self.begin_tls(&head, before);
            }
        }
        match self.protocol {
            protocol::TLS | protocol::TLS_HTTP2 | protocol::HTTP2 => {
                if self.flags & flag::LOST != 0 && written != 0 {
                    self.left = 0;
                }
                brought::RECORDS
            }
            // Between answers, only pings are of interest: what is written next answers them.
            protocol::WEBSOCKET => match head() {
                None => self.unseen(),
                Some(head) => self.answered(&head, length, written),
            },
            _ if self.flags & flag::ARMED == 0 => 0,
            _ => match head() {
                None => self.unseen(),
                Some(head) => self.answered(&head, length, written),
            },
        }
    }

    /// Whether a request may be among these bytes that were written.
    #[inline(always)]
    pub(super) fn is_asking(&mut self, written: u32) -> bool {
        match self.protocol {
            _ if written == 0 => false,
            protocol::TLS | protocol::TLS_HTTP2 => self.is_asking_in_tls(written),
            // A pong is as long as its ping.
            protocol::WEBSOCKET => core::mem::replace(&mut self.stage, 0) == 0 || written != self.left,
            _ => true,
        }
    }

    /// What a read says that may begin an answer.
    #[inline(always)]
    fn answered(&mut self, head: &Head, length: u32, written: u32) -> u8 {
        let what = match self.protocol {
            protocol::HTTP1 if messages::starts(head, b"HTTP/") => What::Answer,
            protocol::HTTP1 if is_websocket(head) => {
                self.protocol = protocol::WEBSOCKET;
                self.websocket_answer(head)
            }
            // More of an answer, after a body that the server had agreed to.
            protocol::HTTP1 => What::Other,
            protocol::WEBSOCKET => self.websocket_answer(head),
            protocol::AJP => ajp(head, length),
            protocol::REDIS => self.redis_answer(head),
            protocol::POSTGRESQL => self.postgresql_answer(head, length),
            // A command is packet 0 of its exchange and its answer packet 1; a login goes on counting from
            // the server's greeting.
            protocol::MYSQL if head[3] != 1 => What::Other,
            protocol::MYSQL => {
                self.stage = messages::LOGGED_IN;
                What::Answer
            }
            protocol::MQTT => self.mqtt_answer(head, written),
            _ => What::Answer,
        };
        match what {
            What::Answer => self.request_if_armed(),
            What::Perhaps => {
                self.flags |= flag::ESTIMATED;
                self.request_if_armed()
            }
            What::Goodbye => self.goodbye(),
            What::Other => {
                self.flags &= !flag::ARMED;
                0
            }
        }
    }

    #[inline(always)]
    fn websocket_answer(&mut self, head: &Head) -> What {
        match head[0] & 15 {
            0..=2 => What::Answer,
            8 => What::Goodbye,
            9 => {
                self.stage = 1;
                self.left = PONG + u32::from(head[1] & 0x7f);
                What::Other
            }
            _ => What::Other,
        }
    }

    /// `OK` answers AUTH, SELECT and CLIENT, which come first, but SET as well; and so does an error, of a
    /// server that does not know what a client says of itself.
    #[inline(always)]
    fn redis_answer(&mut self, head: &Head) -> What {
        if messages::starts(head, b"+PONG") {
            What::Other
        } else if self.stage != messages::LOGGED_IN && (messages::starts(head, b"+OK") || head[0] == b'-') {
            What::Perhaps
        } else if self.requests == 0 && is_hello(head) {
            What::Other
        } else {
            self.stage = messages::LOGGED_IN;
            What::Answer
        }
    }

    /// A login is answered by requests for authentication, the last of which says that it is complete, or by
    /// an error; a wish for encryption by one byte.
    #[inline(always)]
    fn postgresql_answer(&mut self, head: &Head, length: u32) -> What {
        let is_login = head[0] == b'R' || length == 1 || head[0] == b'E';
        if is_login && self.stage != messages::LOGGED_IN {
            return What::Other;
        }
        self.stage = messages::LOGGED_IN;
        What::Answer
    }

    /// The answer to CONNECT comes first; the others only tell that something was written.
    #[inline(always)]
    fn mqtt_answer(&mut self, head: &Head, written: u32) -> What {
        match head[0] >> 4 {
            2 => What::Other,
            14 => What::Goodbye,
            _ if written > MQTT_NO_REQUEST => What::Answer,
            _ => What::Other,
        }
    }
}

/// Which protocol the first bytes that a server sends belong to. `before` is what is known already, of one
/// that another may follow.
#[inline(always)]
fn detect(head: &Head, length: u32, written: u32, before: u8) -> u8 {
    let starts = |with: &[u8]| messages::starts(head, with);
    if frames::is_record(head) {
        protocol::TLS
    } else if before != protocol::UNKNOWN {
        before
    } else if starts(b"HTTP/") {
        protocol::HTTP1
    } else if replies::is_settings_frame(head) {
        protocol::HTTP2
    } else if starts(b"SSH-") {
        protocol::SSH
    } else if written == 0 {
        // The server speaks first, and no more is known of any other.
        if head[3] == 0 && head[4] == MYSQL_VERSION && head[5].is_ascii_digit() {
            protocol::MYSQL
        } else {
            protocol::OTHER
        }
    } else if is_redis(head) {
        protocol::REDIS
    } else if is_postgresql(head, length, written) {
        protocol::POSTGRESQL
    } else if starts(b"AB\0") {
        protocol::AJP
    } else if is_mqtt(head, length) {
        protocol::MQTT
    } else {
        protocol::OTHER
    }
}

/// The version of MySQL's protocol, with which a server's greeting begins; its own version follows as text.
const MYSQL_VERSION: u8 = 10;

/// An answer of Redis: a status that is known, a number, a text, a list, a map, or an error.
#[inline(always)]
fn is_redis(head: &Head) -> bool {
    let is_number = head[1] == b'-' || head[1].is_ascii_digit();
    match head[0] {
        b'+' => messages::starts(head, b"+OK\r\n") || messages::starts(head, b"+PONG\r\n"),
        b':' | b'$' | b'*' | b'%' => is_number,
        b'-' => head[1].is_ascii_uppercase() && head[2].is_ascii_uppercase(),
        _ => false,
    }
}

/// The answer to HELLO: a map, or a list, whose first key is `server`.
#[inline(always)]
fn is_hello(head: &Head) -> bool {
    let is_six = |at: usize| head[at] == b'$' && head[at + 1] == b'6';
    head[0] == b'%' && is_six(4) || head[0] == b'*' && head[1] == b'1' && is_six(5)
}

/// The answer to the start of a session, a request for authentication or an error; or to a wish for
/// encryption.
#[inline(always)]
fn is_postgresql(head: &Head, length: u32, written: u32) -> bool {
    if length == 1 {
        return written == ASKS_FOR_ENCRYPTION && matches!(head[0], b'S' | b'N' | b'G');
    }
    let is_short = head[1] == 0 && head[2] == 0 && (head[3] == 0 || head[0] == b'E');
    is_short && (head[0] == b'R' && head[4] >= 8 || head[0] == b'E' && head[5] == b'S')
}

/// CONNACK: flags with at most one bit, behind a length. Libraries read its first byte alone.
#[inline(always)]
fn is_mqtt(head: &Head, length: u32) -> bool {
    head[0] == 0x20 && (length == 1 || (2..0x80).contains(&head[1]) && head[2] <= 1)
}

/// A frame from a server, which is not masked, with an operation that is defined (RFC 6455, 5.2).
#[inline(always)]
fn is_websocket(head: &Head) -> bool {
    head[0] & 0x70 & !0x40 == 0 && matches!(head[0] & 15, 0..=2 | 8..=10) && head[1] & 0x80 == 0
}

/// Packets from Tomcat: the head of an answer is of type 4. Where the header of four bytes is read alone, its
/// length tells that one from the answer to a ping, the end of an answer and the wish for more of a body.
#[inline(always)]
fn ajp(head: &Head, length: u32) -> What {
    const HEADERS: u8 = 4;
    const LONGEST_OTHER: u8 = 3;
    let is_answer = if length == PACKET_HEADER {
        head[2] != 0 || head[3] > LONGEST_OTHER
    } else {
        head[4] == HEADERS
    };
    if is_answer { What::Answer } else { What::Other }
}

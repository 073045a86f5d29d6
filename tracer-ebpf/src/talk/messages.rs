//! What is told from its first bytes: which protocol it is, and what the read that begins a turn brings.

use super::{Head, Talk, frames, protocol};

/// How far a session has come, as [`Talk::stage`], where the protocol has a login.
pub(super) const LOGGED_IN: u8 = 1;

/// And with MySQL, the header was read of a command of one byte: a ping or a goodbye.
const OF_ONE_BYTE: u8 = 2;

/// Which protocol the first bytes of a connection belong to. `before` is what is known already, of one that
/// another may follow.
#[inline(always)]
pub(super) fn detect(head: &Head, length: u32, before: u8) -> u8 {
    let starts = |with: &[u8]| starts(head, with);
    if frames::is_record(head) {
        protocol::TLS
    } else if starts(b"PRI * ") {
        protocol::HTTP2
    } else if is_request_line(head) {
        protocol::HTTP1
    } else if before != protocol::UNKNOWN {
        before
    } else if starts(&[0x12, 0x34]) {
        protocol::AJP
    } else if head[0] == b'*' && is_digit(head[1]) {
        protocol::REDIS
    } else if is_postgresql(head) {
        protocol::POSTGRESQL
    } else if is_mqtt(head, length) {
        protocol::MQTT
    } else if starts(b"SSH-") {
        protocol::SSH
    } else if is_mysql_login(head, length) {
        protocol::MYSQL
    } else if starts(b"PROXY ") || starts(&[0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a]) {
        // In front of any of them.
        protocol::UNKNOWN
    } else {
        protocol::OTHER
    }
}

impl Talk {
    /// Whether TLS may follow what was said: PostgreSQL and MySQL begin without.
    #[inline(always)]
    pub(super) fn is_before_another(&self) -> bool {
        matches!(self.protocol, protocol::POSTGRESQL | protocol::MYSQL) && self.stage < LOGGED_IN
    }

    /// What a read that begins a turn brings.
    #[inline(always)]
    pub(super) fn message(&mut self, head: &Head, length: u32) -> u8 {
        let what = match self.protocol {
            // The header of a proxy, alone or with what follows it.
            protocol::UNKNOWN => {
                if length > PROXY_HEADER {
                    What::Request
                } else {
                    What::More
                }
            }
            protocol::HTTP1 => {
                if is_request_line(head) {
                    What::Request
                } else if is_websocket(head) {
                    self.protocol = protocol::WEBSOCKET;
                    websocket(head)
                } else {
                    // More of what was asked for, such as a body that the server has agreed to.
                    What::Other
                }
            }
            protocol::WEBSOCKET => websocket(head),
            protocol::AJP => ajp(head),
            protocol::REDIS => redis(head, self.requests == 0),
            protocol::POSTGRESQL => self.postgresql(head),
            protocol::MYSQL => self.mysql(head, length),
            protocol::MQTT => mqtt(head),
            _ => What::Request,
        };
        match what {
            What::Request => self.request_if_armed(),
            What::Goodbye => self.goodbye(),
            What::More => 0,
            What::Other => {
                self.flags &= !super::flag::ARMED;
                0
            }
        }
    }

    #[inline(always)]
    fn postgresql(&mut self, head: &Head) -> What {
        match head[0] {
            // The start of a session, or the wish for encryption.
            0 => What::Other,
            // A password, or a step of SASL.
            b'p' => What::Other,
            b'X' => What::Goodbye,
            _ => {
                self.stage = LOGGED_IN;
                What::Request
            }
        }
    }

    #[inline(always)]
    fn mysql(&mut self, head: &Head, length: u32) -> What {
        if self.stage == OF_ONE_BYTE {
            self.stage = LOGGED_IN;
            return command(head[0]);
        }
        // A command is the first packet of its exchange; a login goes on counting from the server's greeting.
        if head[3] != 0 {
            return What::Other;
        }
        self.stage = LOGGED_IN;
        if length > MYSQL_HEADER {
            return command(head[4]);
        }
        // MySQL's own server reads the header alone.
        if head[0] == 1 && head[1] == 0 && head[2] == 0 {
            self.stage = OF_ONE_BYTE;
            What::More
        } else {
            What::Request
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Work for the server.
    Request,
    /// The client is about to leave.
    Goodbye,
    /// Neither: a part of a handshake or of a request, or a sign of life.
    Other,
    /// Neither, and what follows in the same turn may still be one.
    More,
}

/// The longest header of PROXY protocol version 1; one that is read with more brings its request along.
const PROXY_HEADER: u32 = 107;

/// Header of a MySQL packet: three bytes of length and its number.
const MYSQL_HEADER: u32 = 4;
const COM_QUIT: u8 = 1;
const COM_PING: u8 = 14;

/// What a command of MySQL is.
#[inline(always)]
fn command(number: u8) -> What {
    match number {
        COM_QUIT => What::Goodbye,
        COM_PING => What::Other,
        _ => What::Request,
    }
}

#[inline(always)]
pub(super) fn starts(head: &Head, with: &[u8]) -> bool {
    let mut at = 0;
    while at < with.len() && at < head.len() {
        if head[at] != with[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[inline(always)]
fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// A request line of HTTP, by the first four letters of its method (RFC 9110, 9.3; RFC 5789; WebDAV, RFC 4918
/// and 3253). Not any word: SMTP, FTP and others have commands too.
#[inline(always)]
pub(super) fn is_request_line(head: &Head) -> bool {
    // As words: byte by byte, the compiler would make a tree of branches of them.
    is_method(u32::from_le_bytes([head[0], head[1], head[2], head[3]]))
}

/// The same of the letters as a little-endian number.
#[inline(always)]
fn is_method(letters: u32) -> bool {
    const METHODS: [&[u8; 4]; 17] = [
        b"GET ", b"POST", b"HEAD", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC", b"PROP", b"MKCO",
        b"COPY", b"MOVE", b"LOCK", b"UNLO", b"REPO", b"SEAR",
    ];
    METHODS
        .iter()
        .any(|method| letters == u32::from_le_bytes(**method))
}

/// Whether a request of HTTP/1 or, at the client's end, an answer begins with these bytes, a little-endian
/// number. It looks at five of them at most.
#[inline(always)]
pub fn begins(first: u64, is_server: bool) -> bool {
    const ANSWER: u64 = u64::from_le_bytes(*b"HTTP/\0\0\0");
    const FIVE: u64 = (1 << 40) - 1;
    if is_server {
        is_method(first as u32)
    } else {
        first & FIVE == ANSWER
    }
}

/// A frame from a client, which is masked, with an operation that is defined (RFC 6455, 5.2).
#[inline(always)]
fn is_websocket(head: &Head) -> bool {
    head[0] & 0x70 & !0x40 == 0 && matches!(head[0] & 15, 0..=2 | 8..=10) && head[1] & 0x80 != 0
}

#[inline(always)]
fn websocket(head: &Head) -> What {
    match head[0] & 15 {
        0..=2 => What::Request,
        8 => What::Goodbye,
        _ => What::Other,
    }
}

/// Packets from the web server: a request to forward is of type 2; bodies have no type, and a type of 10 asks
/// whether anybody is there.
#[inline(always)]
fn ajp(head: &Head) -> What {
    if starts(head, &[0x12, 0x34]) && head[4] == 2 {
        What::Request
    } else {
        What::Other
    }
}

/// A command and its arguments, each with its length: `*2 $4 AUTH`. What is seen of a name is its length and
/// first letter.
#[inline(always)]
fn redis(head: &Head, is_first: bool) -> What {
    let (length, letter) = (head[5], head[8] & !0x20);
    if head[0] != b'*' || head[4] != b'$' {
        return What::Request;
    }
    match (length, letter) {
        // AUTH and PING; of the others with four letters none begins so.
        (b'4', b'A' | b'P') => What::Other,
        (b'4', b'Q') => What::Goodbye,
        // HELLO, CLIENT and SELECT, which come first.
        (b'5', b'H') | (b'6', b'C' | b'S') if is_first => What::Other,
        _ => What::Request,
    }
}

/// The start of a session of version 3, or the wish for TLS or GSS.
#[inline(always)]
fn is_postgresql(head: &Head) -> bool {
    let code = [head[4], head[5], head[6], head[7]];
    head[0] == 0 && head[1] == 0 && matches!(code, [0, 3, 0, _] | [0x04, 0xd2, 0x16, 0x2f | 0x30])
}

/// The answer to a server's greeting: the second packet, as long as it says.
#[inline(always)]
fn is_mysql_login(head: &Head, length: u32) -> bool {
    let says = u32::from(head[0]) | u32::from(head[1]) << 8 | u32::from(head[2]) << 16;
    head[3] == 1 && (32..4096).contains(&says) && (length == MYSQL_HEADER || length == says + MYSQL_HEADER)
}

/// A client's first packet; mosquitto reads its first byte alone.
#[inline(always)]
fn is_mqtt(head: &Head, length: u32) -> bool {
    head[0] == 0x10 && (length == 1 || head[2] == 0 && (head[4] == b'M' || head[5] == b'M'))
}

#[inline(always)]
fn mqtt(head: &Head) -> What {
    match head[0] >> 4 {
        // PUBLISH, SUBSCRIBE, UNSUBSCRIBE.
        3 | 8 | 10 => What::Request,
        14 => What::Goodbye,
        _ => What::Other,
    }
}

//! The client's end: its process writes requests, which no read shows, and reads their answers. A turn whose
//! first bytes are an answer stands for a request; handshakes are told apart where their first bytes tell.

use super::{Head, Talk, flag, frames, protocol};

/// Types of HTTP/2 frames that answer a request (RFC 9113, 6): data and headers.
const ANSWERS: [u8; 2] = [0, 1];

/// The type of a SETTINGS frame, with which an HTTP/2 server begins.
const SETTINGS: u8 = 4;

impl Talk {
    /// The process of the client has read; otherwise as [`Self::start`].
    #[inline(always)]
    pub fn answer(&mut self, wrote: bool, head: impl Fn() -> Option<Head>) -> u8 {
        if wrote {
            self.flags |= flag::ARMED;
        } else if self.protocol != protocol::TLS {
            return 0;
        }
        let Some(head) = head() else {
            return self.unseen();
        };
        if self.protocol == protocol::UNKNOWN {
            self.protocol = detect(&head);
        }
        match self.protocol {
            protocol::TLS => self.tls_answer(&head, wrote),
            protocol::HTTP2 if head[3] != ANSWERS[0] && head[3] != ANSWERS[1] => 0,
            _ => self.request_if_armed(),
        }
    }

    /// The same over TLS. A process that reads in pieces shows no header in the middle of a record.
    #[inline(always)]
    pub(super) fn tls_answer(&mut self, head: &Head, wrote: bool) -> u8 {
        self.flags &= !flag::ARMED;
        if frames::is_record(head) && frames::is_goodbye(head) {
            self.goodbye()
        } else if wrote && frames::is_data(head) {
            self.request()
        } else {
            0
        }
    }

    /// Whether a read is too long to begin with the server's goodbye over TLS: nothing comes after one.
    #[inline(always)]
    pub(super) fn is_no_goodbye(&mut self, length: u32) -> bool {
        /// More than an alert with the longest digest and padding.
        const ALERT: u32 = 512;
        let is_none = length > ALERT;
        if is_none {
            self.flags &= !flag::ARMED;
        }
        is_none
    }
}

/// Which protocol the first bytes of an answer belong to.
#[inline(always)]
fn detect(head: &Head) -> u8 {
    if frames::is_record(head) {
        protocol::TLS
    } else if head[..5] == *b"HTTP/" {
        protocol::HTTP1
    } else if head[0] == 0 && head[3] == SETTINGS && head[5..] == [0; 4] {
        protocol::HTTP2
    } else {
        protocol::OTHER
    }
}

//! The client's end of what comes in records or frames: TLS, and HTTP/2 in clear. `frames` follows them.

use super::{
    Head, Talk, flag,
    frames::{
        FINISHED, FINISHED_12, PING, RECORD_HEADER, added, frame, is_acknowledgement, is_control,
        may_be_controls, may_be_settings, record, stage,
    },
    protocol,
};

/// A frame of HTTP/2 that ends its stream (RFC 9113, 6.1 and 6.2).
const END_STREAM: u8 = 1;

/// A change of cipher, which clients with TLS 1.3 send for show.
const CHANGE_OF_CIPHER: u32 = RECORD_HEADER + 1;

/// Whether these bytes are the header of a SETTINGS frame, with which an HTTP/2 server begins.
#[inline(always)]
pub(super) fn is_settings_frame(head: &Head) -> bool {
    head[0] == 0 && head[3] == frame::SETTINGS && head[5..] == [0; 4]
}

impl Talk {
    /// Whether a request may be among these bytes that were written over TLS: they are more than a step of
    /// the handshake or, with HTTP/2, an acknowledgement of settings.
    #[inline(always)]
    pub(super) fn is_asking_in_tls(&mut self, written: u32) -> bool {
        let first = written.wrapping_sub(RECORD_HEADER);
        if self.stage == stage::HELLO || self.stage == stage::CIPHER {
            let is_finished = |length: u32| length == FINISHED[0] || length == FINISHED[1];
            if is_finished(first) || is_finished(first.wrapping_sub(CHANGE_OF_CIPHER)) {
                self.stage = stage::OPEN_13;
                return false;
            }
            return written != CHANGE_OF_CIPHER;
        }
        let is_13 = self.stage == stage::OPEN_13;
        let is_known = self.protocol == protocol::TLS_HTTP2;
        // Each client of HTTP/2 acknowledges the server's settings, at most one request after it has begun.
        if (is_known || self.requests <= 1 && self.may_be_http2()) && is_acknowledgement(first, is_13) {
            self.protocol = protocol::TLS_HTTP2;
            // The server's settings may have been taken for an answer, and a request may be as short as an
            // update of a window.
            self.flags |= flag::ESTIMATED;
            return false;
        }
        if is_known && written == self.around() + PING {
            return false;
        }
        if self.may_be_http2() && may_be_controls(written, is_13) {
            // Perhaps nothing but control frames, and not known as such: the server's settings came in one
            // record with the answer, or the acknowledgement was written together with something else. What
            // the server says next would be taken for an answer.
            self.flags |= flag::ESTIMATED;
        }
        true
    }

    /// A record from a server.
    #[inline(always)]
    pub(super) fn server_record(&mut self, kind: u8, length: u32) -> u8 {
        let is_turn = self.flags & flag::ARMED != 0;
        match (kind, self.stage) {
            (record::DATA, stage::OPEN_12 | stage::OPEN_13) => return self.server_data(length),
            // The first one after the client has finished the handshake of TLS 1.3. Those before it,
            // encrypted parts of the handshake, answer nothing but the client's hello.
            (record::DATA, _) if is_turn => {
                self.stage = stage::OPEN_13;
                return self.server_data(length);
            }
            (record::ALERT, stage::OPEN_12 | stage::OPEN_13) => return self.goodbye(),
            (record::CHANGE_CIPHER, stage::HELLO) => self.stage = stage::CIPHER,
            // In the same flight as the change of cipher. Otherwise the server has asked for another hello.
            (record::HANDSHAKE, stage::CIPHER) if !is_turn && length <= FINISHED_12 => {
                self.stage = stage::OPEN_12;
            }
            (record::HANDSHAKE, stage::CIPHER | 0) => self.stage = stage::HELLO,
            _ => {}
        }
        self.flags &= !flag::ARMED;
        0
    }

    /// A record of application data from a server.
    #[inline(always)]
    fn server_data(&mut self, length: u32) -> u8 {
        let is_13 = self.stage == stage::OPEN_13;
        let data = length.wrapping_sub(added::TLS_13);
        if is_13 && data == 2 {
            return self.goodbye();
        }
        if self.answers_login(length) {
            return 0;
        }
        if self.requests == 0 && self.may_be_http2() && may_be_settings(length, is_13) {
            // If they are, and the first request follows them, they are counted as an answer of their own.
            self.flags |= flag::ESTIMATED;
        }
        if self.protocol == protocol::TLS_HTTP2 {
            if is_control(length, is_13) {
                self.flags |= flag::ASIDE;
                return 0;
            }
            self.flags &= !flag::ASIDE;
        }
        self.request_if_armed()
    }

    /// A frame from a server: the last one of a stream answers its request.
    #[inline(always)]
    pub(super) fn server_frame(&mut self, head: &Head) -> u8 {
        match head[3] {
            frame::DATA | frame::HEADERS if head[4] & END_STREAM != 0 => self.request(),
            frame::GOAWAY => self.goodbye(),
            _ => 0,
        }
    }
}

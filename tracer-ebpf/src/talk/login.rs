//! The login of PostgreSQL within TLS, where only lengths show. A client asks for TLS in clear, and says who
//! it is after the handshake; the server asks for a password, in one step or several, and sends its settings
//! when the login is complete.

use super::{Talk, flag, protocol};

/// This is not PostgreSQL.
const NONE: u8 = 0;

/// Nothing of it was said yet.
const BEGINS: u8 = 1;

/// The client has said who it is.
const GOES_ON: u8 = 2;

/// It is complete.
const OVER: u8 = 3;

/// This is MySQL, whose login counts as a request.
const MYSQL: u8 = 4;

/// The settings that end a login take some 400 bytes, and a step of it some 120, each in one record.
const SETTINGS: u32 = 256;

impl Talk {
    /// TLS begins within another protocol.
    #[inline(always)]
    pub(super) fn begin_login(&mut self, within: u8) {
        self.login = match within {
            protocol::POSTGRESQL => BEGINS,
            protocol::MYSQL => MYSQL,
            _ => NONE,
        };
    }

    /// At the server's end: what the process has written since its last read may complete a login.
    #[inline(always)]
    pub(super) fn may_complete_login(&mut self, written: u32) {
        if self.login == GOES_ON && written >= SETTINGS {
            self.login = OVER;
        }
    }

    /// Whether PostgreSQL is spoken, in clear or within TLS.
    #[inline(always)]
    pub fn is_postgresql(&self) -> bool {
        self.protocol == protocol::POSTGRESQL || !matches!(self.login, NONE | MYSQL)
    }

    #[inline(always)]
    fn is_logging_in(&self) -> bool {
        matches!(self.login, BEGINS | GOES_ON)
    }

    /// Whether HTTP/2 may be spoken within TLS: not at a database.
    #[inline(always)]
    pub(super) fn may_be_http2(&self) -> bool {
        self.login == NONE
    }

    /// Whether the client's data belongs to a login.
    #[inline(always)]
    pub(super) fn is_of_login(&mut self) -> bool {
        if !self.is_logging_in() {
            return false;
        }
        self.login = GOES_ON;
        self.flags &= !flag::ARMED;
        true
    }

    /// Whether a record of the server's, of this length, belongs to a login, and completes it perhaps.
    #[inline(always)]
    pub(super) fn answers_login(&mut self, length: u32) -> bool {
        if !self.is_logging_in() {
            return false;
        }
        self.login = if length >= SETTINGS { OVER } else { GOES_ON };
        self.flags &= !flag::ARMED;
        true
    }
}

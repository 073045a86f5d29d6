//! Reasons for having no status. Each message is one line: where, what, and what to do.

use std::{io, time::Duration};

use super::ParseError;
use crate::text::sanitise;

/// Maximum length of foreign text in a message, characters.
const MAX_FOREIGN: usize = 200;

/// The status could not be obtained.
#[derive(Debug, thiserror::Error)]
#[error("no server status from {url}: {fault}")]
pub struct StatusError {
    /// The address, without user and password.
    pub url: String,
    /// The reason.
    pub fault: Fault,
}

/// What went wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No complete answer came within the limit.
    #[error("no complete answer within {limit:?}; a server with no free worker cannot answer this either")]
    Timeout {
        /// The time limit for the whole fetch.
        limit: Duration,
    },
    /// Nothing listens there.
    #[error("connection refused; does the server listen on this address and port?")]
    ConnectionRefused,
    /// The name does not resolve, there is no route, or similar.
    #[error("{reason}; is the address right?")]
    Connect {
        /// The system's message.
        reason: String,
    },
    /// The connection ended before the answer was complete.
    #[error("the server ended the connection before its answer was complete; its error log may say why")]
    CutShort,
    /// The certificate is not valid.
    #[error(
        "its certificate {reason}; on the server itself use an http://127.0.0.1/… address, otherwise add its CA to this machine's certificates"
    )]
    Certificate {
        /// What is wrong with it.
        reason: String,
    },
    /// This machine has no CA certificates.
    #[error(
        "this machine has no CA certificates for https; install them (package ca-certificates), set SSL_CERT_FILE to a file of them, or use an http:// address"
    )]
    NoRoots,
    /// TLS failed.
    #[error("no TLS connection: {reason}; does this port speak https? If not, use http://")]
    Tls {
        /// The TLS library's message.
        reason: String,
    },
    /// The answer is not HTTP.
    #[error("the answer is not valid HTTP: {reason}; does this port speak https instead?")]
    Http {
        /// The HTTP library's message.
        reason: String,
    },
    /// The HTTP status is not success.
    #[error("the server answers {code}{}", hint(*code))]
    Answer {
        /// The HTTP status.
        code: u16,
    },
    /// The redirect leads to another host, from https to http, or nowhere.
    #[error("it redirects to {to}, which is not followed; give the address of the status page itself")]
    Redirect {
        /// The target as the server sent it.
        to: String,
    },
    /// Too many redirects in a row.
    #[error("more than {limit} redirects; give the address of the status page itself")]
    TooManyRedirects {
        /// The most that are followed.
        limit: u32,
    },
    /// The page is too large for a status page.
    #[error(
        "the page is larger than {limit} bytes; is this the address of mod_status? If not, give --max-workers N"
    )]
    TooBig {
        /// The limit, bytes.
        limit: u64,
    },
    /// The page is not a status page.
    #[error(transparent)]
    Page(#[from] ParseError),
}

/// What to do after this HTTP status.
fn hint(code: u16) -> &'static str {
    match code {
        400 => "; does this port speak https instead?",
        401 => ": it needs a login, http://USER:PASSWORD@…",
        403 => ": mod_status usually answers only the server itself (Require local); run this there",
        404 => "; is mod_status on, and is this its <Location>? A CMS's rewrite rules may catch the path",
        503 => "; are all its workers busy, or is there a proxy in between?",
        _ => "; its error log may say why",
    }
}

impl Fault {
    /// Translates an error of the HTTP library. `limit` is that of the whole fetch.
    pub(super) fn from_http(error: ureq::Error, limit: Duration) -> Self {
        match error {
            ureq::Error::Timeout(_) => Self::Timeout { limit },
            ureq::Error::HostNotFound => Self::Connect {
                reason: "no such host".to_owned(),
            },
            ureq::Error::Rustls(error) => Self::from_tls(&error),
            ureq::Error::Tls(reason) => Self::Tls {
                reason: reason.to_owned(),
            },
            ureq::Error::Io(error) => Self::from_io(&error),
            other => Self::Http {
                reason: foreign(&other.to_string()),
            },
        }
    }

    fn from_io(error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::from_tls(tls);
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::CutShort,
            _ => Self::Connect {
                reason: foreign(&error.to_string()),
            },
        }
    }

    fn from_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Wrong;
        let rustls::Error::InvalidCertificate(wrong) = error else {
            return Self::Tls {
                reason: foreign(&error.to_string()),
            };
        };
        let reason = match wrong {
            Wrong::UnknownIssuer | Wrong::BadSignature => {
                "is self-signed or from a CA this machine does not trust".to_owned()
            }
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "is for a different name than this address has".to_owned()
            }
            Wrong::Expired | Wrong::ExpiredContext { .. } => "has expired".to_owned(),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "is not valid yet".to_owned(),
            // What `openssl req -x509` creates. Even if it is trusted as a CA, it is not acceptable as a
            // server's certificate.
            other if other.to_string().contains("CaUsedAsEndEntity") => {
                "is that of a self-signed CA".to_owned()
            }
            other => format!("is not accepted ({})", foreign(&other.to_string())),
        };
        Self::Certificate { reason }
    }
}

/// Makes text that the server may have influenced safe for a terminal, on one line.
pub(super) fn foreign(text: &str) -> String {
    sanitise(text).chars().take(MAX_FOREIGN).collect()
}

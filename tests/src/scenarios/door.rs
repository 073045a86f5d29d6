//! The doors of a server: ports, and what is spoken behind them.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::CertificateDer,
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsConnector;

/// What a client speaks at the first layer that knows requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// Messages over a WebSocket, each answered by one.
    WebSocket,
    /// Redis, with a password.
    Redis,
    /// PostgreSQL, with SCRAM.
    PostgreSql,
    /// MQTT; messages are acknowledged.
    Mqtt,
}

/// The TLS of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The only version it speaks.
    pub version: Version,
    /// Whether it trusts the server's certificate.
    pub trusts: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2. These clients close without an alert, as Python's do.
    V12,
    /// TLS 1.3. These clients send `close_notify` first, as OpenSSL's and Go's do.
    V13,
}

/// A port, and what clients speak there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// The port.
    pub port: u16,
    /// The TLS below the dialect, if there is any.
    pub tls: Option<Tls>,
    /// The dialect.
    pub dialect: Dialect,
}

impl Door {
    /// HTTP/1.1 in clear.
    pub const fn http(port: u16) -> Self {
        Self::clear(port, Dialect::Http1)
    }

    /// A dialect in clear.
    pub const fn clear(port: u16, dialect: Dialect) -> Self {
        Self {
            port,
            tls: None,
            dialect,
        }
    }

    /// A dialect over a version of TLS.
    pub const fn secure(port: u16, version: Version, dialect: Dialect) -> Self {
        Self {
            port,
            tls: Some(Tls {
                version,
                trusts: true,
            }),
            dialect,
        }
    }

    /// The same for clients that refuse the server's certificate.
    #[must_use]
    pub fn distrusted(self) -> Self {
        let tls = self.tls.map(|tls| Tls { trusts: false, ..tls });
        Self { tls, ..self }
    }

    /// Whether clients say goodbye before they close.
    pub(super) fn says_goodbye(&self) -> bool {
        self.tls.is_none_or(|tls| tls.version == Version::V13)
    }

    /// The TLS connector for this door, given the server's certificate; `None` without TLS.
    pub(super) fn connector(&self, certificate: &CertificateDer<'static>) -> Option<TlsConnector> {
        let tls = self.tls?;
        let mut roots = RootCertStore::empty();
        if tls.trusts {
            roots.add(certificate.clone()).expect("a certificate");
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[tls.version.of_rustls()])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        if self.dialect == Dialect::Http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        Some(TlsConnector::from(Arc::new(config)))
    }
}

impl Version {
    fn of_rustls(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::V12 => &TLS12,
            Self::V13 => &TLS13,
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.dialect {
            Dialect::Http1 => "HTTP/1.1",
            Dialect::Http2 => "HTTP/2",
            Dialect::WebSocket => "WebSocket",
            Dialect::Redis => "Redis",
            Dialect::PostgreSql => "PostgreSQL",
            Dialect::Mqtt => "MQTT",
        })?;
        match self.tls.map(|tls| tls.version) {
            None => Ok(()),
            Some(Version::V12) => f.write_str(" over TLS 1.2"),
            Some(Version::V13) => f.write_str(" over TLS 1.3"),
        }
    }
}

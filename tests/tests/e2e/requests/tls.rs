//! A TLS server and its clients.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
    crypto::ring,
    pki_types::{PrivateKeyDer, ServerName},
};
use tcpreuse_tests::traffic::connect;

use super::{ANSWER, REQUEST};

/// A TLS server that answers each request, and what a client needs to trust it.
pub(super) struct TlsServer {
    pub(super) address: SocketAddr,
    client: Arc<ClientConfig>,
}

/// How a server answers.
#[derive(Clone)]
pub(super) struct Manner {
    /// It ends a connection after this many requests.
    pub(super) limit: usize,
    /// How long a request waits for its answer.
    pub(super) hold: Duration,
    /// How long it then waits before it ends the connection.
    pub(super) idle: Duration,
    /// It waits for somebody else before it closes without a word. Else it says goodbye.
    pub(super) wait: Option<Arc<Barrier>>,
    /// After its goodbye, it waits until the client closes.
    pub(super) lingers: bool,
}

impl Manner {
    /// Answers at once, and ends a connection with its goodbye after this many requests.
    pub(super) const fn limited(limit: usize) -> Self {
        Self {
            limit,
            hold: Duration::ZERO,
            idle: Duration::ZERO,
            wait: None,
            lingers: false,
        }
    }
}

impl TlsServer {
    /// Answers as many requests as come.
    pub(super) fn start(version: &'static SupportedProtocolVersion) -> Self {
        Self::start_with(version, Manner::limited(usize::MAX))
    }

    pub(super) fn start_with(version: &'static SupportedProtocolVersion, manner: Manner) -> Self {
        let provider = || Arc::new(ring::default_provider());
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new(server);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (server, manner) = (Arc::clone(&server), manner.clone());
                thread::spawn(move || answer(stream.unwrap(), server, &manner));
            }
        });
        Self {
            address,
            client: Arc::new(client),
        }
    }

    /// A client after its handshake.
    pub(super) fn connect(&self, from: IpAddr) -> Client {
        let mut stream = connect(from, self.address).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).unwrap();
        }
        StreamOwned::new(tls, stream)
    }
}

pub(super) type Client = StreamOwned<ClientConnection, TcpStream>;

fn answer(stream: TcpStream, config: Arc<ServerConfig>, manner: &Manner) {
    let tls = ServerConnection::new(config).unwrap();
    let mut stream = StreamOwned::new(tls, stream);
    let has_left = (0..manner.limit).any(|_| {
        let mut request = vec![0; REQUEST.len()];
        let has_left = stream.read_exact(&mut request).is_err();
        if !has_left {
            thread::sleep(manner.hold);
            stream.write_all(ANSWER).unwrap();
        }
        has_left
    });
    if !has_left {
        thread::sleep(manner.idle);
    }
    match &manner.wait {
        Some(wait) => {
            wait.wait();
        }
        None if has_left => {}
        None => {
            stream.conn.send_close_notify();
            let _ = stream.flush();
            if manner.lingers {
                let _ = stream.sock.read_to_end(&mut Vec::new());
            }
        }
    }
}

pub(super) fn ask(client: &mut Client) {
    client.write_all(REQUEST).unwrap();
    client.read_exact(&mut vec![0; ANSWER.len()]).unwrap();
}

/// Says goodbye and closes, as clients do.
pub(super) fn leave(mut client: Client) {
    client.conn.send_close_notify();
    let _ = client.flush();
}

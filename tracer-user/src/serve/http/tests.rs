use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::Instant,
};

use rustls::crypto::ring;
use ureq::{
    Agent,
    tls::{Certificate, TlsConfig},
};

use super::*;
use crate::{
    diagnosis::Options,
    report::{
        example::{example, origin, sample},
        openmetrics::{Counted, MAX_METRICS_PEERS},
    },
    serve::{door::Address, latest::Course},
};

pub(super) fn latest(number: u64) -> Arc<Latest> {
    let mut counted = Counted::default();
    counted.look(&sample(), &Options::default());
    let mut course = Course::default();
    course.add(&sample());
    Arc::new(Latest {
        number,
        at: Instant::now(),
        took: Duration::from_millis(3),
        diagnosis: Arc::new(example()),
        counted: Arc::new(counted),
        course: course.points(),
        origin: Arc::new(origin()),
    })
}

struct Server {
    address: SocketAddr,
    publish: watch::Sender<Option<Arc<Latest>>>,
    _secrets: watch::Sender<Arc<Secrets>>,
}

fn server(secrets: Secrets, stale_after: Duration) -> Server {
    let door = Door::open(&Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
    let Ok(Address::Tcp(address)) = door.address() else {
        unreachable!()
    };
    let (publish, newest) = watch::channel(None);
    let (keep, secrets) = watch::channel(Arc::new(secrets));
    start(Serving {
        doors: vec![door],
        latest: newest,
        secrets,
        metrics_peers: MAX_METRICS_PEERS,
        stale_after,
        keep: None,
    })
    .unwrap();
    Server {
        address,
        publish,
        _secrets: keep,
    }
}

impl Server {
    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .write_all(request.replace('\n', "\r\n").as_bytes())
            .unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        String::from_utf8_lossy(&reply).into_owned()
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n\n"
        ))
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn everything_is_there_once_there_is_a_sample() {
    let server = server(Secrets::default(), HOUR);
    for path in ["/", "/metrics", "/api/diagnosis", "/healthz"] {
        assert!(server.get(path).starts_with("HTTP/1.1 503 "), "{path}");
    }
    server.publish.send_replace(Some(latest(1)));
    for (path, words) in [
        ("/", "192.0.2.12"),
        ("/metrics", "\ntcpreuse_connections_opened_total{"),
        ("/api/diagnosis", "\"schema\": \"tcpreuse.diagnosis/1\""),
        ("/healthz", "\r\n\r\nok\n"),
        ("/page.css", "prefers-color-scheme"),
        ("/page.js", "EventSource"),
    ] {
        let reply = server.get(path);
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {reply}");
        assert!(reply.contains(words), "{path}: {reply}");
        assert!(
            reply.contains("content-security-policy: default-src 'none'"),
            "{path}: {reply}"
        );
    }
    assert!(server.get("/etc/passwd").starts_with("HTTP/1.1 404 "));
}

#[test]
fn the_style_of_metrics_is_negotiated() {
    let server = server(Secrets::default(), HOUR);
    server.publish.send_replace(Some(latest(1)));
    let accepting = |accept: &str| {
        server.ask(&format!(
            "GET /metrics HTTP/1.1\nHost: localhost\nAccept: {accept}\nConnection: close\n\n"
        ))
    };
    let open = accepting("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert!(
        open.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{open}"
    );
    assert!(open.ends_with("# EOF\n"));
    let old = accepting("*/*");
    assert!(old.contains("content-type: text/plain; version=0.0.4"), "{old}");
    let zipped =
        server.ask("GET /metrics HTTP/1.1\nHost: localhost\nAccept-Encoding: gzip\nConnection: close\n\n");
    assert!(zipped.contains("content-encoding: gzip"), "{zipped}");
    assert!(
        zipped.len() < old.len() / 2,
        "{} of {} bytes",
        zipped.len(),
        old.len()
    );
}

#[test]
fn health_ends_when_sampling_does() {
    let server = server(Secrets::default(), Duration::ZERO);
    server.publish.send_replace(Some(latest(1)));
    let reply = server.get("/healthz");
    assert!(
        reply.starts_with("HTTP/1.1 503 ") && reply.contains("stands still"),
        "{reply}"
    );
}

/// A page from elsewhere may make its own name mean 127.0.0.1, and may send what it likes.
#[test]
fn what_is_not_for_this_machine_is_refused() {
    let server = server(Secrets::default(), HOUR);
    server.publish.send_replace(Some(latest(1)));
    let rebound = server.ask("GET / HTTP/1.1\nHost: attacker.example:9779\nConnection: close\n\n");
    assert!(
        rebound.starts_with("HTTP/1.1 421 ") && !rebound.contains("192.0.2."),
        "{rebound}"
    );
    let posted = server.ask("POST / HTTP/1.1\nHost: localhost\nContent-Length: 0\nConnection: close\n\n");
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    let long = format!(
        "GET / HTTP/1.1\nHost: localhost\nX: {}\n\n",
        "x".repeat(2 * MAX_HEAD)
    );
    assert!(server.ask(&long).starts_with("HTTP/1.1 431 "));
}

#[test]
fn without_the_token_nothing_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef").unwrap();
    let token: Option<PathBuf> = Some(file.path().to_owned());
    let server = server(Secrets::read(None, None, token.as_deref()).unwrap(), HOUR);
    server.publish.send_replace(Some(latest(1)));
    for path in [
        "/",
        "/metrics",
        "/api/diagnosis",
        "/healthz",
        "/events",
        "/nothing",
    ] {
        let reply = server.get(path);
        assert!(
            reply.starts_with("HTTP/1.1 401 ") && !reply.contains("192.0.2."),
            "{path}: {reply}"
        );
    }
    let reply = server.ask(
        "GET /healthz HTTP/1.1\nHost: any.example\nAuthorization: Bearer 0123456789abcdef\nConnection: close\n\n",
    );
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
}

#[test]
fn a_stream_follows_the_diagnoses() {
    let server = server(Secrets::default(), HOUR);
    server.publish.send_replace(Some(latest(1)));
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut so_far = String::new();
    let mut until = |words: &str| {
        let mut buffer = [0; 64 << 10];
        while !so_far.contains(words) {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "ended: {so_far}");
            so_far.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    };
    until("id: 1\n");
    server.publish.send_replace(Some(latest(2)));
    until("id: 2\n");
}

#[test]
fn over_tls_the_token_opens() {
    const TOKEN: &str = "0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let [cert, key, token] = ["cert", "key", "token"].map(|name| folder.path().join(name));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::write(&token, TOKEN).unwrap();
    let secrets = Secrets::read(Some(&cert), Some(&key), Some(&token)).unwrap();
    assert!(secrets.suffice_for_others());
    let server = server(secrets, HOUR);
    server.publish.send_replace(Some(latest(1)));
    let root = Certificate::from_der(made.cert.der()).to_owned();
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(vec![root].into())
        .build();
    let agent = Agent::config_builder()
        .proxy(None)
        .tls_config(tls)
        .http_status_as_error(false)
        .build()
        .new_agent();
    let url = format!("https://{}/healthz", server.address);
    assert_eq!(agent.get(&url).call().unwrap().status(), 401);
    let admitted = agent
        .get(&url)
        .header("authorization", format!("Bearer {TOKEN}"))
        .call();
    assert_eq!(admitted.unwrap().status(), 200);
}

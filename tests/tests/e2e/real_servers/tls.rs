//! Web servers over TLS, each with its own way to read.

use std::{path::Path, process::Command};

use tcpreuse_tests::{
    namespace::Namespace,
    need_root,
    program::{Diagnosis, Trace},
    servers::web,
    traffic::source,
};

use super::*;

const PORT: u16 = 8443;

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// Every server here closes idle connections after a second.
const TIMEOUT_MS: u64 = 1_000;

/// A script that is part of the tests.
fn script(name: &str) -> String {
    format!("{}/tests/e2e/real_servers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Traces both ends while the client runs.
fn traced(client: Command) -> (Diagnosis, Value) {
    let trace = Trace::start(
        &Namespace::current(),
        &["--port", &PORT.to_string(), "--direction", "both"],
    );
    let said = said(client);
    all_are_over();
    (trace.finish(), said)
}

/// How long a client saw its idle connection last.
fn lasted_ms(said: &Value) -> f64 {
    said.get("lasted_ms").and_then(Value::as_f64).unwrap()
}

/// Starts a server in a namespace of its own, with a certificate, and runs `ask` once it answers.
fn against(server: impl FnOnce(&Path, &Certificate) -> Command, programs: &[&str], ask: impl FnOnce()) {
    need_root!();
    if !are_installed(programs) {
        return;
    }
    let _namespace = Namespace::new();
    let folder = folder();
    let certificate = Certificate::new(folder.path());
    let _server = Server::start(server(folder.path(), &certificate), PORT);
    all_are_over();
    ask();
}

/// Runs a client with HTTP/1.1 and each version of TLS against a server. Its idle time may be counted from an
/// acknowledgement that comes this much later than the answer.
fn check(server: impl FnOnce(&Path, &Certificate) -> Command, programs: &[&str], slack_ms: u64) {
    against(server, programs, || {
        for version in VERSIONS {
            let mut client = command("python3");
            client.args([&script("https.py"), &PORT.to_string(), version]);
            let (diagnosis, said) = traced(client);
            assert_as_said(&diagnosis, &said);
            for client in ["127.1.0.1", "127.1.0.2", "127.1.0.3", "127.1.0.4"] {
                assert_eq!(
                    protocol(&diagnosis, client, "inbound"),
                    "tls",
                    "{client}, {version}"
                );
            }
            assert_idle(&diagnosis, "127.1.0.3", TIMEOUT_MS - slack_ms, lasted_ms(&said));
        }
    });
}

/// nginx with one server and these further lines in it.
fn nginx(folder: &Path, listen: &str, lines: &str) -> Command {
    web::nginx(
        folder,
        &format!("server {{ listen 127.0.0.1:{PORT} {listen}; {lines} }}"),
    )
}

#[test]
fn nginx_over_tls() {
    let server = |folder: &Path, Certificate { path, key, .. }: &Certificate| {
        let lines = format!(
            "ssl_certificate {path}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
             keepalive_timeout 1s; location / {{ return 200 ok; }}"
        );
        nginx(folder, "ssl", &lines)
    };
    check(server, &["nginx", "python3"], 0);
}

#[test]
fn apache_over_tls() {
    let server = |folder: &Path, Certificate { path, key, .. }: &Certificate| {
        write(folder, "index.html", "ok");
        let lines = format!(
            "Listen 127.0.0.1:{PORT}
AcceptFilter https none
KeepAliveTimeout {TIMEOUT_MS}ms
DocumentRoot {folder}
Alias / {folder}/index.html
SSLEngine on
SSLCertificateFile {path}
SSLCertificateKeyFile {key}
",
            folder = folder.display()
        );
        let modules = ["mpm_event", "authz_core", "alias", "socache_shmcb", "ssl"];
        web::apache(folder, &modules, &lines)
    };
    check(server, &["apache2", "python3"], 0);
}

#[test]
fn python_over_tls() {
    let server = |_: &Path, certificate: &Certificate| {
        let mut python = command("python3");
        python.args([
            &script("https_server.py"),
            &PORT.to_string(),
            &certificate.path,
            &certificate.key,
        ]);
        python
    };
    // Head and body are sent apart, and the kernel of the client waits 40 ms before it acknowledges the
    // second.
    const DELAYED_MS: u64 = 50;
    check(server, &["python3"], DELAYED_MS);
}

/// Go's own HTTP, built in this folder.
fn build_go(folder: &Path) -> String {
    let built = folder.join("https");
    let mut build = command("go");
    build.arg("build").arg("-o").arg(&built).arg(script("https.go"));
    build.env("GOCACHE", folder.join("cache"));
    let output = build.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{build:?}: {errors}");
    built.to_string_lossy().into_owned()
}

#[test]
fn go_over_tls() {
    let server = |folder: &Path, Certificate { path, key, .. }: &Certificate| {
        let mut go = command(&build_go(folder));
        go.args(["serve", &PORT.to_string(), path, key]);
        go
    };
    check(server, &["go", "python3"], 0);
}

/// Runs a client with HTTP/2 against a server.
fn check_http2(server: impl FnOnce(&Path, &Certificate) -> Command, programs: &[&str]) {
    against(server, programs, || {
        let mut client = command("node");
        client.args([&script("http2.js"), &PORT.to_string()]);
        let (diagnosis, said) = traced(client);
        assert_as_said(&diagnosis, &said);
    });
}

/// Clients of Go's, which write each control frame by itself, with both servers.
#[test]
fn go_with_http_2() {
    need_root!();
    if !are_installed(&["go", "nginx"]) {
        return;
    }
    let built = folder();
    let program = build_go(built.path());
    let ask = || {
        let mut client = command(&program);
        client.args(["ask", &PORT.to_string()]);
        let (diagnosis, said) = traced(client);
        assert_as_said(&diagnosis, &said);
    };
    let go = |_: &Path, Certificate { path, key, .. }: &Certificate| {
        let mut go = command(&program);
        go.args(["serve", &PORT.to_string(), path, key]);
        go
    };
    against(go, &[], ask);
    against(nginx_with_http2, &["nginx"], ask);
}

#[test]
fn node_with_http_2() {
    // Longer than the test takes.
    const TIMEOUT_MS: u32 = 60_000;
    let server = |_: &Path, certificate: &Certificate| web::node(PORT, certificate, TIMEOUT_MS);
    check_http2(server, &["node"]);
}

fn nginx_with_http2(folder: &Path, Certificate { path, key, .. }: &Certificate) -> Command {
    let lines = format!("ssl_certificate {path}; ssl_certificate_key {key}; location / {{ return 200 ok; }}");
    nginx(folder, "ssl http2", &lines)
}

#[test]
fn nginx_with_http_2() {
    check_http2(nginx_with_http2, &["nginx", "node"]);
}

/// Messages over a WebSocket that nginx hands on, and nginx ends when it has been quiet for a second.
#[test]
fn websockets_through_nginx() {
    need_root!();
    if !are_installed(&["nginx"]) {
        return;
    }
    let namespace = Namespace::new();
    let backend = websocket::serve();
    let folder = folder();
    let lines = format!(
        "location / {{ proxy_pass http://{backend}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
         proxy_set_header Connection upgrade; proxy_read_timeout 1s; }}"
    );
    let server = Server::start(nginx(folder.path(), "", &lines), PORT);
    all_are_over();
    let ports = format!("{PORT},{}", backend.port());
    let trace = Trace::start(&namespace, &["--port", &ports, "--direction", "both"]);
    for _ in 0..3 {
        websocket::talk(source(0), server.address, 5);
    }
    websocket::talk(source(1), server.address, 9);
    let (_, lasted_ms) = websocket::wait_for_the_end(source(2), server.address);
    all_are_over();
    let diagnosis = trace.finish();
    diagnosis.assert_sound();
    // The upgrade is a request too.
    for (n, expected) in [(0, (18, 6)), (1, (10, 10)), (2, (2, 2))] {
        let client = source(n).to_string();
        assert_eq!(requests(&diagnosis, &client, "inbound"), expected, "{client}");
        assert_eq!(protocol(&diagnosis, &client, "inbound"), "websocket");
    }
    assert_idle(&diagnosis, &source(2).to_string(), TIMEOUT_MS, lasted_ms);
    // nginx is a client of the backend, as is the test of nginx.
    let sums: Vec<u64> = diagnosis
        .peers()
        .iter()
        .filter(|peer| peer["direction"] == "outbound")
        .map(|peer| figure(peer, "requests"))
        .collect();
    assert_eq!(sums, [30, 30]);
}

/// The little that is needed of RFC 6455.
mod websocket {
    use std::{
        io::{Read, Result, Write},
        net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
        thread,
        time::Instant,
    };

    use tcpreuse_tests::traffic::connect;

    const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const ACCEPTED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    const MESSAGE: &[u8] = &[0x81, 0x82, 1, 2, 3, 4, 5, 6];
    const REPLY: &[u8] = &[0x81, 2, b'o', b'k'];

    /// Accepts every upgrade and answers every message.
    pub(super) fn serve() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || answer(stream.unwrap()));
            }
        });
        address
    }

    fn answer(mut stream: TcpStream) {
        if head(&mut stream).is_err() {
            return;
        }
        let mut reply = ACCEPTED;
        while stream.write_all(reply).is_ok() {
            if stream.read_exact(&mut [0; MESSAGE.len()]).is_err() {
                return;
            }
            reply = REPLY;
        }
    }

    /// Reads the head of a request or of an answer.
    fn head(stream: &mut TcpStream) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        Ok(head)
    }

    fn open(from: IpAddr, server: SocketAddr) -> TcpStream {
        let mut stream = connect(from, server).unwrap();
        stream.write_all(ASKED).unwrap();
        let head = head(&mut stream).unwrap();
        assert!(head.starts_with(b"HTTP/1.1 101"), "{head:?}");
        stream
    }

    fn ask(stream: &mut TcpStream) {
        stream.write_all(MESSAGE).unwrap();
        stream.read_exact(&mut [0; REPLY.len()]).unwrap();
    }

    /// Opens a connection, sends messages and closes it.
    pub(super) fn talk(from: IpAddr, server: SocketAddr, messages: u32) {
        let mut stream = open(from, server);
        (0..messages).for_each(|_| ask(&mut stream));
    }

    /// Sends a message and waits until the server closes. Gives the client's end and how long that took, ms.
    pub(super) fn wait_for_the_end(from: IpAddr, server: SocketAddr) -> (TcpStream, f64) {
        let mut stream = open(from, server);
        let began = Instant::now();
        ask(&mut stream);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        (stream, began.elapsed().as_secs_f64() * 1000.0)
    }
}

//! Fetching over TLS, with a CA made for the test.

use std::{io::Write, net::SocketAddr};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};

use super::{
    super::url,
    testing::{self, PAGE, answering, ask_trusting, head, reply, serve},
    *,
};

const LIMITS: Limits = Limits {
    total: Duration::from_secs(20),
    bytes: 4096,
    redirects: 2,
};

/// A server with a certificate for this name, and the CA that signed it.
fn serve_tls(name: &str) -> (SocketAddr, RootCerts) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()])
        .unwrap()
        .signed_by(&key, &Issuer::new(params, ca_key))
        .unwrap();
    (serve_with(&leaf, &key), trusting(&ca))
}

/// A server with a self-signed certificate.
fn serve_self_signed(is_ca: IsCa) -> SocketAddr {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = is_ca;
    params.distinguished_name.push(DnType::CommonName, "web1");
    let key = KeyPair::generate().unwrap();
    serve_with(&params.self_signed(&key).unwrap(), &key)
}

fn serve_with(leaf: &rcgen::Certificate, key: &KeyPair) -> SocketAddr {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let config = Arc::new(config);
    serve(move |stream| {
        let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(tls, stream);
        head(&mut stream)?;
        stream.write_all(reply("200 OK", "", PAGE).as_bytes())?;
        stream.conn.send_close_notify();
        stream.flush()
    })
}

fn trusting(ca: &rcgen::Certificate) -> RootCerts {
    vec![Certificate::from_der(ca.der()).to_owned()].into()
}

fn page_of(server: SocketAddr) -> StatusUrl {
    url(&format!("https://{server}/server-status")).unwrap()
}

#[test]
fn a_trusted_server_is_read() {
    let (server, roots) = serve_tls("127.0.0.1");
    let status = ask_trusting(&page_of(server), &LIMITS, &|| Ok(roots.clone())).unwrap();
    assert_eq!(status, parse(PAGE).unwrap());
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused() {
    let (signed_by_a_stranger, _) = serve_tls("127.0.0.1");
    let (_, other) = serve_tls("127.0.0.1");
    for server in [
        signed_by_a_stranger,
        serve_self_signed(IsCa::NoCa),
        serve_self_signed(IsCa::Ca(BasicConstraints::Unconstrained)),
    ] {
        let error = ask_trusting(&page_of(server), &LIMITS, &|| Ok(other.clone())).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("self-signed") && said.contains("http://127.0.0.1/"),
            "{said}"
        );
    }
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let (server, roots) = serve_tls("web1.example.org");
    let error = ask_trusting(&page_of(server), &LIMITS, &|| Ok(roots.clone()));
    let said = error.unwrap_err().to_string();
    assert!(said.contains("different name"), "{said}");
}

#[test]
fn what_does_not_speak_tls_is_said_so() {
    let (_, roots) = serve_tls("127.0.0.1");
    let plain = serve(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let error = ask_trusting(&page_of(plain), &LIMITS, &|| Ok(roots.clone())).unwrap_err();
    assert!(matches!(error.fault, Fault::Tls { .. }), "{error}");
}

#[test]
fn no_roots_are_said_so_and_not_wanted_for_http() {
    let none: Roots = &|| Err(Fault::NoRoots);
    let plain = answering(reply("200 OK", "", PAGE));
    assert!(ask_trusting(&testing::page_of(plain), &LIMITS, none).is_ok());
    let error = ask_trusting(&page_of(plain), &LIMITS, none).unwrap_err();
    assert_eq!(error.fault, Fault::NoRoots);
}

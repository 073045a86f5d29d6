//! Which redirects are followed, and which are not.

use std::{io::Write, net::TcpListener, thread};

use super::{
    testing::{PAGE, head, page_of, reply, serve},
    tests::{LATE, PATIENT, SHORT, fault},
    *,
};

/// A server that redirects everything but `/end` to `location`.
fn redirecting(location: &'static str) -> StatusUrl {
    page_of(serve(move |mut stream| {
        let answer = match head(&mut stream)?.starts_with("GET /end") {
            true => reply("200 OK", "", PAGE),
            false => reply("302 Found", location, ""),
        };
        stream.write_all(answer.as_bytes())
    }))
}

#[test]
fn a_redirect_on_the_same_host_is_followed() {
    let connections = AtomicU64::new(0);
    let url = redirecting("Location: /end?auto\r\n");
    assert!(fetch(&url, &PATIENT, &connections).is_ok());
    assert_eq!(
        connections.load(Ordering::Relaxed),
        2,
        "each redirect takes a connection of its own"
    );
}

#[test]
fn redirects_elsewhere_are_not_followed() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let other = format!("Location: http://{}/end\r\n", listener.local_addr().unwrap()).leak();
    for location in [
        other,
        "Location: http://localhost/end\r\n",
        "Location: file:///etc/passwd\r\n",
        "Location: http://evil\u{202e}\u{9b}31m/\r\n",
        "",
    ] {
        let fault = fault(&redirecting(location), &PATIENT);
        assert!(matches!(fault, Fault::Redirect { .. }), "{location}: {fault:?}");
    }
    assert!(listener.accept().is_err(), "the other host must not be contacted");
}

#[test]
fn a_redirect_loop_ends() {
    assert_eq!(
        fault(&redirecting("Location: /server-status?auto\r\n"), &PATIENT),
        Fault::TooManyRedirects { limit: 2 }
    );
}

#[test]
fn redirects_share_the_time() {
    let slow = serve(|mut stream| {
        head(&mut stream)?;
        thread::sleep(SHORT.total * 2 / 3);
        stream.write_all(reply("302 Found", "Location: /again\r\n", "").as_bytes())
    });
    // If each redirect had the full time, the limit of redirects would be reached instead.
    assert_eq!(fault(&page_of(slow), &SHORT), LATE);
}

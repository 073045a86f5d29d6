//! A well-behaved server, and various others. No test may take longer than its limit.

use std::{io::Write, net::TcpListener, sync::mpsc, thread};

use proptest::prelude::*;

use super::{
    super::{ParseError, url},
    testing::{PAGE, answering, ask, head, page_of, reply, serve},
    *,
};

/// Short, so that tests of hanging servers end soon.
pub(super) const SHORT: Limits = Limits {
    total: Duration::from_millis(400),
    bytes: 4096,
    redirects: 2,
};

/// Long enough even on a busy machine, for servers that do not hang.
pub(super) const PATIENT: Limits = Limits {
    total: Duration::from_secs(20),
    ..SHORT
};

/// The fault of a fetch, which must end within `limits.total` and some tolerance.
pub(super) fn fault(url: &StatusUrl, limits: &Limits) -> Fault {
    let begun = Instant::now();
    let error = ask(url, limits).unwrap_err();
    assert!(begun.elapsed() < limits.total + Duration::from_secs(2));
    let said = error.to_string();
    assert!(
        said.starts_with("no server status from http")
            && !said.contains(char::is_control)
            && said.len() < 600,
        "{said:?}"
    );
    error.fault
}

/// The fault when a server hangs.
pub(super) const LATE: Fault = Fault::Timeout { limit: SHORT.total };

#[test]
fn a_page_is_fetched_and_read() {
    let server = answering(reply("200 OK", "", PAGE));
    let status = ask(&page_of(server), &PATIENT).unwrap();
    assert_eq!(status, parse(PAGE).unwrap());
}

#[test]
fn a_page_without_a_length_and_one_in_chunks() {
    let chunks = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{PAGE}\r\n0\r\n\r\n",
        PAGE.len()
    );
    for whole in [format!("HTTP/1.0 200 OK\r\n\r\n{PAGE}"), chunks] {
        assert!(ask(&page_of(answering(whole)), &PATIENT).is_ok());
    }
}

#[test]
fn the_request_closes_its_connection_and_carries_the_login() {
    let (seen, heads) = mpsc::channel();
    let server = serve(move |mut stream| {
        seen.send(head(&mut stream)?).unwrap();
        stream.write_all(reply("200 OK", "", PAGE).as_bytes())
    });
    ask(
        &url(&format!("http://op:secret@{server}/server-status")).unwrap(),
        &PATIENT,
    )
    .unwrap();
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /server-status?auto http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert!(
        head.contains("\r\nauthorization: basic b3a6c2vjcmv0\r\n"),
        "{head}"
    );
    assert!(!head.contains("accept-encoding: gzip"), "{head}");
}

#[test]
fn no_message_has_the_password() {
    let server = answering(reply("401 Unauthorized", "", ""));
    let url = url(&format!("http://op:secret@{server}/")).unwrap();
    let error = ask(&url, &PATIENT).unwrap_err();
    assert!(!format!("{error} {error:?} {url:?}").contains("secret"));
}

#[test]
fn silence_ends_at_the_limit() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let never_accepted = page_of(listener.local_addr().unwrap());
    assert_eq!(fault(&never_accepted, &SHORT), LATE);
    let accepted = serve(|stream| {
        thread::sleep(Duration::from_secs(5));
        drop(stream);
        Ok(())
    });
    assert_eq!(fault(&page_of(accepted), &SHORT), LATE);
    let tls = url(&format!("https://{accepted}/")).unwrap();
    assert_eq!(fault(&tls, &SHORT), LATE);
}

#[test]
fn a_drip_ends_at_the_limit() {
    for start in [
        "HTTP/1.1 200 OK\r\nX: ",
        "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ] {
        let server = serve(move |mut stream| {
            head(&mut stream)?;
            stream.write_all(start.as_bytes())?;
            loop {
                stream.write_all(b"x")?;
                thread::sleep(Duration::from_millis(100));
            }
        });
        assert_eq!(fault(&page_of(server), &SHORT), LATE, "{start}");
    }
}

/// A server that sends `more` without end.
fn endless(start: &'static str, more: &'static str) -> StatusUrl {
    let more = more.repeat(64 * 1024 / more.len() + 1);
    page_of(serve(move |mut stream| {
        head(&mut stream)?;
        stream.write_all(start.as_bytes())?;
        loop {
            stream.write_all(more.as_bytes())?;
        }
    }))
}

#[test]
fn a_big_page_is_not_read_on() {
    let too_big = Fault::TooBig { limit: PATIENT.bytes };
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
    assert_eq!(fault(&endless(length, "."), &PATIENT), too_big);
    assert_eq!(fault(&endless("HTTP/1.1 200 OK\r\n\r\n", "."), &PATIENT), too_big);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(fault(&endless(chunked, "2\r\n..\r\n"), &PATIENT), too_big);
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    assert_eq!(fault(&endless(gzip, "\u{1f}"), &PATIENT), too_big);
}

#[test]
fn the_limit_itself_is_allowed() {
    let limits = Limits {
        bytes: PAGE.len() as u64,
        ..PATIENT
    };
    for page in [
        reply("200 OK", "", PAGE),
        format!("HTTP/1.0 200 OK\r\n\r\n{PAGE}"),
    ] {
        assert!(ask(&page_of(answering(page)), &limits).is_ok());
    }
}

#[test]
fn endless_heads_end() {
    for (start, more) in [
        ("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
        ("HTTP/1.1 200 OK\r\nX: ", "y"),
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
        ("", "\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0"),
    ] {
        let fault = fault(&endless(start, more), &SHORT);
        assert!(
            matches!(
                fault,
                Fault::Http { .. } | Fault::Timeout { .. } | Fault::Answer { .. }
            ),
            "{more:?}: {fault:?}"
        );
    }
}

#[test]
fn what_is_not_http_is_said_so() {
    for rubbish in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 banana\r\n\r\n",
        "HTTP/1.1 500 \u{1b}[31m\r\n\r\n",
        "\u{1b}[31m\u{7}\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\u{1b}[2J\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    ] {
        let fault = fault(&page_of(answering(rubbish)), &PATIENT);
        assert!(
            matches!(fault, Fault::Http { .. } | Fault::CutShort),
            "{rubbish:?}: {fault:?}"
        );
    }
}

#[test]
fn a_connection_that_ends_early_is_said_so() {
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n".replace("9999", "999");
    for part in [
        "",
        "HTTP/1.1 200",
        &short,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nBus",
    ] {
        let fault = fault(&page_of(answering(part)), &PATIENT);
        assert_eq!(fault, Fault::CutShort, "{part:?}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    for (status, part) in [
        ("400 Bad Request", "https"),
        ("401 Unauthorized", "USER:PASSWORD@"),
        ("403 Forbidden", "Require local"),
        ("404 Not Found", "mod_status"),
        ("503 Service Unavailable", "workers"),
        ("500 Internal Server Error", "error log"),
        ("204 No Content", "error log"),
    ] {
        let server = answering(reply(status, "", "<html>no</html>"));
        let fault = fault(&page_of(server), &PATIENT);
        assert!(matches!(fault, Fault::Answer { .. }) && fault.to_string().contains(part));
    }
}

#[test]
fn other_pages_are_said_so() {
    let html = include_str!("../pages/without-auto.html");
    let html = answering(reply("200 OK", "Content-Type: text/html\r\n", html));
    assert!(matches!(
        fault(&page_of(html), &PATIENT),
        Fault::Page(ParseError::Foreign(_))
    ));
    let empty = answering(reply("200 OK", "", ""));
    assert_eq!(fault(&page_of(empty), &PATIENT), ParseError::Empty.into());
}

#[test]
fn nobody_there_is_said_so() {
    // A port that is never assigned to a test.
    let url = page_of(([127, 0, 0, 1], 1).into());
    assert_eq!(fault(&url, &PATIENT), Fault::ConnectionRefused);
}

#[test]
fn no_time_is_no_fetch() {
    let limits = Limits {
        total: Duration::ZERO,
        ..SHORT
    };
    let server = answering(reply("200 OK", "", PAGE));
    assert_eq!(
        fault(&page_of(server), &limits),
        Fault::Timeout {
            limit: Duration::ZERO
        }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_answer_is_a_status_or_an_error(
        start in prop::sample::select(vec![
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 301 \r\nLocation: ",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let answer = [start.as_bytes(), &bytes].concat();
        if let Err(error) = ask(&page_of(answering(answer)), &PATIENT) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }
}

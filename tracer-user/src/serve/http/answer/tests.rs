use super::*;
use crate::serve::http::tests::latest;

#[test]
fn only_names_of_this_machine_mean_it() {
    for host in [
        "localhost:9779",
        "LOCALHOST",
        "127.0.0.1:9779",
        "127.8.8.8",
        "[::1]:9779",
        "[::ffff:127.0.0.1]",
    ] {
        assert!(means_this_machine(host), "{host}");
    }
    for host in [
        "attacker.example:9779",
        "localhost.attacker.example",
        "10.0.0.1",
        "[2001:db8::1]:9779",
        "",
    ] {
        assert!(!means_this_machine(host), "{host}");
    }
}

#[test]
fn gzip_is_used_where_it_is_accepted() {
    let accepts = |value: &'static str| {
        accepts_gzip(
            &[(ACCEPT_ENCODING, HeaderValue::from_static(value))]
                .into_iter()
                .collect(),
        )
    };
    assert!(accepts("deflate, gzip;q=0.5"));
    assert!(!accepts("gzip;q=0, br"));
    assert!(!accepts("identity"));
}

/// A slow reader keeps the document that it asked for, whatever its size.
#[test]
fn slow_readers_hold_no_more_than_some_documents() {
    let (_latest, newest) = watch::channel(None);
    let (_secrets, secrets) = watch::channel(Arc::default());
    let answers = Answers::new(newest, secrets, 10, PATIENCE, 1, None);
    let ask = |number: usize| answers.cached(Made::Diagnosis, false, &latest(number as u64));
    let mut held: Vec<Bytes> = (0..MAX_DOCUMENTS).map(|number| ask(number).unwrap()).collect();
    assert_eq!(ask(MAX_DOCUMENTS), Err(Unmade::Held));
    let metrics = Made::Metrics(Style::Prometheus);
    assert!(
        answers
            .cached(metrics, false, &latest(MAX_DOCUMENTS as u64))
            .is_ok()
    );
    held.remove(0);
    held.push(ask(MAX_DOCUMENTS).unwrap());
    assert_eq!(
        ask(MAX_DOCUMENTS),
        Ok(held[MAX_DOCUMENTS - 1].clone()),
        "the newest is there for all"
    );
}

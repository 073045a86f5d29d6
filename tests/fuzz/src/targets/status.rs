//! Apache's status page and its URL.

use tcpreuse::testing::server_status;

pub(super) fn page(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match server_status::parse(&text) {
        Ok(status) => {
            assert!(
                status.busy <= status.slots && status.idle <= status.slots,
                "{status:?}"
            );
            assert!(usize::try_from(status.slots).expect("a count") <= text.chars().count());
            let _ = status.max_workers();
        }
        Err(error) => crate::assert_harmless(&error.to_string()),
    }
}

/// The first line of an input is a URL; each further line is the target of a redirect.
pub(super) fn url(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let address = lines.next().unwrap_or_default();
    match server_status::url(address) {
        Ok(url) => {
            let shown = url.to_string();
            assert!(shown.is_ascii() && !shown.contains('@'), "{shown}");
            crate::assert_harmless(&shown);
            let again = server_status::url(&shown).expect("an address that was shown");
            assert_eq!(again.to_string(), shown);
            for location in lines {
                if let Some(to) = url.redirected(location) {
                    let to = to.to_string();
                    assert!(!to.contains('@'), "{to}");
                    assert!(
                        !shown.starts_with("https:") || to.starts_with("https:"),
                        "{shown} leads to {to}"
                    );
                    assert_eq!(host(&shown), host(&to), "{shown} leads to {to}");
                }
            }
        }
        Err(error) => {
            crate::assert_harmless(&error);
            // A password, which precedes the `@`, must never be repeated.
            if let Some((login, _)) = address.split_once('@')
                && login.len() > 40
            {
                assert!(!error.contains(login), "{error}");
            }
        }
    }
}

/// The host part of a URL.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let end = match authority.find(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority[..end].to_ascii_lowercase()
}

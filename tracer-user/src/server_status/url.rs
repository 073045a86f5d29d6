//! The address of the status page. Error messages never repeat the input, which may contain a password.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use ureq::http::Uri;

/// Longer than the address of any status page.
const MAX_LENGTH: usize = 2048;

const EXAMPLE: &str = "http://127.0.0.1/server-status?auto";

/// The address of the status page. Displayed without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusUrl {
    uri: Uri,
    /// The credentials for HTTP basic authentication, as the value of the header.
    login: Option<String>,
}

impl StatusUrl {
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The local address from which requests to this server are sent; `None` if it is unreachable. Resolves
    /// the name, which may block for seconds.
    pub fn source(&self) -> Option<IpAddr> {
        let host = self.host()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let to = (host, self.port()).to_socket_addrs().ok()?.next()?;
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        // Connecting a datagram socket sends nothing; it only selects a route.
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip().to_canonical())
    }

    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    pub(super) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The target of a redirect, if it stays on this host. A change from http to https is allowed, each on
    /// its default port, but not the reverse, so that credentials are not exposed.
    pub fn redirected(&self, location: &str) -> Option<Self> {
        let rooted = location.starts_with('/') && !location.starts_with("//");
        let mut to = match rooted {
            true => read(&format!("{}{location}", self.origin())),
            false => read(location),
        }
        .ok()?;
        let from = (self.is_https(), self.port());
        let same = (to.is_https(), to.port()) == from;
        let upgraded = from == (false, 80) && (to.is_https(), to.port()) == (true, 443);
        if to.login.is_some() || to.host() != self.host() || !(same || upgraded) {
            return None;
        }
        to.login.clone_from(&self.login);
        Some(to)
    }

    fn origin(&self) -> String {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.uri.scheme_str().unwrap_or_default())
    }

    fn host(&self) -> Option<String> {
        self.uri.host().map(str::to_ascii_lowercase)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.uri
            .port_u16()
            .unwrap_or(if self.is_https() { 443 } else { 80 })
    }
}

impl fmt::Display for StatusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl fmt::Debug for StatusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { " with a login" } else { "" };
        write!(f, "StatusUrl({self}{login})")
    }
}

/// Parses the address of a status page. Adds `auto` to a query without it, because Apache otherwise returns
/// the HTML page. `user:password@` before the host is for HTTP basic authentication.
///
/// # Errors
/// A message of one line, if this is not a valid address.
pub fn url(text: &str) -> Result<StatusUrl, String> {
    let mut url = read(text)?;
    let query = url.uri.query().unwrap_or_default();
    // Apache looks for it anywhere in the query, in lower case only.
    if !query.contains("auto") {
        let and = if query.is_empty() { "" } else { "&" };
        url.uri = format!("{}{}?{query}{and}auto", url.origin(), url.uri.path())
            .parse()
            .map_err(|_| wrong("it is malformed"))?;
    }
    Ok(url)
}

fn wrong(why: &str) -> String {
    format!("an address like {EXAMPLE} is expected: {why}")
}

fn read(text: &str) -> Result<StatusUrl, String> {
    if text.len() > MAX_LENGTH {
        return Err(wrong("it is too long"));
    }
    if !text.chars().all(|c| c.is_ascii_graphic() && c != '#') {
        return Err(wrong(
            "spaces, #, control characters and non-ASCII letters must be percent-encoded (%20)",
        ));
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(&*scheme, "http" | "https") {
        return Err(wrong("it must begin with http:// or https://"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(basic(login)), host),
        None => (None, authority),
    };
    check_host(host)?;
    // Otherwise, part of a password with a slash in it would be taken for a path, and displayed.
    if path.contains('@') {
        return Err(wrong("an @ after the first / or ? must be written as %40"));
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    let uri = format!("{scheme}://{host}{slash}{path}")
        .parse()
        .map_err(|_| wrong("it is malformed"))?;
    Ok(StatusUrl { uri, login })
}

/// The header's value for `user:password`, both possibly percent-encoded.
fn basic(login: &str) -> String {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    format!("Basic {}", BASE64_STANDARD.encode(plain))
}

/// A name or address, with or without a port.
fn check_host(text: &str) -> Result<(), String> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(wrong("there is no IPv6 address between [ and ]"));
            }
            (address, port)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let ipv6 = text.starts_with('[');
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || !(ipv6 || host.chars().all(name)) {
        return Err(wrong(
            "it has no valid host; an IPv6 address goes in [ ], and @, / or ? in a user or password must be percent-encoded (%40)",
        ));
    }
    let valid = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(port) if !port.starts_with('+') && valid(port) => Ok(()),
        _ => Err(wrong("its port is not a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn auto_is_added_where_it_is_not_asked_for() {
        for (text, shown) in [
            (EXAMPLE, EXAMPLE),
            ("http://127.0.0.1/server-status", EXAMPLE),
            ("http://127.0.0.1/server-status?", EXAMPLE),
            ("HTTP://127.0.0.1:8080", "http://127.0.0.1:8080/?auto"),
            ("https://[::1]:8443/s", "https://[::1]:8443/s?auto"),
            ("http://h?auto", "http://h/?auto"),
            ("http://h/s?auto&x=1", "http://h/s?auto&x=1"),
            ("http://h/s?refresh=5", "http://h/s?refresh=5&auto"),
            ("http://h/s?AUTO", "http://h/s?AUTO&auto"),
        ] {
            assert_eq!(url(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_so() {
        for text in [
            "",
            "server-status",
            "127.0.0.1/server-status",
            "ftp://h/",
            "file:///etc/passwd",
            "http://",
            "http:///s",
            "http://h:0/",
            "http://h:65536/",
            "http://h:x/",
            "http://h:+80/",
            "http://h:/",
            "http://::1/",
            "http://[::1",
            "http://[::1]80/",
            "http://[h]/",
            "http://h h/",
            "http://h/ s",
            "http://h/s#auto",
            "http://h/\u{1b}[31m",
            "http://bücher/",
            "http://h\r\nX: y/",
            &format!("http://h/{}", "x".repeat(MAX_LENGTH)),
        ] {
            let error = url(text).unwrap_err();
            assert!(
                error.starts_with("an address like") && !error.contains(char::is_control),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_login_goes_into_the_header_and_nowhere_else() {
        let url = url("http://op:s%40cret:x@h/s").unwrap();
        assert_eq!(url.login(), Some("Basic b3A6c0BjcmV0Ong="));
        let shown = format!("{url} {url:?} {:?}", url.uri());
        assert!(!shown.contains("cret") && !shown.contains("b3A6"), "{shown}");
        assert_eq!(url.redirected("/t").unwrap().login(), url.login());
    }

    #[test]
    fn a_broken_address_does_not_show_its_password() {
        for text in [
            "http://op:s3cret@",
            "http://op:s3cret#@h/",
            "http://op:s3cret/@h/",
            "http://op:1/s3cret@h/",
            "op:s3cret@h",
        ] {
            assert!(!url(text).unwrap_err().contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_redirect_stays_on_its_host() {
        let from = url("http://web1/server-status").unwrap();
        for (location, to) in [
            ("/status?auto", "http://web1/status?auto"),
            ("http://WEB1/status", "http://WEB1/status"),
            ("http://web1:80/status", "http://web1:80/status"),
            (
                "https://web1/server-status?auto",
                "https://web1/server-status?auto",
            ),
        ] {
            assert_eq!(from.redirected(location).unwrap().to_string(), to);
        }
        for location in [
            "",
            "status",
            "//evil/",
            "http://evil/",
            "http://web1.evil/",
            "http://web1@evil/",
            "http://evil@web1/",
            "http://web1:6379/",
            "https://web1:8443/",
            "ftp://web1/",
            "/\u{1b}",
        ] {
            assert!(from.redirected(location).is_none(), "{location}");
        }
        let https = url("https://web1/").unwrap();
        assert!(https.redirected("http://web1/").is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(text in "(https?://)?\\PC{0,40}") {
            if let Ok(url) = url(&text) {
                prop_assert!(url.to_string().is_ascii() && url.uri().query().unwrap().contains("auto"));
                let _ = url.redirected(&text);
            }
        }
    }
}

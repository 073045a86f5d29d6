//! Ports by the names of their services.

use std::fs;

/// Where the names are.
const FILE: &str = "/etc/services";

/// Names that are known where there is no such file, as in a small container.
const USUAL: &str = "http 80/tcp\nhttps 443/tcp\n";

/// The TCP port of a service.
pub(super) fn port(name: &str) -> Option<u16> {
    let text = fs::read_to_string(FILE).unwrap_or_default();
    find(&text, name).or_else(|| find(USUAL, name))
}

/// Looks in a text such as `http-alt 8080/tcp webcache # a comment`.
fn find(text: &str, name: &str) -> Option<u16> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (service, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        let is_it = service == name || words.any(|alias| alias == name);
        port.parse().ok().filter(|port| is_it && *port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_names_and_aliases() {
        let text = "# all\ndomain 53/udp\nhttp-alt\t8080/tcp\twebcache # an alias\nbroken\nzero 0/tcp\n";
        assert_eq!(find(text, "http-alt"), Some(8080));
        assert_eq!(find(text, "webcache"), Some(8080));
        for unknown in ["domain", "broken", "zero", "alias", "all", "#", ""] {
            assert_eq!(find(text, unknown), None, "{unknown}");
        }
        assert_eq!(port("https"), Some(443), "with or without a file");
    }
}

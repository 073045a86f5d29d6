//! Recognises pages of other servers, and says what to use instead.

/// What the page appears to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The server and page.
    pub page: &'static str,
    /// What to do instead.
    pub instead: &'static str,
}

/// How to recognise one kind of page.
struct Sign {
    is: fn(&str) -> bool,
    foreign: Foreign,
}

const fn sign(page: &'static str, instead: &'static str, is: fn(&str) -> bool) -> Sign {
    Sign {
        is,
        foreign: Foreign { page, instead },
    }
}

/// The first match counts, so general ones come last.
const SIGNS: &[Sign] = &[
    sign(
        "nginx's stub_status",
        "give --max-workers N, its worker_processes × worker_connections",
        |text| text.starts_with("Active connections:"),
    ),
    sign(
        "HAProxy's statistics",
        "give --max-workers N, its maxconn",
        |text| {
            text.starts_with("# pxname,")
                || text.contains("Statistics Report for HAProxy")
                || (is_metrics(text) && text.contains("haproxy_"))
        },
    ),
    sign(
        "PHP-FPM's status",
        "give --max-workers N, its pm.max_children",
        |text| {
            let plain = has_line(text, "pool") && has_line(text, "accepted conn");
            let json = is_json(text) && text.contains("\"accepted conn\"");
            plain || json || (is_metrics(text) && text.contains("phpfpm_"))
        },
    ),
    sign(
        "lighttpd's status",
        "give --max-workers N, its server.max-connections",
        |text| {
            // Apache 1.3 prints its rates next to its uptime, and upper-case letters only.
            let letters = super::parse::value(text, "Scoreboard").unwrap_or_default();
            let timed = has_line(text, "Uptime") && !has_line(text, "ReqPerSec");
            let lower = letters.chars().any(|letter| letter.is_ascii_lowercase());
            has_line(text, "BusyServers") && (timed || lower)
        },
    ),
    sign(
        "the status of Apache 1.3",
        "give --max-workers N, its MaxClients",
        |text| has_line(text, "BusyServers"),
    ),
    sign(
        "LiteSpeed's report",
        "give --max-workers N, its Max Connections",
        |text| text.starts_with("VERSION: LiteSpeed") || has_line(text, "BPS_IN"),
    ),
    sign(
        "Tomcat's status",
        "give --max-workers N, its connector's maxThreads",
        |text| {
            let manager = text.contains("Server Status") || text.contains("/manager");
            is_markup(text) && (text.contains("<jvm>") || (manager && text.contains("Tomcat")))
        },
    ),
    sign(
        "Apache's status for people, although `?auto` was requested",
        "give the address its redirect or proxy leads to, with `?auto`, or --max-workers N",
        |text| is_markup(text) && text.contains("Apache Status</title>"),
    ),
    sign(
        "HTML of another handler, as when a CMS's rewrite rules catch the address",
        "exempt the path of mod_status' <Location> from them, or give --max-workers N",
        |text| {
            let start: String = text.chars().take(1024).collect();
            let start = start.to_ascii_lowercase();
            is_markup(text) && (start.contains("<html") || start.contains("<!doctype html"))
        },
    ),
    sign(
        "XML",
        "give the address of Apache's mod_status, or --max-workers N",
        is_markup,
    ),
    sign(
        "JSON",
        "give the address of Apache's mod_status, or --max-workers N",
        is_json,
    ),
    sign(
        "metrics for Prometheus",
        "give the address of Apache's mod_status, or --max-workers N",
        is_metrics,
    ),
];

/// What the page is, if it is a known page other than Apache 2's. `text` has no leading white space.
pub(super) fn recognise(text: &str) -> Option<Foreign> {
    // The rest does not matter: other modules may add lines to mod_status's page.
    if has_line(text, "BusyWorkers") && !is_markup(text) {
        return None;
    }
    let sign = SIGNS.iter().find(|sign| (sign.is)(text))?;
    Some(sign.foreign)
}

fn has_line(text: &str, key: &str) -> bool {
    super::parse::value(text, key).is_some()
}

fn is_markup(text: &str) -> bool {
    text.starts_with('<')
}

fn is_json(text: &str) -> bool {
    text.starts_with(['{', '['])
}

fn is_metrics(text: &str) -> bool {
    text.starts_with("# HELP ") || text.starts_with("# TYPE ")
}

#[cfg(test)]
mod tests {
    use super::super::{ParseError, parse};

    /// Every page of another server is recognised, and the setting to use for `--max-workers` is named.
    #[test]
    fn pages_of_other_servers_are_named() {
        let pages = [
            (
                include_str!("pages/nginx.txt"),
                "nginx's stub_status",
                "worker_connections",
            ),
            (
                include_str!("pages/haproxy.csv"),
                "HAProxy's statistics",
                "maxconn",
            ),
            (
                include_str!("pages/haproxy-metrics.txt"),
                "HAProxy's statistics",
                "maxconn",
            ),
            (
                include_str!("pages/php-fpm.txt"),
                "PHP-FPM's status",
                "pm.max_children",
            ),
            (
                include_str!("pages/php-fpm.json"),
                "PHP-FPM's status",
                "pm.max_children",
            ),
            (
                include_str!("pages/lighttpd.txt"),
                "lighttpd's status",
                "server.max-connections",
            ),
            (
                include_str!("pages/litespeed.txt"),
                "LiteSpeed's report",
                "Max Connections",
            ),
            (include_str!("pages/tomcat.xml"), "Tomcat's status", "maxThreads"),
            (include_str!("pages/tomcat.html"), "Tomcat's status", "maxThreads"),
            (include_str!("pages/apache-1.3.txt"), "Apache 1.3", "MaxClients"),
            (
                include_str!("pages/without-auto.html"),
                "Apache's status for people",
                "redirect",
            ),
            (
                include_str!("pages/cms.html"),
                "a CMS's rewrite rules",
                "<Location>",
            ),
        ];
        for (text, named, instead) in pages {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, ParseError::Foreign(_)), "{named}: {error:?}");
            let said = error.to_string();
            assert!(said.contains(named) && said.contains(instead), "{named}: {said}");
            assert!(said.contains("--max-workers N") && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn formats_that_are_not_known_further_are_named_too() {
        for (text, named) in [
            ("<?xml version=\"1.0\"?><feed/>", "seems to be XML"),
            ("{\"up\": true}", "seems to be JSON"),
            ("<!doctype html><p>We run on Tomcat", "HTML of another handler"),
            (
                "# HELP up Is it?\n# TYPE up gauge\nup 1\n",
                "metrics for Prometheus",
            ),
            (
                "<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<html>",
                "HTML of another handler",
            ),
        ] {
            let said = parse(text).unwrap_err().to_string();
            assert!(said.contains(named), "{text}: {said}");
        }
    }

    /// Modules may add lines to mod_status's page.
    #[test]
    fn an_apache_page_stays_one_whatever_else_is_on_it() {
        let text = "Active connections: 3\nBusyWorkers: 1\nIdleWorkers: 1\nScoreboard: W_.\nBPS_IN: 1\n\
                    BusyServers: 1\n";
        assert_eq!(parse(text).unwrap().slots, 3);
    }
}

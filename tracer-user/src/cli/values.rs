//! Values on the command line, each with a message that says what would be right.

use std::{ops::RangeInclusive, path::Path, str::FromStr, time::Duration};

use ipnet::IpNet;

use super::services;
use crate::{
    diagnosis::{
        Expect, ExpectPeer,
        thresholds::{Adjustable, Changed, Kind, THRESHOLDS},
    },
    filter::Cgroup,
    kernel::{cgroup, netns as namespaces},
    model::{names::Name, sample::MOST_PEERS},
    source::replay::SPEEDS,
};

/// A length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// In ns, as the model counts.
    pub fn as_ns(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// `--retain`: how long quiet peers are kept; `None`: until the end.
#[derive(Clone, Copy, Debug)]
pub struct Retain(pub Option<Span>);

/// `90s`, or `never`.
pub(crate) fn retain(text: &str) -> Result<Retain, String> {
    match text {
        "never" => Ok(Retain(None)),
        _ => duration(text).map(|time| Retain(Some(time))),
    }
}

/// Longer than any trace makes sense, and far from overflow everywhere.
const MAX_SPAN: Duration = Duration::from_secs(366 * 24 * 3600);

/// `90`, `90s`, `1m30s`, `500ms`: a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Span, String> {
    let seconds = text
        .parse::<u32>()
        .ok()
        .map(|s| Duration::from_secs(u64::from(s)));
    let duration = match seconds {
        Some(duration) => duration,
        None => humantime::parse_duration(text).map_err(|_| {
            "a time is a number of seconds or has units, like 90, 90s, 1m30s or 500ms".to_owned()
        })?,
    };
    if duration.is_zero() || duration > MAX_SPAN {
        return Err("must be greater than zero and at most one year".to_owned());
    }
    Ok(Span(duration))
}

/// `NAME=VALUE` of a threshold.
pub(crate) fn threshold(text: &str) -> Result<Changed, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a threshold is written like min_pile=5 or silent=3s")?;
    threshold_named(name.trim(), value.trim())
}

/// The value of a threshold.
pub(crate) fn threshold_named(name: &str, value: &str) -> Result<Changed, String> {
    let threshold = Adjustable::named(name).ok_or_else(|| {
        let names: Vec<&str> = THRESHOLDS.iter().map(|one| one.name).collect();
        format!(
            "there is no threshold `{name}`; the thresholds are {}",
            names.join(", ")
        )
    })?;
    let value = match threshold.kind {
        Kind::Count => value
            .parse()
            .map_err(|_| "must be a whole number, such as 5".to_owned())?,
        Kind::Time => duration(value)?.as_ns(),
    };
    if !threshold.range.contains(&value) {
        let said = |value: u64| threshold.kind.written(value);
        let (low, high) = (said(*threshold.range.start()), said(*threshold.range.end()));
        return Err(format!("must be from {low} to {high}"));
    }
    Ok(Changed { threshold, value })
}

/// `443`, `8000-8100` or `https`.
pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    // Names have dashes too.
    let (low, high) = match text.split_once('-') {
        Some((low, high)) if is_number(low) && is_number(high) => (number(low), number(high)),
        _ if is_number(text) => (number(text), number(text)),
        _ => (services::port(text), services::port(text)),
    };
    match (low, high) {
        (Some(low), Some(high)) if low > high => {
            Err(format!("a range begins with the lower port, like {high}-{low}"))
        }
        (Some(low), Some(high)) => Ok(low..=high),
        _ => Err(
            "a port is a number from 1 to 65535, a range like 8000-8100, or a name in /etc/services like https"
                .to_owned(),
        ),
    }
}

/// A network, or an address as the network of its own. IPv4 written as `::ffff:a.b.c.d` is IPv4.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let wrong = || {
        let why = if text.contains(',') {
            "; for several, repeat the flag"
        } else if text.contains(|c: char| c.is_ascii_alphabetic()) && !text.contains([':', '/']) {
            "; names are not looked up, but `getent ahosts NAME` shows their addresses"
        } else {
            ""
        };
        format!(
            "a network is written like 192.0.2.0/24 or 2001:db8::/32, a single address like 192.0.2.7{why}"
        )
    };
    let network = match text.contains('/') {
        true => IpNet::from_str(text).map_err(|_| wrong())?,
        false => IpNet::from(std::net::IpAddr::from_str(text).map_err(|_| wrong())?),
    };
    if let IpNet::V6(v6) = network
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && v6.prefix_len() >= 96
    {
        return IpNet::new(v4.into(), v6.prefix_len() - 96).map_err(|_| wrong());
    }
    Ok(network.trunc())
}

/// The inode number of a network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Netns(pub u32);

/// What to do where there is no such namespace.
pub(super) const NO_NETNS: &str =
    "there is no such network namespace; `ip netns` lists the names, `lsns -t net` the numbers";

/// A number, which may be that of a recording, or a name that `ip netns` gave.
pub(super) fn netns(text: &str) -> Result<Netns, String> {
    text.parse::<u32>()
        .ok()
        .or_else(|| namespaces::named(text))
        .map(Netns)
        .ok_or_else(|| NO_NETNS.to_owned())
}

pub(super) fn cgroup(text: &str) -> Result<Cgroup, String> {
    cgroup::find(Path::new(text)).map_err(|reason| match text.starts_with('/') {
        true => reason,
        false => format!("{reason}; give the path, such as /sys/fs/cgroup/system.slice/nginx.service"),
    })
}

pub(super) fn expect(text: &str) -> Result<Expect, String> {
    if text == "auto" {
        return Ok(Expect::Auto);
    }
    match text.parse::<u32>() {
        Ok(n) if n > 0 => Ok(Expect::Connections(n)),
        _ => Err("give the number of connections that one well-behaved peer holds, or auto".to_owned()),
    }
}

/// `192.0.2.7=40`: a network and what each peer in it may hold.
pub(super) fn expect_peer(text: &str) -> Result<ExpectPeer, String> {
    let wrong = || "give a network and a number of connections, like 192.0.2.0/24=40".to_owned();
    let (net, connections) = text.rsplit_once('=').ok_or_else(wrong)?;
    match connections.parse::<u32>() {
        Ok(connections) if connections > 0 => Ok(ExpectPeer {
            network: network(net)?,
            connections,
        }),
        _ => Err(wrong()),
    }
}

/// `192.0.2.7=checkout`: a network and what its peers are called.
pub(crate) fn name(text: &str) -> Result<Name, String> {
    let (net, label) = text
        .split_once('=')
        .ok_or("give a network and a label, like 192.0.2.7=checkout or 198.51.100.0/24=office")?;
    Name::new(network(net.trim())?, label)
}

/// Looking more often than this tells nothing more and costs more.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

pub(crate) fn interval(text: &str) -> Result<Span, String> {
    let span = duration(text)?;
    if span.0 < MIN_INTERVAL || span.0 > Duration::from_secs(3600) {
        return Err("an interval is from 100ms to 1h".to_owned());
    }
    Ok(span)
}

/// Shorter than this, no rule could speak within a window.
const MIN_WINDOW: Duration = Duration::from_secs(5);

pub(crate) fn window(text: &str) -> Result<Span, String> {
    let span = duration(text)?;
    if span.0 < MIN_WINDOW {
        return Err("a window is at least 5s long, since less is not enough to judge anything".to_owned());
    }
    Ok(span)
}

/// How much of what lies back or follows is kept.
pub(crate) fn kept(text: &str) -> Result<Span, String> {
    let span = duration(text)?;
    if span.0 < Duration::from_secs(1) || span.0 > Duration::from_secs(24 * 3600) {
        return Err("what is kept is from 1s to 24h".to_owned());
    }
    Ok(span)
}

/// Less does not hold a few intervals.
const MIN_SIZE: u64 = 1 << 20;

/// `1048576`, `10M`, `2G`: units are powers of 1024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text.get(digits.len()..).unwrap_or_default() {
        "" => 0,
        "k" | "K" | "KiB" => 10,
        "m" | "M" | "MiB" => 20,
        "g" | "G" | "GiB" => 30,
        "t" | "T" | "TiB" => 40,
        _ => 64,
    };
    digits
        .parse::<u64>()
        .ok()
        .filter(|number| shift < 64 && *number <= u64::MAX >> shift)
        .map(|number| number << shift)
        .filter(|bytes| *bytes >= MIN_SIZE)
        .ok_or_else(|| "a size is at least 1M and is written like 500M or 2G".to_owned())
}

/// A speed of playing.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches(['x', '×']).parse::<f64>().ok();
    number
        .filter(|speed| SPEEDS.contains(speed))
        .ok_or_else(|| "a speed is a number from 0.01 to 1000000, like 10".to_owned())
}

/// `100x30`
pub(super) fn screen(text: &str) -> Result<(u16, u16), String> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|n| (1..=1000).contains(n));
    text.split_once('x')
        .and_then(|(columns, rows)| Some((number(columns)?, number(rows)?)))
        .ok_or_else(|| "give columns and rows, like 100x30".to_owned())
}

pub(super) fn peers(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if (1..=MOST_PEERS).contains(&n) => Ok(n),
        _ => Err(format!(
            "give a number from 1 to {MOST_PEERS}; each peer takes 1.4 KiB of kernel memory"
        )),
    }
}

/// Each takes some 150 bytes in the kernel while it is open.
const MAX_CONNECTIONS: u32 = 1 << 22;

pub(super) fn connections(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if (1..=MAX_CONNECTIONS).contains(&n) => Ok(n),
        _ => Err(format!(
            "give a number from 1 to {MAX_CONNECTIONS}; each open connection takes 150 bytes of kernel memory"
        )),
    }
}

/// Longest name of a service.
const MAX_SERVICE: usize = 100;

/// Reads the name of a service: it is part of a path in exports, and of answers.
pub(super) fn service(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    match (1..=MAX_SERVICE).contains(&text.len()) && text.chars().all(is_plain) && !text.starts_with('.') {
        true => Ok(text.to_owned()),
        false => Err("must be letters, digits, '-', '_', '.' and ':', and not begin with a dot".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times() {
        let ms = |text| duration(text).map(|span| span.0.as_millis());
        assert_eq!(ms("90"), Ok(90_000));
        assert_eq!(ms("1m30s"), Ok(90_000));
        assert_eq!(ms("500ms"), Ok(500));
        for wrong in [
            "",
            "0",
            "0s",
            "-1",
            "soon",
            "1 fortnight",
            "99999999999999y",
            "4294967295",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("1048576"), Ok(1 << 20));
        assert_eq!(size("10M"), Ok(10 << 20));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        for wrong in ["", "M", "1", "-1M", "10X", "10 M", "99999999999T", "1.5G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks() {
        let text = |text| network(text).map(|net| net.to_string());
        assert_eq!(text("192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(text("192.0.2.7/24").unwrap(), "192.0.2.0/24");
        assert_eq!(text("::ffff:192.0.2.7").unwrap(), "192.0.2.7/32");
        assert_eq!(text("::ffff:192.0.2.0/120").unwrap(), "192.0.2.0/24");
        assert_eq!(text("2001:db8::1/32").unwrap(), "2001:db8::/32");
        for wrong in ["", "10.0.0.0/33", "10.0.0", "host", "::/129", "1.2.3.4/", "/8"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
        assert!(
            network("10.0.0.1,10.0.0.2")
                .unwrap_err()
                .ends_with("repeat the flag")
        );
        assert!(network("www.example.com").unwrap_err().contains("getent ahosts"));
    }

    #[test]
    fn a_namespace_is_a_number_or_a_name() {
        assert_eq!(netns("4026531840"), Ok(Netns(4026531840)));
        for wrong in ["", "no-such-namespace", "-1", ".", "..", "../../proc/self/ns/net"] {
            assert!(netns(wrong).unwrap_err().contains("`ip netns`"), "{wrong}");
        }
    }

    #[test]
    fn a_cgroup_without_its_path() {
        let said = cgroup("nginx.service").unwrap_err();
        assert!(
            said.starts_with("no cgroup nginx.service: No such file")
                && said.ends_with("/sys/fs/cgroup/system.slice/nginx.service"),
            "{said}"
        );
    }

    #[test]
    fn numbers_have_limits() {
        assert_eq!(ports("8081"), Ok(8081..=8081));
        assert_eq!(ports("8000-8100"), Ok(8000..=8100));
        assert_eq!(ports("https"), Ok(443..=443));
        for wrong in [
            "0",
            "65536",
            "70000",
            "-1",
            "no-such-service",
            "",
            "-",
            "1-",
            "0-5",
            "1-2-3",
            "1-70000",
        ] {
            assert!(ports(wrong).is_err(), "{wrong}");
        }
        assert!(ports("443-80").unwrap_err().ends_with("like 80-443"));
        assert!(peers("0").is_err() && peers("262145").is_err());
        assert_eq!(peers("262144"), Ok(MOST_PEERS));
        assert_eq!(expect("auto"), Ok(Expect::Auto));
        assert_eq!(expect("3"), Ok(Expect::Connections(3)));
        assert!(expect("0").is_err());
        let known = expect_peer("::ffff:192.0.2.0/120=40").unwrap();
        assert_eq!(
            (known.network.to_string().as_str(), known.connections),
            ("192.0.2.0/24", 40)
        );
        for wrong in ["", "40", "192.0.2.7", "192.0.2.7=", "192.0.2.7=0", "=4", "host=4"] {
            assert!(expect_peer(wrong).is_err(), "{wrong}");
        }
        assert!(name("::ffff:192.0.2.7=shop = 1").is_ok());
        for (wrong, why) in [
            ("192.0.2.7", "give a network and a label"),
            ("host=shop", "a network is written like"),
            ("192.0.2.7=", "the label is empty"),
        ] {
            let said = name(wrong).unwrap_err();
            assert!(said.starts_with(why) && !said.contains('\n'), "{said}");
        }
        assert!(interval("1s").is_ok() && interval("10ms").is_err() && interval("2h").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_an_error(text in ".{0,40}") {
            let _ = (duration(&text), interval(&text), size(&text), ports(&text), network(&text));
            let _ = (name(&text), netns(&text), expect(&text), expect_peer(&text), peers(&text));
        }
    }
}

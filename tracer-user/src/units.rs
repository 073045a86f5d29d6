//! Durations, sizes and rates as people read them: [`duration`] in sentences, the others where there is
//! little room.

/// Milliseconds, in ns.
pub const MS: u64 = 1_000_000;

/// Seconds, in ns.
pub const S: u64 = 1_000 * MS;

/// A duration in ns with a unit that leaves two or three digits: `850 ms`, `5.0 s`, `10 min`.
pub fn duration(ns: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = (ns + unit / 20) / (unit / 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    if ns < MS {
        "less than 1 ms".to_owned()
    } else if ns < S {
        format!("{} ms", ns / MS)
    } else if ns < 100 * S {
        format!("{} s", tenths(S))
    } else if ns < 6_000 * S {
        format!("{} min", tenths(60 * S))
    } else {
        format!("{} h", tenths(3_600 * S))
    }
}

/// A duration for narrow columns, six at most: `850ms`, `5.0s`, `12m05s`, `3h20m`, `5d03h`.
pub fn age(ns: u64) -> String {
    let seconds = ns / S;
    match seconds {
        0 if ns == 0 => "0".to_owned(),
        0 if ns < MS => "<1ms".to_owned(),
        0 => format!("{}ms", ns / MS),
        1..60 => format!("{}.{}s", seconds, ns % S / (S / 10)),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A clock of a duration, `00:01:23`.
pub fn elapsed(ns: u64) -> String {
    let seconds = ns / S;
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds % 3_600 / 60,
        seconds % 60
    )
}

/// A number of bytes in at most five columns, in powers of 1024 as `ls -h` has them.
pub fn size(bytes: u64) -> String {
    let mut value = bytes;
    let mut rest = 0;
    for unit in ["B", "K", "M", "G", "T", "P"] {
        if value < 1024 {
            return if unit == "B" || value >= 10 {
                format!("{value}{unit}")
            } else {
                format!("{value}.{}{unit}", rest * 10 / 1024)
            };
        }
        rest = value % 1024;
        value /= 1024;
    }
    format!("{value}E")
}

/// A rate per second.
pub fn rate(per_second: f64) -> String {
    if per_second < 0.05 {
        "0".to_owned()
    } else if per_second < 100.0 {
        format!("{per_second:.1}")
    } else {
        format!("{per_second:.0}")
    }
}

/// Nanoseconds in seconds, as a number for people and other programs.
pub fn seconds(ns: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of years are exact to a microsecond"
    )]
    let seconds = ns as f64 / 1e9;
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        for (ns, text) in [
            (0, "0"),
            (999, "<1ms"),
            (850 * S / 1000, "850ms"),
            (5 * S, "5.0s"),
            (725 * S, "12m05s"),
            (12_000 * S, "3h20m"),
            (5 * 86_400 * S + 3 * 3_600 * S, "5d03h"),
        ] {
            assert_eq!(age(ns), text);
        }
        assert_eq!(elapsed(3_725 * S), "01:02:05");
    }

    #[test]
    fn sizes_and_rates_are_short() {
        for (n, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1536, "1.5K"),
            (20 << 20, "20M"),
            (u64::MAX, "15E"),
        ] {
            assert_eq!(size(n), text);
        }
        for (value, text) in [(0.0, "0"), (0.25, "0.2"), (12.34, "12.3"), (1234.5, "1234")] {
            assert_eq!(rate(value), text);
        }
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        for (ns, text) in [
            (0, "less than 1 ms"),
            (850_400_000, "850 ms"),
            (5_001_000_000, "5.0 s"),
            (59_960_000_000, "60.0 s"),
            (99 * S, "99.0 s"),
            (600 * S, "10.0 min"),
            (7_200 * S, "2.0 h"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }
}

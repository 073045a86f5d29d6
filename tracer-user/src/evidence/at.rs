//! A moment within a recording, as users specify it.

use std::str::FromStr;

use jiff::{Timestamp, civil::Time, tz::TimeZone};

use crate::report::{clock_of, day_of};

/// Users write times in whole seconds, but recordings rarely begin at one.
const SECOND_NS: i128 = 1_000_000_000;

/// Maximum number of days of a recording searched for a time of day.
const MAX_DAYS: usize = 400;

/// The moment at which to look at a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A moment, UTC, ns.
    Moment(i128),
    /// A time on the day of the recording, UTC.
    TimeOfDay(Time),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_time = text.len() <= 8 && text.contains(':') && !text.contains('T');
        let time = || {
            ["%H:%M:%S", "%H:%M"]
                .iter()
                .find_map(|format| Time::strptime(format, text).ok())
        };
        if is_time && let Some(time) = time() {
            return Ok(Self::TimeOfDay(time));
        }
        let moment: Option<Timestamp> = text.parse().ok();
        moment.map(|at| Self::Moment(at.as_nanosecond())).ok_or_else(|| {
            "a moment is a time of day in UTC, such as 14:05 or 14:05:30, or a full time, such as 2026-01-01T14:05:30Z".to_owned()
        })
    }
}

impl At {
    /// The moment of the recording that is meant, UTC, ns.
    ///
    /// # Errors
    /// If there is none or more than one; the message says what period the recording covers.
    pub fn within(self, start: i128, end: i128) -> Result<i128, String> {
        let is_within = |at: &i128| *at + SECOND_NS > start && *at < end + SECOND_NS;
        let clamped = |at: i128| at.clamp(start, end.max(start));
        let span = || format!("the recording is from {} to {} UTC", whole(start), whole(end));
        match self {
            Self::Moment(at) if is_within(&at) => Ok(clamped(at)),
            Self::Moment(at) => Err(format!("--at {}: {}", whole(at), span())),
            Self::TimeOfDay(time) => {
                let mut found = days(start)
                    .filter_map(|day| {
                        let at = day.to_datetime(time).to_zoned(TimeZone::UTC).ok()?;
                        Some(at.timestamp().as_nanosecond())
                    })
                    .take_while(|at| *at < end + SECOND_NS)
                    .filter(is_within);
                match (found.next(), found.next()) {
                    (Some(at), None) => Ok(clamped(at)),
                    (None, _) => Err(format!("--at {time}: {}", span())),
                    (Some(_), Some(_)) => Err(format!(
                        "--at {time} occurs on several days: {}; add the day, as in 2026-01-01T14:05:30Z",
                        span()
                    )),
                }
            }
        }
    }
}

/// The day of a moment and those after it.
fn days(from: i128) -> impl Iterator<Item = jiff::civil::Date> {
    let first = Timestamp::from_nanosecond(from).unwrap_or_default();
    let first = first.to_zoned(TimeZone::UTC).date();
    std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(MAX_DAYS)
}

fn whole(utc_ns: i128) -> String {
    format!("{} {}", day_of(utc_ns), clock_of(utc_ns))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-01-01T00:00:00Z.
    const DAY: i128 = 1_767_225_600 * SECOND_NS;
    const HOUR: i128 = 3600 * SECOND_NS;

    fn within(text: &str, start: i128, end: i128) -> Result<i128, String> {
        text.parse::<At>()?.within(start, end)
    }

    #[test]
    fn times_of_day_are_those_of_the_recording() {
        let (start, end) = (DAY + 22 * HOUR + 7, DAY + 26 * HOUR);
        assert_eq!(within("23:30", start, end), Ok(DAY + 23 * HOUR + HOUR / 2));
        assert_eq!(
            within("01:00:05", start, end),
            Ok(DAY + 25 * HOUR + 5 * SECOND_NS)
        );
        assert_eq!(
            within("2026-01-01T23:00:00+00:00", start, end),
            Ok(DAY + 23 * HOUR)
        );
        assert_eq!(
            within("22:00:00", start, end),
            Ok(start),
            "the second in which it begins"
        );
        let error = within("12:00", start, end).unwrap_err();
        assert_eq!(
            error,
            "--at 12:00:00: the recording is from Jan 01 22:00:00 to Jan 02 02:00:00 UTC"
        );
        let error = within("2026-01-03T00:00:00Z", start, end).unwrap_err();
        assert!(
            error.starts_with("--at Jan 03 00:00:00: the recording is from"),
            "{error}"
        );
        let error = within("23:00", DAY, DAY + 60 * HOUR).unwrap_err();
        assert!(error.contains("several days"), "{error}");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for wrong in ["", "noon", "25:00", "12", "12:00:00:00", "2026-01-01", "-1:00"] {
            let error = wrong.parse::<At>().unwrap_err();
            assert!(error.starts_with("a moment is a time of day"), "{wrong}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_moment_within_or_an_error_of_one_line(text: String, start: i64, long: u32) {
            let start = i128::from(start);
            let end = start + i128::from(long) * SECOND_NS;
            match within(&text, start, end) {
                Ok(at) => prop_assert!((start..=end).contains(&at)),
                Err(error) => prop_assert_eq!(error.lines().count(), 1),
            }
        }

        #[test]
        fn every_second_of_a_day_can_be_named(second in 0_u32..86_400) {
            let text = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
            let at = within(&text, DAY, DAY + 24 * HOUR - 1);
            prop_assert_eq!(at, Ok(DAY + i128::from(second) * SECOND_NS));
        }
    }
}

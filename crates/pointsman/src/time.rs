//! Times as people write and read them, in UTC.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use pointsman_record::utc;

const SECOND_US: u64 = 1_000_000;
const DAY_US: u64 = 86_400 * SECOND_US;

/// Now, in microseconds since the start of 1970 (UTC).
#[expect(clippy::disallowed_methods, reason = "the binary is where the clock is read")]
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A moment to count from: so long ago (`90s`, `15m`, `24h`, `7d`), or a date or time in UTC (`2026-11-21`,
/// `2026-11-21T09:30`, `2026-11-21T09:30:00Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Microseconds before now.
    Ago(u64),
    /// Microseconds since the start of 1970 (UTC).
    At(u64),
}

impl Since {
    /// In microseconds since the start of 1970 (UTC).
    pub(crate) fn unix_us(self, now_us: u64) -> u64 {
        match self {
            Self::Ago(us) => now_us.saturating_sub(us),
            Self::At(us) => us,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ago(text).map(Self::Ago).or_else(|| at(text).map(Self::At)).ok_or_else(|| {
            "write how long ago, such as 24h or 7d, or a date in UTC, such as 2026-11-21".to_owned()
        })
    }
}

fn ago(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    digits(number)?.checked_mul(seconds)?.checked_mul(SECOND_US)
}

fn at(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut parts = date.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time.trim_end_matches('Z').splitn(3, ':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let days = days(year, month, day)?;
    (hour < 24 && minute < 60 && second < 60)
        .then(|| days * DAY_US + (hour * 3600 + minute * 60 + second) * SECOND_US)
}

/// How many days have passed since `date`, such as `2026-11-21`; none if it is still to come.
pub(crate) fn age_days(date: &str, now_us: u64) -> Option<u64> {
    Some(now_us.checked_sub(at(date)?)? / DAY_US)
}

/// A number of digits alone.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Days from 1970-01-01 to a day up to the year 9999, by Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>); `None` if there is no such day.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = year - u64::from(month <= 2);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    let days = era * 146_097 + of_era - 719_468;
    utc(days * DAY_US).starts_with(&format!("{year:04}-{month:02}-{day:02} ")).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_in_utc() {
        for (text, seconds) in [
            ("1970-01-01 00:00:00", 0),
            ("2000-02-29 23:59:59", 951_868_799),
            ("2025-11-21 04:00:00", 1_763_697_600),
            ("2100-03-01 00:00:00", 4_107_542_400),
        ] {
            assert_eq!(utc(seconds * SECOND_US), text);
            assert_eq!(text.parse(), Ok(Since::At(seconds * SECOND_US)));
        }
    }

    #[test]
    fn moments_are_ages_dates_or_times() {
        let day = 1_763_683_200 * SECOND_US;
        for (text, expected) in [
            ("90s", Some(Since::Ago(90 * SECOND_US))),
            ("15m", Some(Since::Ago(900 * SECOND_US))),
            ("7d", Some(Since::Ago(7 * DAY_US))),
            ("2025-11-21", Some(Since::At(day))),
            ("2025-11-21T09:30", Some(Since::At(day + 34_200 * SECOND_US))),
            ("2025-11-21T09:30:01Z", Some(Since::At(day + 34_201 * SECOND_US))),
            ("", None),
            ("d", None),
            ("7", None),
            ("7é", None),
            ("-7d", None),
            ("99999999999999999999d", None),
            ("2025-02-29", None),
            ("2025-13-01", None),
            ("2025-11-21T24:00", None),
            ("2025-11", None),
        ] {
            assert_eq!(text.parse::<Since>().ok(), expected, "{text}");
        }
        assert_eq!(age_days("2025-11-21", day + 3 * DAY_US - 1), Some(2));
        assert_eq!((age_days("2025-11-21", day - 1), age_days("today", day)), (None, None));
        assert_eq!(Since::Ago(5).unix_us(7), 2);
        assert_eq!(Since::At(5).unix_us(7), 5);
    }
}

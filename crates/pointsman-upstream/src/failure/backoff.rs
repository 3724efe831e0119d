//! How long to wait before a model is asked again.

use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use super::FailurePolicy;

/// The wait before the retry after `failures` (from 1) failures, with `random` from 0 to 1; `None` if the provider asks
/// for a longer one than the policy allows.
///
/// The wait is drawn from nothing to the policy's limit ("full jitter", AWS Architecture Blog, 2015), so that clients that
/// failed together do not come back together. One that the provider asks for is kept to, and up to a tenth longer.
#[must_use]
pub fn wait(policy: &FailurePolicy, failures: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
    let random = random.clamp(0.0, 1.0);
    match asked {
        Some(asked) if asked > policy.retry_delay_max => None,
        Some(asked) => Some(asked.mul_f64(1.0 + random / 10.0)),
        None => {
            let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
            let most = policy.retry_delay.saturating_mul(doubled).min(policy.retry_delay_max);
            Some(most.mul_f64(random))
        }
    }
}

/// The wait that a reply asks for: in `retry-after-ms`, or in `retry-after` as a number of seconds or as a date, which
/// counts from the `date` of the reply (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: &HeaderValue| value.to_str().ok().map(|text| text.trim().to_owned());
    let number = |name: &HeaderName| headers.get(name).and_then(text)?.parse::<f64>().ok();
    let milliseconds = number(&HeaderName::from_static("retry-after-ms")).map(|ms| ms / 1_000.0);
    if let Some(seconds) = milliseconds.or_else(|| number(&RETRY_AFTER)) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |name: &HeaderName| {
        let text = headers.get(name).and_then(text)?;
        DateTime::from_str(&text, Format::HttpDate).ok()
    };
    let seconds = date(&RETRY_AFTER)?.secs().saturating_sub(date(&DATE)?.secs());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_keep_to_what_is_asked_for() {
        let policy = FailurePolicy::default();
        let ms = |ms| Some(Duration::from_millis(ms));
        for (failures, asked, random, expected) in [
            (1, None, 1.0, ms(250)),
            (1, None, 0.0, ms(0)),
            (2, None, 0.5, ms(250)),
            (3, None, 1.0, ms(1_000)),
            (40, None, 1.0, ms(5_000)),
            (1, ms(2_000), 0.0, ms(2_000)),
            (1, ms(2_000), 1.0, ms(2_200)),
            (1, ms(5_001), 0.0, None),
        ] {
            assert_eq!(wait(&policy, failures, asked, random), expected, "{failures} {asked:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_read() {
        for (name, value, expected) in [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after-ms", "20", Some(20)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after", "1e300", None),
            ("date", "7", None),
        ] {
            let headers =
                HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))]);
            assert_eq!(retry_after(&headers), expected.map(Duration::from_millis), "{name}: {value}");
        }
    }

    #[test]
    fn a_date_counts_from_that_of_the_reply() {
        for (date, until, seconds) in [
            (Some("Sun, 06 Nov 1994 08:49:37 GMT"), "Sun, 06 Nov 1994 08:49:44 GMT", Some(7)),
            (Some("Sun, 06 Nov 1994 08:49:37 GMT"), "Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            (Some("Sun, 06 Nov 1994 08:49:37 GMT"), "tomorrow", None),
            (None, "Sun, 06 Nov 1994 08:49:44 GMT", None),
        ] {
            let value = |text| HeaderValue::from_static(text);
            let headers =
                [(RETRY_AFTER, value(until))].into_iter().chain(date.map(|date| (DATE, value(date))));
            assert_eq!(retry_after(&headers.collect()), seconds.map(Duration::from_secs), "{until}");
        }
    }
}

//! The time, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use pointsman_policy::UnixMicros;

/// Now, in microseconds since the start of 1970 (UTC).
#[expect(clippy::disallowed_methods, reason = "the binary is where the clock is read")]
pub(super) fn now() -> UnixMicros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Whole seconds since the start of 1970 (UTC).
pub(super) fn unix_s(at: UnixMicros) -> u64 {
    at.0 / 1_000_000
}

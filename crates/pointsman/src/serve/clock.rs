//! The time, read in one place.

use std::time::{Instant, SystemTime};

use pointsman_policy::UnixMicros;

/// Now, in microseconds since the start of 1970 (UTC).
pub(super) fn now() -> UnixMicros {
    UnixMicros(crate::time::now_us())
}

/// A clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "the binary is where the clock is read")]
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

/// Now, for what is signed.
#[expect(clippy::disallowed_methods, reason = "the binary is where the clock is read")]
pub(super) fn system() -> SystemTime {
    SystemTime::now()
}

/// Whole seconds since the start of 1970 (UTC).
pub(super) fn unix_s(at: UnixMicros) -> u64 {
    at.0 / 1_000_000
}

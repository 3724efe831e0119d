//! Time and chance, which enter in one place.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

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

/// How long ago this was first asked.
pub(super) fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(monotonic);
    monotonic().duration_since(*START)
}

/// Now, for what is signed.
#[expect(clippy::disallowed_methods, reason = "the binary is where the clock is read")]
pub(super) fn system() -> SystemTime {
    SystemTime::now()
}

/// A number from 0 to 1, for waits that shall differ: the standard library seeds each hasher anew.
pub(super) fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    let upper = u32::try_from(bits >> 32).unwrap_or(u32::MAX);
    f64::from(upper) / f64::from(u32::MAX)
}

/// Whole seconds since the start of 1970 (UTC).
pub(super) fn unix_s(at: UnixMicros) -> u64 {
    at.0 / 1_000_000
}

//! Which instruction sets the processor has.

/// An instruction set that this processor is known to have.
///
/// Values come only from [`Tier::detect`] and [`Tier::available`], so holding one proves that its features are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// What the target guarantees (SSE2 on x86-64, NEON on aarch64).
    Portable,
    /// 256-bit integer and float vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Tier {
    /// The best tier of this processor. The standard library caches the look-up.
    #[must_use]
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return Self(Level::Avx2);
        }
        Self(Level::Portable)
    }

    /// All tiers of this processor, the slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut tiers = vec![Self(Level::Portable)];
        let best = Self::detect();
        if !tiers.contains(&best) {
            tiers.push(best);
        }
        tiers
    }

    /// A short name for reports: `portable` or `avx2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => "avx2",
        }
    }

    /// Whether AVX2 and FMA are there.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn has_avx2(self) -> bool {
        self.0 == Level::Avx2
    }
}

/// Defines a kernel that runs `$body` compiled for the tier it is given.
///
/// `$body` is an `#[inline(always)]` function generic over `const FMA: bool`: whether fused multiply-add is at hand.
macro_rules! dispatch {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        $visibility fn $name(tier: $crate::Tier, $($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                if tier.has_avx2() {
                    // SAFETY: the tier says AVX2, and such a tier is only made after both features were detected.
                    return unsafe { avx2($($arg),*) };
                }
            }
            let _ = tier;
            $body::<false>($($arg),*)
        }
    };
}
pub(crate) use dispatch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_tier_is_the_last_of_those_available() {
        let tiers = Tier::available();
        assert_eq!(tiers[0].name(), "portable");
        assert_eq!(tiers.last(), Some(&Tier::detect()));
    }
}

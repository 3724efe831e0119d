//! Which instruction sets the processor has.

/// An instruction set that this processor is known to have.
///
/// Values come only from [`Tier::detect`], [`Tier::available`] and [`Tier::named`], so holding one proves that its
/// features are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tier(Level);

/// Instruction sets, the slowest first. Each x86 level has what [`Level::Avx2`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    /// What the target guarantees (SSE2 on x86-64, NEON on aarch64).
    Portable,
    /// 256-bit integer and float vectors with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// [`Level::Avx2`] with dot products of integers.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// 512-bit float vectors, and integer ones with the byte and word instructions.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// [`Level::Avx512`] with dot products of integers.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// [`Level::Avx512Vnni`] with products of tiles.
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl Level {
    /// All of this architecture, the slowest first.
    const ALL: &'static [Self] = &[
        Self::Portable,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Vnni,
        #[cfg(target_arch = "x86_64")]
        Self::Amx,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "amx",
        }
    }

    /// Whether the processor and the operating system have it. The standard library caches the look-up.
    #[cfg(target_arch = "x86_64")]
    fn is_there(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match self {
            Self::Portable => true,
            Self::Avx2 => has!("avx2") && has!("fma"),
            Self::AvxVnni => Self::Avx2.is_there() && has!("avxvnni"),
            Self::Avx512 => Self::Avx2.is_there() && has!("avx512f") && has!("avx512bw"),
            Self::Avx512Vnni => Self::Avx512.is_there() && has!("avx512vnni"),
            Self::Amx => Self::Avx512Vnni.is_there() && crate::TileUnit::amx().is_some(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_there(self) -> bool {
        match self {
            Self::Portable => true,
        }
    }
}

impl Tier {
    /// What every processor has.
    pub const PORTABLE: Self = Self(Level::Portable);

    /// The best tier of this processor.
    #[must_use]
    #[inline]
    pub fn detect() -> Self {
        let best = Level::ALL.iter().rev().find(|level| level.is_there());
        best.map_or(Self::PORTABLE, |level| Self(*level))
    }

    /// All tiers of this processor, the slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Level::ALL.iter().filter(|level| level.is_there()).map(|level| Self(*level)).collect()
    }

    /// Names of all tiers of this architecture, the slowest first: `portable`, and on x86-64 `avx2`, `avx-vnni`,
    /// `avx512`, `avx512-vnni` and `amx`.
    pub fn names() -> impl DoubleEndedIterator<Item = &'static str> {
        Level::ALL.iter().map(|level| level.name())
    }

    /// The tier of this name, if this processor has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|tier| tier.name() == name)
    }

    /// The tier whose kernels for f32 this one shares: dot products of integers and tiles do nothing for f32.
    #[must_use]
    pub fn of_floats(self) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => Self(Level::Avx2),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni | Level::Amx => Self(Level::Avx512),
            level => Self(level),
        }
    }

    /// The tier whose kernels for 16-bit activations this one shares: tiles have none.
    #[must_use]
    pub fn of_16_bits(self) -> Self {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Amx => Self(Level::Avx512Vnni),
            level => Self(level),
        }
    }

    /// What multiplies tiles on this tier: with AMX its instructions, with AVX-512 those for dot products of bytes and of
    /// bfloat16, if the processor has both.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn tiles(self) -> Option<crate::TileUnit> {
        match self.0 {
            Level::Amx => crate::TileUnit::amx(),
            Level::Avx512Vnni => crate::TileUnit::avx512(),
            Level::Portable | Level::Avx2 | Level::AvxVnni | Level::Avx512 => None,
        }
    }

    /// Whether there is something that multiplies tiles on this tier.
    #[must_use]
    pub fn has_tiles(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.tiles().is_some();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// A short name for reports, one of [`Tier::names`].
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The instruction set.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(crate) fn level(self) -> Level {
        self.0
    }
}

/// Defines a kernel that runs `$body` compiled for the tier it is given.
///
/// `$body` is an `#[inline(always)]` function generic over `const FMA: bool`: whether fused multiply-add is at hand.
/// Compilers find as good vector code for it with AVX2 as with more, so that there are two versions.
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
                if tier != $crate::Tier::PORTABLE {
                    // SAFETY: every tier but the portable one has AVX2 and FMA, and is only made after both were detected.
                    return unsafe { avx2($($arg),*) };
                }
            }
            let _ = tier;
            $body::<false>($($arg),*)
        }
    };
}
pub(crate) use dispatch;

/// Defines a function whose innermost loop is written by hand for some tiers.
///
/// `$body` is an `#[inline(always)]` function generic over a type that has that loop. Each line says which levels use
/// which type, and the features that it may use, all of which those levels have; the other levels use `$otherwise`.
macro_rules! dispatch_by_level {
    (
        fn $name:ident($task:ident: $ty:ty) = $body:ident {
            $($($level:ident)|+ ($features:literal) => $kernel:ident,)+
            _ => $otherwise:ident,
        }
    ) => {
        fn $name(tier: $crate::Tier, $task: $ty) {
            #[cfg(target_arch = "x86_64")]
            match tier.level() {
                $($($crate::tier::Level::$level)|+ => {
                    #[target_feature(enable = $features)]
                    fn compiled($task: $ty) {
                        $body::<$kernel>($task);
                    }
                    // SAFETY: a tier is only made after the features of its level were detected, and these are among them.
                    return unsafe { compiled($task) };
                })+
                $crate::tier::Level::Portable => {}
            }
            let _ = tier;
            $body::<$otherwise>($task);
        }
    };
}
pub(crate) use dispatch_by_level;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_tier_is_the_last_of_those_available() {
        let tiers = Tier::available();
        assert_eq!(tiers[0], Tier::PORTABLE);
        assert_eq!(tiers.last(), Some(&Tier::detect()));
    }

    #[test]
    fn a_tier_is_found_by_its_name_exactly_if_it_is_available() {
        for name in Tier::names() {
            let found = Tier::available().into_iter().find(|tier| tier.name() == name);
            assert_eq!(Tier::named(name), found, "{name}");
        }
        assert_eq!(Tier::named("avx9"), None);
    }
}

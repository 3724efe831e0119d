//! What the processor has to multiply tiles, and whether the system lets this process use it.

use std::sync::OnceLock;

/// What multiplies tiles, and the proof that it can be used, with AVX-512 and its instructions for bytes and bfloat16.
///
/// Values come only from [`TileUnit::amx`] and [`TileUnit::avx512`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileUnit(pub(super) Kind);

/// The instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Those on tile registers.
    Amx,
    /// Dot products in vectors of 512 bits: VNNI for bytes, BF16 for bfloat16.
    Avx512,
}

impl TileUnit {
    /// AMX, if it is there and permitted. The first call asks the operating system for permission to use the tiles, for all
    /// threads of the process (Linux since 5.16; other systems are not asked and have none).
    #[must_use]
    pub fn amx() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        let found = || Self::avx512().is_some() && processor_has_amx() && system_permits();
        FOUND.get_or_init(found).then_some(Self(Kind::Amx))
    }

    /// AVX-512 with VNNI and BF16, if it is there.
    #[must_use]
    pub fn avx512() -> Option<Self> {
        use std::arch::is_x86_feature_detected as has;
        let wide = has!("avx2") && has!("fma") && has!("avx512f") && has!("avx512bw");
        (wide && has!("avx512vnni") && has!("avx512bf16")).then_some(Self(Kind::Avx512))
    }
}

fn processor_has_amx() -> bool {
    /// AMX-BF16, AMX-TILE and AMX-INT8 in EDX of leaf 7.
    const AMX: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    std::arch::x86_64::__cpuid_count(7, 0).edx & AMX == AMX
}

/// Asks for the state component of the tiles' data (18), which is off until a process does.
#[cfg(all(target_os = "linux", not(miri)))]
fn system_permits() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: i64 = 0x1023;
    const XFEATURE_XTILEDATA: i64 = 18;
    let status: i64;
    // SAFETY: this system call reads its arguments alone and changes nothing but the permission. Linux's calling convention
    // overwrites `rax`, `rcx` and `r11`.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => status,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    status == 0
}

#[cfg(any(not(target_os = "linux"), miri))]
fn system_permits() -> bool {
    false
}

//! Products of a block, with the instructions on tiles or those of [`super::vectors`].
//!
//! Each function leaves no tile that a later one reads; what stays between them is the configuration, which belongs to the
//! thread as the floating-point control word does and is only set here.

use std::arch::asm;
use std::marker::PhantomData;

use super::detect::Kind;
use super::lines::Line;
use super::{BLOCK, TileUnit, vectors};

/// What multiplies tiles on this thread; with AMX, the registers are configured: eight of 16 rows of 64 bytes.
#[derive(Debug)]
pub(super) struct Tiles {
    kind: Kind,
    /// The configuration is the thread's.
    thread: PhantomData<*const ()>,
}

/// Palette 1 of the configuration.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

impl Tiles {
    /// Configures the tiles until the value is dropped. There is at most one at a time on a thread: callers hold it within one
    /// function that calls no code of others.
    #[inline]
    pub(super) fn configure(unit: TileUnit) -> Self {
        let kind = unit.0;
        if kind == Kind::Amx {
            // SAFETY: the proof says that the instruction is there and permitted; the configuration is valid and lives on.
            unsafe {
                asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly));
            }
        }
        Self { kind, thread: PhantomData }
    }
}

impl Drop for Tiles {
    #[inline]
    fn drop(&mut self) {
        if self.kind == Kind::Amx {
            // SAFETY: the value proves that tiles are there; none is read after this.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }
}

/// Sums of a block: 32 rows of 32, as the instructions leave them, in f32 or 32-bit integers.
#[repr(C, align(64))]
pub(super) struct Sums(pub(super) [[[f32; 16]; 2]; BLOCK]);

impl Sums {
    pub(super) const ZERO: Self = Self([[[0.0; 16]; 2]; BLOCK]);
}

/// One instruction's products of a block: `steps` times, a tile (or two, one below the other) of the left operand with two
/// beside one another of the right.
macro_rules! products {
    ($name:ident, $one_name:ident, $dot:literal) => {
        /// Sums of 32 rows.
        ///
        /// # Safety
        /// Tiles are configured; `left` and `below` have `steps` tiles each, `right` twice as many.
        #[inline]
        unsafe fn $name(left: *const Line, below: *const Line, right: *const Line, steps: usize, out: &mut Sums) {
            // SAFETY: reads within the operands and writes within `out`, by this function's conditions.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm6, [{right} + {stride}]",
                    "tileloadd tmm4, [{left} + {stride}]",
                    concat!($dot, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{right} + {stride} + 1024]",
                    concat!($dot, " tmm1, tmm4, tmm7"),
                    "tileloadd tmm5, [{below} + {stride}]",
                    concat!($dot, " tmm2, tmm5, tmm6"),
                    concat!($dot, " tmm3, tmm5, tmm7"),
                    "add {left}, 1024",
                    "add {below}, 1024",
                    "add {right}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{out} + 2*{stride}], tmm0",
                    "tilestored [{out} + 2*{stride} + 64], tmm1",
                    "tilestored [{out} + 2*{stride} + 2048], tmm2",
                    "tilestored [{out} + 2*{stride} + 2112], tmm3",
                    left = inout(reg) left => _,
                    below = inout(reg) below => _,
                    right = inout(reg) right => _,
                    steps = inout(reg) steps => _,
                    out = in(reg) out,
                    stride = in(reg) 64usize,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }

        /// Sums of 16 rows, the first half of `out`.
        ///
        /// # Safety
        /// Tiles are configured; `left` has `steps` tiles, `right` twice as many.
        #[inline]
        unsafe fn $one_name(left: *const Line, right: *const Line, steps: usize, out: &mut Sums) {
            // SAFETY: reads within the operands and writes within `out`, by this function's conditions.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "2:",
                    "tileloadd tmm4, [{left} + {stride}]",
                    "tileloadd tmm6, [{right} + {stride}]",
                    concat!($dot, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{right} + {stride} + 1024]",
                    concat!($dot, " tmm1, tmm4, tmm7"),
                    "add {left}, 1024",
                    "add {right}, 2048",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{out} + 2*{stride}], tmm0",
                    "tilestored [{out} + 2*{stride} + 64], tmm1",
                    left = inout(reg) left => _,
                    right = inout(reg) right => _,
                    steps = inout(reg) steps => _,
                    out = in(reg) out,
                    stride = in(reg) 64usize,
                    out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    };
}

products!(floats_32, floats_16, "tdpbf16ps");
products!(integers_32, integers_16, "tdpbusd");

impl Tiles {
    /// Sums of the products of `left` (whose second group of 16 rows is `below`, if wanted) with the two tiles of `right` at
    /// each step.
    ///
    /// # Panics
    /// If an operand has too few lines.
    #[inline]
    pub(super) fn multiply<const INTEGERS: bool>(
        &self,
        (left, below): (&[Line], Option<&[Line]>),
        right: &[Line],
        out: &mut Sums,
    ) {
        let steps = right.len() / BLOCK;
        let enough = |lines: &[Line]| lines.len() >= steps * 16;
        assert!(steps > 0 && enough(left) && below.is_none_or(enough), "operands are as deep");
        if self.kind == Kind::Avx512 {
            // SAFETY: the kind is only made after its instructions were found.
            return unsafe { vectors::multiply::<INTEGERS>((left, below), right, out) };
        }
        let (left, right) = (left.as_ptr(), right.as_ptr());
        // SAFETY: tiles are configured as long as `self` lives; the assertion says that operands are long enough.
        unsafe {
            match (INTEGERS, below) {
                (true, Some(below)) => integers_32(left, below.as_ptr(), right, steps, out),
                (true, None) => integers_16(left, right, steps, out),
                (false, Some(below)) => floats_32(left, below.as_ptr(), right, steps, out),
                (false, None) => floats_16(left, right, steps, out),
            }
        }
    }

    /// Scores of 32 queries with 32 keys: `queries` are rows of one line, `stride` lines apart, 32 of them (16 if not `both`);
    /// `keys` two tiles.
    ///
    /// # Panics
    /// If there are too few lines.
    #[inline]
    pub(super) fn scores(
        &self,
        queries: &[Line],
        stride: usize,
        both: bool,
        keys: &[Line; BLOCK],
        out: &mut Sums,
    ) {
        let rows = if both { 32 } else { 16 };
        assert!(queries.len() > (rows - 1) * stride, "as many queries");
        if self.kind == Kind::Avx512 {
            // SAFETY: the kind is only made after its instructions were found.
            return unsafe { vectors::scores(queries, stride, rows, keys, out) };
        }
        let first = queries.as_ptr();
        let second = if both { first.wrapping_add(16 * stride) } else { first };
        // SAFETY: tiles are configured as long as `self` lives; the assertion covers what is read of the queries.
        unsafe {
            asm!(
                "tileloadd tmm4, [{first} + {stride}]",
                "tileloadd tmm6, [{keys} + {line}]",
                "tilezero tmm0",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{keys} + {line} + 1024]",
                "tilezero tmm1",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{second} + {stride}]",
                "tilezero tmm2",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tilezero tmm3",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tilestored [{out} + 2*{line}], tmm0",
                "tilestored [{out} + 2*{line} + 64], tmm1",
                "tilestored [{out} + 2*{line} + 2048], tmm2",
                "tilestored [{out} + 2*{line} + 2112], tmm3",
                first = in(reg) first,
                second = in(reg) second,
                keys = in(reg) keys,
                out = in(reg) out,
                stride = in(reg) 64 * stride,
                line = in(reg) 64usize,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

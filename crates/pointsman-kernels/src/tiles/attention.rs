//! Scaled dot-product attention (Vaswani et al. 2017) for heads of 32 dimensions.

use std::arch::x86_64::*;
use std::ops::Range;

use super::block::{Sums, Tiles};
use super::exponential::exp2;
use super::lines::{Bf16Matrix, Line};
use super::rows::{TileRows, load, pack};
use super::transpose::{interleaved, transposed};
use super::weights::TileFormat;
use super::{BLOCK, HEAD_WIDTH, TILE_ROWS, TileUnit};

/// Memory of one thread, to be used again.
#[derive(Clone, Debug, Default)]
pub struct HeadScratch {
    /// For each 32 keys two tiles, each with a pair of dimensions of 16 keys in a row.
    keys: Vec<Line>,
    /// For each 32 keys two tiles, each with 16 dimensions of a pair of keys in a row.
    values: Vec<Line>,
    /// Weights of 32 queries: for each 32 keys a tile of the first 16, then a tile of the others.
    weights: [Vec<Line>; 2],
}

/// Scores up to this magnitude need no maximum subtracted: `e^60` times thousands is far below the largest `f32`.
const SAFE_SCORE: f32 = 60.0;

impl TileUnit {
    /// `softmax(q kᵀ / √32) v` of every head, for some `queries` of the row of tokens `row`; the results become the rows of
    /// `out` from `first` on.
    ///
    /// `qkv` has queries, keys and values side by side, each with its heads side by side; `out` is bfloat16, with the heads side
    /// by side.
    ///
    /// # Panics
    /// If shapes do not chain.
    pub fn attention(
        self,
        qkv: &Bf16Matrix,
        row: Range<usize>,
        queries: Range<usize>,
        scratch: &mut HeadScratch,
        (out, first): (&mut TileRows, usize),
    ) {
        let heads = qkv.width() / 3;
        assert!(out.format() == TileFormat::Bf16 && out.columns() == heads * HEAD_WIDTH, "shapes chain");
        assert!(queries.end <= row.len() && first + queries.len() <= out.rows(), "queries are in the row");
        let tiles = Tiles::configure(self);
        for head in 0..heads {
            let task = Head { tiles: &tiles, qkv, row: row.clone(), head, heads };
            // SAFETY: `self` proves that the processor has the instructions.
            unsafe { task.attend(queries.clone(), scratch, out, first) };
        }
    }
}

/// One head of a row.
struct Head<'a> {
    tiles: &'a Tiles,
    qkv: &'a Bf16Matrix,
    row: Range<usize>,
    head: usize,
    heads: usize,
}

impl Head<'_> {
    /// The lines of the matrix from a token's query (part 0), key (1) or value (2) on; those of the next tokens are
    /// `3 · heads` further each.
    #[inline]
    fn part(&self, part: usize, token: usize) -> &[Line] {
        let width = self.qkv.width();
        &self.qkv.lines()[(self.row.start + token) * width + part * self.heads + self.head..]
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn attend(&self, queries: Range<usize>, scratch: &mut HeadScratch, out: &mut TileRows, first: usize) {
        let HeadScratch { keys, values, weights } = scratch;
        let padded = self.row.len().next_multiple_of(BLOCK);
        keys.resize(padded, Line::ZERO);
        values.resize(padded, Line::ZERO);
        weights.iter_mut().for_each(|half| half.resize(padded / 2, Line::ZERO));
        let largest_key = self.pack_keys(keys);
        self.pack_values(values);
        for query in queries.clone().step_by(BLOCK) {
            let count = BLOCK.min(queries.end - query);
            #[expect(clippy::cast_precision_loss, reason = "a small constant")]
            let scale = 1.0 / (HEAD_WIDTH as f32).sqrt();
            let bound = scale * (self.largest_query(query..query + count) * largest_key).sqrt();
            let block = Queries { head: self, first: query, count, scale };
            // `<=` so that NaN takes the way that subtracts.
            let sums = if bound <= SAFE_SCORE {
                block.weigh(keys, &[0.0; BLOCK], weights)
            } else {
                block.weigh(keys, &block.largest_scores(keys), weights)
            };
            block.gather(values, weights, &sums, out, first + query - queries.start);
        }
    }

    /// Transposes the keys into pairs of dimensions; keys after the row's last are zeros. Gives the largest square of a key's
    /// norm.
    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn pack_keys(&self, keys: &mut [Line]) -> f32 {
        let mut largest = _mm512_setzero_ps();
        for (at, tile) in keys.as_chunks_mut::<TILE_ROWS>().0.iter_mut().enumerate() {
            let mut lines = [_mm512_setzero_si512(); TILE_ROWS];
            let count = self.row.len().saturating_sub(at * TILE_ROWS).min(TILE_ROWS);
            if count > 0 {
                let from = self.part(1, at * TILE_ROWS).iter().step_by(self.qkv.width());
                for (line, from) in lines.iter_mut().zip(from).take(count) {
                    *line = from.load();
                }
            }
            let mut squares = _mm512_setzero_ps();
            for (line, pairs) in tile.iter_mut().zip(transposed(lines)) {
                squares = add_squares(squares, pairs);
                line.store(pairs);
            }
            largest = _mm512_max_ps(squares, largest);
        }
        _mm512_reduce_max_ps(largest)
    }

    /// A bound on the squares of the norms of some queries: the sum over pairs of dimensions of the largest square of each.
    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn largest_query(&self, queries: Range<usize>) -> f32 {
        let mut largest = _mm512_setzero_ps();
        for line in self.part(0, queries.start).iter().step_by(self.qkv.width()).take(queries.len()) {
            largest = _mm512_max_ps(add_squares(_mm512_setzero_ps(), line.load()), largest);
        }
        _mm512_reduce_add_ps(largest)
    }

    /// Interleaves the values of pairs of tokens; those after the row's last are zeros.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn pack_values(&self, values: &mut [Line]) {
        for (at, pair) in values.chunks_exact_mut(BLOCK).enumerate() {
            let (low, high) = pair.split_at_mut(TILE_ROWS);
            for (row, (low, high)) in low.iter_mut().zip(high).enumerate() {
                let token = at * BLOCK + 2 * row;
                let line = |token: usize| {
                    if token < self.row.len() {
                        self.part(2, token)[0].load()
                    } else {
                        _mm512_setzero_si512()
                    }
                };
                let (a, b) = (line(token), line(token + 1));
                low.store(interleaved(_mm512_castsi512_si256(a), _mm512_castsi512_si256(b)));
                let (a, b) = (_mm512_extracti64x4_epi64::<1>(a), _mm512_extracti64x4_epi64::<1>(b));
                high.store(interleaved(a, b));
            }
        }
    }
}

/// Up to 32 queries of a head.
struct Queries<'a> {
    head: &'a Head<'a>,
    first: usize,
    count: usize,
    scale: f32,
}

impl Queries<'_> {
    #[inline]
    fn scores(&self, keys: &[Line; BLOCK], scores: &mut Sums) {
        let queries = self.head.part(0, self.first);
        self.head.tiles.scores(queries, self.head.qkv.width(), self.count > TILE_ROWS, keys, scores);
    }

    /// Which of the 16 keys from `key` on are the row's.
    #[inline]
    fn mask(&self, key: usize) -> __mmask16 {
        match self.head.row.len().saturating_sub(key) {
            16.. => !0,
            left => (1 << left) - 1,
        }
    }

    /// The largest score of each query.
    #[target_feature(enable = "avx512f")]
    fn largest_scores(&self, keys: &[Line]) -> [f32; BLOCK] {
        let mut largest = [_mm512_set1_ps(f32::NEG_INFINITY); BLOCK];
        let mut scores = Sums::ZERO;
        for (at, keys) in keys.as_chunks::<BLOCK>().0.iter().enumerate() {
            self.scores(keys, &mut scores);
            for (largest, row) in largest.iter_mut().zip(&scores.0).take(self.count) {
                for (half, scores) in row.iter().enumerate() {
                    let mask = self.mask(at * BLOCK + half * 16);
                    *largest = _mm512_mask_max_ps(*largest, mask, *largest, load(scores));
                }
            }
        }
        let mut scores = [0.0; BLOCK];
        for (score, largest) in scores.iter_mut().zip(largest) {
            *score = _mm512_reduce_max_ps(largest);
        }
        scores
    }

    /// Writes `e^(scale · (score - largest))` of every query and key, and gives their sum over the keys.
    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn weigh(&self, keys: &[Line], largest: &[f32; BLOCK], weights: &mut [Vec<Line>; 2]) -> [__m512; BLOCK] {
        let factor = self.scale * std::f32::consts::LOG2_E;
        let mut sums = [_mm512_setzero_ps(); BLOCK];
        let mut scores = Sums::ZERO;
        let [upper, lower] = weights;
        for (at, keys) in keys.as_chunks::<BLOCK>().0.iter().enumerate() {
            self.scores(keys, &mut scores);
            let last = (at + 1) * BLOCK > self.head.row.len();
            let masks = [self.mask(at * BLOCK), self.mask(at * BLOCK + 16)];
            let tile = at * TILE_ROWS..(at + 1) * TILE_ROWS;
            let lines = upper[tile.clone()].iter_mut().chain(&mut lower[tile]);
            for (((line, row), sum), largest) in
                lines.zip(&scores.0).zip(&mut sums).zip(largest).take(self.count)
            {
                let shift = _mm512_set1_ps(-largest * factor);
                let exponent = |half: usize| _mm512_fmadd_ps(load(&row[half]), _mm512_set1_ps(factor), shift);
                let (mut low, mut high) = (exp2(exponent(0)), exp2(exponent(1)));
                if last {
                    low = _mm512_maskz_mov_ps(masks[0], low);
                    high = _mm512_maskz_mov_ps(masks[1], high);
                }
                *sum = _mm512_add_ps(*sum, _mm512_add_ps(low, high));
                line.store(pack(low, high));
            }
        }
        sums
    }

    /// Writes the means of the values by these weights to the rows of `out` from `first` on.
    #[target_feature(enable = "avx512f,avx512bf16")]
    #[inline]
    fn gather(
        &self,
        values: &[Line],
        weights: &[Vec<Line>; 2],
        sums: &[__m512; BLOCK],
        out: &mut TileRows,
        first: usize,
    ) {
        let mut means = Sums::ZERO;
        let below = (self.count > TILE_ROWS).then_some(&weights[1][..]);
        self.head.tiles.multiply::<false>((&weights[0], below), values, &mut means);
        for (at, (means, sum)) in means.0.iter().zip(sums).take(self.count).enumerate() {
            let inverse = _mm512_set1_ps(1.0 / _mm512_reduce_add_ps(*sum));
            let low = _mm512_mul_ps(load(&means[0]), inverse);
            let high = _mm512_mul_ps(load(&means[1]), inverse);
            out.line_mut(first + at, self.head.head).store(pack(low, high));
        }
    }
}

/// Adds the square of each pair of numbers of a line to its sum.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn add_squares(sums: __m512, line: __m512i) -> __m512 {
    // SAFETY: both types are 64 bytes without an invalid value.
    let line: __m512bh = unsafe { std::mem::transmute(line) };
    _mm512_dpbf16_ps(sums, line, line)
}

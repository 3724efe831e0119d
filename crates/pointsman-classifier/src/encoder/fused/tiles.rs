//! The layers on tiles (AMX), in 8-bit integers or bfloat16, for use alone: one operation without a backward pass from what goes
//! in to the means that are read.
//!
//! Rows go through all layers in chunks that fit the second-level cache. Chunks are shared out among threads; a single one is
//! split by its tokens, which meet once a layer.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use candle_nn::VarBuilder;
use pointsman_kernels::{
    Bf16Matrix, Bf16Rows, HEAD_WIDTH, HeadScratch, TileFormat, TileNorm, TileRows, TileUnit, TileWeights,
};
use rayon::prelude::*;

use super::buffers::Pool;
use super::dense::Dense;
use super::weights::Norm;
use crate::encoder::EncoderConfig;
use crate::encoder::smoothing::{Moments, STRENGTH_OF_NORMS, divisors};
use crate::ops::slices::of;

/// Tokens of a chunk: what a layer makes of 512 of them takes 2 MB.
const CHUNK: usize = 512;
/// Fewest tokens that are worth a thread of their own.
const LEAST_PART: usize = 64;
/// Parts of a chunk begin at multiples of this, so that blocks of queries are whole.
const PART_STEP: usize = 32;

/// All transformer layers.
#[derive(Debug, Clone)]
pub(in crate::encoder) struct Layers {
    layers: Arc<[Layer]>,
    unit: TileUnit,
    config: EncoderConfig,
    scratch: Arc<Pool<Scratch>>,
}

/// Weights of one layer.
#[derive(Debug)]
struct Layer {
    /// Queries, keys and values side by side.
    projection: TileWeights,
    output: TileWeights,
    attention_norm: Norm<Vec<f32>>,
    up: TileWeights,
    down: TileWeights,
    norm: Norm<Vec<f32>>,
}

/// Memory of a chunk.
#[derive(Debug, Default)]
struct Scratch {
    x: Vec<f32>,
    /// Those of one layer are read while those of the next are written.
    projections: [Bf16Matrix; 2],
    parts: Vec<PartScratch>,
}

/// Memory of a part.
#[derive(Debug, Default)]
struct PartScratch {
    rows: TileRows,
    context: TileRows,
    inner: TileRows,
    head: HeadScratch,
}

impl Layers {
    /// Whether an encoder of this shape can be run on tiles.
    pub(in crate::encoder) fn fit(config: &EncoderConfig) -> bool {
        let EncoderConfig { hidden, heads, intermediate, .. } = *config;
        hidden == heads * HEAD_WIDTH
            && TileWeights::fits(hidden, intermediate)
            && TileWeights::fits(intermediate, hidden)
    }

    pub(in crate::encoder) fn new(
        config: &EncoderConfig,
        unit: TileUnit,
        format: TileFormat,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        if !Self::fit(config) {
            bail!(
                "tiles need heads of {HEAD_WIDTH} and widths that are multiples of 64; choose another engine than `amx`"
            );
        }
        let first = Norm::constant(config.hidden, &vb.pp("embeddings.LayerNorm"))?;
        let norms: Vec<_> = (0..config.layers)
            .map(|i| Norm::constant(config.hidden, &vb.pp(format!("encoder.layer.{i}.output.LayerNorm"))))
            .collect::<Result<_>>()?;
        let layer = |i: usize| {
            let before = if i == 0 { &first } else { &norms[i - 1] };
            Layer::load(config, format, before, &vb.pp(format!("encoder.layer.{i}")))
        };
        let layers: Vec<Layer> = (0..config.layers).into_par_iter().map(layer).collect::<Result<_>>()?;
        Ok(Self { layers: layers.into(), unit, config: *config, scratch: Arc::default() })
    }

    /// (tokens, hidden), rows of these lengths end to end → the mean over each row's tokens of each wanted layer, 0 for
    /// what goes in, in ascending order side by side: one tensor (rows, wanted · hidden).
    pub(in crate::encoder) fn forward(
        &self,
        x: &Tensor,
        lengths: &[usize],
        wanted: &[usize],
    ) -> Result<Vec<Tensor>> {
        let step = Step { layers: self.clone(), lengths: lengths.to_vec(), wanted: wanted.to_vec() };
        Ok(vec![x.contiguous()?.apply_op1(step)?])
    }
}

impl Layer {
    /// `before` is the norm that the layer's input comes from.
    fn load(
        config: &EncoderConfig,
        format: TileFormat,
        before: &Norm<Vec<f32>>,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let EncoderConfig { hidden, intermediate, .. } = *config;
        let attention_norm = Norm::constant(hidden, &vb.pp("attention.output.LayerNorm"))?;
        let dense =
            |inputs, outputs, names: &[&str], path: &str| Dense::load(inputs, outputs, names, &vb.pp(path));
        // Each is packed before the next is read, so that few are ever there in f32.
        let projection = pack(
            &dense(hidden, hidden, &["query", "key", "value"], "attention.self")?,
            format,
            Some(&moments(before).ranges()),
        );
        let output = pack(&dense(hidden, hidden, &["dense"], "attention.output")?, format, None);
        let (up, after_gelu) = {
            let (up, moments) =
                (dense(hidden, intermediate, &["dense"], "intermediate")?, moments(&attention_norm));
            let ranges = moments.ranges();
            (pack(&up, format, Some(&ranges)), moments.ranges_after_gelu(up.matrix(), &up.bias))
        };
        let down = pack(&dense(intermediate, hidden, &["dense"], "output")?, format, Some(&after_gelu));
        let norm = Norm::constant(hidden, &vb.pp("output.LayerNorm"))?;
        Ok(Self { projection, output, attention_norm, up, down, norm })
    }
}

fn moments(norm: &Norm<Vec<f32>>) -> Moments<'_> {
    Moments { deviations: &norm.weight, means: &norm.bias }
}

/// As tiles; integers by the divisors that came with the weights, else for activations of these ranges.
fn pack(dense: &Dense, format: TileFormat, ranges: Option<&[f32]>) -> TileWeights {
    let divisors = match (format, &dense.divisors, ranges) {
        (TileFormat::Int8, Some(stored), _) => stored.clone(),
        (TileFormat::Int8, None, Some(ranges)) => divisors(ranges, dense.matrix(), STRENGTH_OF_NORMS),
        _ => vec![1.0; dense.inputs],
    };
    TileWeights::new(format, dense.matrix(), &dense.bias, &divisors)
}

/// One use of the layers.
struct Step {
    layers: Layers,
    lengths: Vec<usize>,
    wanted: Vec<usize>,
}

impl CustomOp1 for Step {
    fn name(&self) -> &'static str {
        "transformer-tiles"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = of(x, layout)?;
        let width = self.wanted.len() * self.layers.config.hidden;
        let mut means = vec![0.0; self.lengths.len() * width];
        let threads = rayon::current_num_threads();
        let chunks = chunks(&self.lengths, threads);
        match &chunks[..] {
            [only] => self.run(only, x, &mut means, threads),
            several => {
                let mut rest = &mut means[..];
                let tasks: Vec<_> = several
                    .iter()
                    .map(|chunk| {
                        let (part, after) = std::mem::take(&mut rest).split_at_mut(chunk.rows.len() * width);
                        rest = after;
                        (chunk, part)
                    })
                    .collect();
                tasks.into_par_iter().with_max_len(1).for_each(|(chunk, means)| self.run(chunk, x, means, 1));
            }
        }
        Ok((CpuStorage::F32(means), Shape::from((self.lengths.len(), width))))
    }
}

/// Rows that go through the layers together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    rows: Range<usize>,
    tokens: Range<usize>,
}

/// Rows of these lengths in chunks of at most [`CHUNK`] tokens, unless a row alone is longer, and fewer where there would be too
/// few chunks for the threads.
fn chunks(lengths: &[usize], threads: usize) -> Vec<Chunk> {
    let total: usize = lengths.iter().sum();
    let room = if threads > 1 { total.div_ceil(threads).clamp(LEAST_PART, CHUNK) } else { CHUNK };
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut start = 0;
    for (row, length) in lengths.iter().enumerate() {
        match chunks.last_mut() {
            Some(chunk) if chunk.tokens.len() + length <= room => {
                chunk.rows.end += 1;
                chunk.tokens.end += length;
            }
            _ => chunks.push(Chunk { rows: row..row + 1, tokens: start..start + length }),
        }
        start += length;
    }
    chunks
}

/// The tokens of a chunk in at most `most` parts of about the same size.
fn parts(tokens: usize, most: usize) -> Vec<Range<usize>> {
    let count = (tokens / LEAST_PART).clamp(1, most.max(1));
    let size = tokens.div_ceil(count).next_multiple_of(PART_STEP);
    (0..tokens).step_by(size).map(|start| start..tokens.min(start + size)).collect()
}

impl Step {
    #[expect(clippy::cast_possible_truncation, reason = "the kernels compute in f32")]
    /// Takes a chunk of `x` through the layers and writes the means of its rows.
    fn run(&self, chunk: &Chunk, x: &[f32], means: &mut [f32], threads: usize) {
        let Layers { layers, config, unit, scratch } = &self.layers;
        let hidden = config.hidden;
        let mut scratch = scratch.lend();
        let Scratch { x: values, projections, parts: memory } = &mut *scratch;
        values.clear();
        values.extend_from_slice(&x[chunk.tokens.start * hidden..chunk.tokens.end * hidden]);
        let parts = parts(chunk.tokens.len(), threads);
        memory.resize_with(parts.len().max(memory.len()), PartScratch::default);
        projections.iter_mut().for_each(|matrix| matrix.reset(chunk.tokens.len(), 3 * hidden));
        let [mut now, mut next] = projections.each_mut();

        let epsilon = config.layer_norm_eps as f32;
        let pass = Pass { unit: *unit, hidden, epsilon, lengths: &self.lengths[chunk.rows.clone()] };
        let last = self.wanted.last().copied().unwrap_or(0);
        let mut column = 0;
        for depth in 0..=last {
            let following = layers[..last].get(depth);
            let ends = Ends { x: values, next: next.rows_mut(), memory: &mut memory[..parts.len()] };
            match depth.checked_sub(1) {
                None => each_part(&parts, hidden, ends, &|part, ends| pass.begin(part, ends, following)),
                Some(layer) => each_part(&parts, hidden, ends, &|part, ends| {
                    pass.layer(part, ends, &layers[layer], following, now);
                }),
            }
            std::mem::swap(&mut now, &mut next);
            if self.wanted.contains(&depth) {
                pass.means(values, means, column, self.wanted.len());
                column += 1;
            }
        }
    }
}

/// What a part of a chunk writes.
struct Ends<'a> {
    /// (tokens, hidden): input, then output of a layer.
    x: &'a mut [f32],
    /// Queries, keys and values of the next layer.
    next: Bf16Rows<'a>,
    memory: &'a mut [PartScratch],
}

/// Calls `f` for each part, on all threads if there are several.
fn each_part<F: Fn(Range<usize>, Ends<'_>) + Sync>(
    parts: &[Range<usize>],
    hidden: usize,
    ends: Ends<'_>,
    f: &F,
) {
    match parts {
        [] => {}
        [part] => f(part.clone(), ends),
        _ => {
            let (first, rest) = parts.split_at(parts.len() / 2);
            let tokens = rest[0].start - first[0].start;
            let (x, x_rest) = ends.x.split_at_mut(tokens * hidden);
            let (next, next_rest) = ends.next.split_at(tokens);
            let (memory, memory_rest) = ends.memory.split_at_mut(first.len());
            rayon::join(
                || each_part(first, hidden, Ends { x, next, memory }, f),
                || each_part(rest, hidden, Ends { x: x_rest, next: next_rest, memory: memory_rest }, f),
            );
        }
    }
}

/// What the parts of a chunk share.
struct Pass<'a> {
    unit: TileUnit,
    hidden: usize,
    epsilon: f32,
    /// Of the chunk's rows.
    lengths: &'a [usize],
}

impl Pass<'_> {
    fn norm<'a>(&self, norm: &'a Norm<Vec<f32>>) -> TileNorm<'a> {
        TileNorm { weight: &norm.weight, bias: &norm.bias, epsilon: self.epsilon }
    }

    /// Queries, keys and values of the first layer, if there is one.
    fn begin(&self, _: Range<usize>, mut ends: Ends<'_>, first: Option<&Layer>) {
        if let Some(layer) = first {
            let PartScratch { rows, .. } = &mut ends.memory[0];
            self.unit.fill(ends.x, &layer.projection, rows);
            self.unit.product(rows, &layer.projection, &mut ends.next);
        }
    }

    /// A layer for the tokens `part`, from the queries, keys and values of all tokens, and those of the layer that follows.
    fn layer(
        &self,
        part: Range<usize>,
        mut ends: Ends<'_>,
        layer: &Layer,
        following: Option<&Layer>,
        now: &Bf16Matrix,
    ) {
        let Layer { output, attention_norm, up, down, norm, .. } = layer;
        let PartScratch { rows, context, inner, head } = &mut ends.memory[0];
        let (unit, x) = (self.unit, ends.x);
        self.attend(&part, now, head, context);
        unit.add_product(left(unit, context, output, rows), output, x);
        unit.layer_norm(x, self.norm(attention_norm), Some((up, rows)));
        unit.gelu_of_product(rows, up, inner);
        unit.add_product(left(unit, inner, down, rows), down, x);
        match following {
            Some(Layer { projection, .. }) => {
                unit.layer_norm(x, self.norm(norm), Some((projection, rows)));
                unit.product(rows, projection, &mut ends.next);
            }
            None => unit.layer_norm(x, self.norm(norm), None),
        }
    }

    /// The attention of all heads for the tokens `part`.
    fn attend(&self, part: &Range<usize>, qkv: &Bf16Matrix, head: &mut HeadScratch, context: &mut TileRows) {
        context.reset(TileFormat::Bf16, part.len(), self.hidden);
        let mut start = 0;
        for length in self.lengths {
            let row = start..start + length;
            let first = part.start.max(row.start);
            let queries = first..part.end.min(row.end);
            if !queries.is_empty() {
                let queries = queries.start - row.start..queries.end - row.start;
                self.unit.attention(qkv, row.clone(), queries, head, (context, first - part.start));
            }
            start = row.end;
        }
    }

    /// Writes the mean over each row's tokens of `x` to column `column` of `columns`, each `hidden` wide.
    #[expect(clippy::cast_precision_loss, reason = "rows are far shorter than 2^23 tokens")]
    fn means(&self, x: &[f32], means: &mut [f32], column: usize, columns: usize) {
        let mut tokens = x.chunks_exact(self.hidden);
        for (length, row) in self.lengths.iter().zip(means.chunks_exact_mut(columns * self.hidden)) {
            let mean = &mut row[column * self.hidden..(column + 1) * self.hidden];
            for token in tokens.by_ref().take(*length) {
                mean.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
            }
            mean.iter_mut().for_each(|sum| *sum /= *length as f32);
        }
    }
}

/// Rows of bfloat16 as the left operand of a product with `weights`.
fn left<'a>(
    unit: TileUnit,
    from: &'a TileRows,
    weights: &TileWeights,
    rows: &'a mut TileRows,
) -> &'a TileRows {
    if weights.format() == TileFormat::Bf16 {
        return from;
    }
    unit.to_integers(from, weights, rows);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_every_row_once() {
        let chunk = |rows, tokens| Chunk { rows, tokens };
        assert_eq!(
            chunks(&[500, 10, 5, 600, 1], 1),
            [chunk(0..2, 0..510), chunk(2..3, 510..515), chunk(3..4, 515..1115), chunk(4..5, 1115..1116)]
        );
        assert_eq!(chunks(&[100, 100], 2), [chunk(0..1, 0..100), chunk(1..2, 100..200)]);
        assert_eq!(chunks(&[10, 10], 2), [chunk(0..2, 0..20)]);
    }

    #[test]
    fn parts_cover_the_tokens() {
        let ends = |tokens, most| parts(tokens, most).iter().map(|part| part.end).collect::<Vec<_>>();
        assert_eq!(ends(1, 4), [1]);
        assert_eq!(ends(127, 2), [127]);
        assert_eq!(ends(128, 2), [64, 128]);
        assert_eq!(ends(200, 3), [96, 192, 200]);
        assert_eq!(ends(512, 1), [512]);
        let parts = parts(200, 3);
        assert!(parts[0].start == 0 && parts.windows(2).all(|pair| pair[0].end == pair[1].start));
    }
}

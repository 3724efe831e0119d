//! Reading: tensors are made when they are asked for, so that a model that rounds its weights anew never has all of them in F32.

use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{DIVISOR, SCALE, Tensors, WeightsError, is_divisor};

/// Suffix by which the integers of a quantised matrix are asked for, U8 with the bits of their I8. No tensor in a file has it.
pub(crate) const INTEGERS: &str = ".integers";

/// A safetensors file whose tensors are all known to be as [`super`] describes. As a backend of candle's
/// [`VarBuilder`](candle_nn::VarBuilder) it gives matrices in F32, and for a quantised `NAME` also `NAME.integers` and
/// `NAME.scale`.
pub(crate) struct StoredWeights<'a>(SafeTensors<'a>);

impl<'a> StoredWeights<'a> {
    /// # Errors
    /// When the bytes are no safetensors file, or a tensor's type or scales are not as [`super`] describes.
    pub(crate) fn new(bytes: &'a [u8]) -> std::result::Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| WeightsError::new("", format!("this is no safetensors file: {error}")))?;
        let stored = Self(file);
        for (name, view) in stored.0.iter() {
            match view.dtype() {
                Dtype::I8 => _ = stored.quantized(name, &view)?,
                other => _ = reader(name, other)?,
            }
        }
        Ok(stored)
    }

    /// All tensors but the scales of quantised matrices.
    pub(crate) fn all(&self, device: &Device) -> std::result::Result<Tensors, WeightsError> {
        let names = self.0.iter().filter(|(name, _)| !self.are_scales(name));
        names
            .map(|(name, view)| {
                let tensor = Tensor::from_vec(self.values(name, &view)?, view.shape(), device)
                    .map_err(|error| WeightsError::new(name, error.to_string()))?;
                Ok((name.to_owned(), tensor))
            })
            .collect()
    }

    fn view(&self, name: &str) -> Option<TensorView<'a>> {
        self.0.tensor(name).ok()
    }

    fn is_quantized(&self, name: &str) -> bool {
        self.view(name).is_some_and(|view| view.dtype() == Dtype::I8)
    }

    /// Whether `name` holds the scales of a quantised matrix.
    fn are_scales(&self, name: &str) -> bool {
        name.strip_suffix(SCALE).is_some_and(|matrix| self.is_quantized(matrix))
    }

    /// A tensor's values in F32.
    fn values(&self, name: &str, view: &TensorView<'_>) -> std::result::Result<Vec<f32>, WeightsError> {
        match view.dtype() {
            Dtype::I8 => Ok(self.quantized(name, view)?.values()),
            other => Ok(reader(name, other)?(view.data())),
        }
    }

    /// The parts of a quantised matrix.
    fn quantized<'v>(
        &self,
        name: &str,
        view: &'v TensorView<'_>,
    ) -> std::result::Result<QuantizedMatrix<'v>, WeightsError> {
        let &[rows, columns] = view.shape() else {
            return Err(WeightsError::new(name, "only matrices can be I8".to_owned()));
        };
        let scale_name = format!("{name}{SCALE}");
        let (scales, groups) = self
            .view(&scale_name)
            .filter(|scales| scales.dtype() == Dtype::F32)
            .and_then(|scales| Some((floats(scales.data()), groups(scales.shape(), rows, columns)?)))
            .ok_or_else(|| {
                let message = format!(
                    "it is I8 and needs `{scale_name}`, F32 ({rows}) or ({rows}, a divisor of {columns})"
                );
                WeightsError::new(name, message)
            })?;
        let divisors = self.divisors(name, columns, groups)?;
        Ok(QuantizedMatrix { integers: view.data(), columns, group: columns / groups, scales, divisors })
    }

    /// The divisors of a matrix's columns, if it has some.
    fn divisors(
        &self,
        name: &str,
        columns: usize,
        groups: usize,
    ) -> std::result::Result<Option<Vec<f32>>, WeightsError> {
        let divisor_name = format!("{name}{DIVISOR}");
        let Some(view) = self.view(&divisor_name) else { return Ok(None) };
        let divisors = reader(&divisor_name, view.dtype())?(view.data());
        if view.shape() == [columns] && groups == 1 && divisors.iter().all(|divisor| is_divisor(*divisor)) {
            return Ok(Some(divisors));
        }
        let message = format!("it must be {columns} positive numbers, and `{name}` have one scale a row");
        Err(WeightsError::new(&divisor_name, message))
    }
}

impl SimpleBackend for StoredWeights<'_> {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if *tensor.shape() == shape {
            return Ok(tensor);
        }
        let msg = format!("shape mismatch for {name}");
        Err(Error::UnexpectedShape { msg, expected: shape, got: tensor.shape().clone() }.bt())
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let integers = name.strip_suffix(INTEGERS).filter(|matrix| self.is_quantized(matrix));
        let Some(view) = self.view(integers.unwrap_or(name)) else {
            return Err(Error::CannotFindTensor { path: name.to_owned() }.bt());
        };
        if integers.is_some() {
            return Tensor::from_slice(view.data(), view.shape(), device)?.to_dtype(dtype);
        }
        let values = self.values(name, &view).map_err(Error::wrap)?;
        Tensor::from_vec(values, view.shape(), device)?.to_dtype(dtype)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        name.strip_suffix(INTEGERS).is_some_and(|matrix| self.is_quantized(matrix))
            || self.view(name).is_some()
    }
}

/// A matrix as integers.
struct QuantizedMatrix<'a> {
    integers: &'a [u8],
    columns: usize,
    /// Columns that share a scale.
    group: usize,
    scales: Vec<f32>,
    divisors: Option<Vec<f32>>,
}

impl QuantizedMatrix<'_> {
    /// What the integers stand for.
    fn values(&self) -> Vec<f32> {
        let mut values = vec![0f32; self.integers.len()];
        if self.group > 0 {
            values
                .par_chunks_mut(self.group)
                .zip(self.integers.par_chunks(self.group))
                .zip(&self.scales)
                .with_min_len(256)
                .for_each(|((values, bytes), scale)| {
                    for (value, byte) in values.iter_mut().zip(bytes) {
                        *value = f32::from(byte.cast_signed()) * scale;
                    }
                });
        }
        if let Some(divisors) = &self.divisors {
            for row in values.chunks_exact_mut(self.columns) {
                row.iter_mut().zip(divisors).for_each(|(value, divisor)| *value /= divisor);
            }
        }
        values
    }
}

/// How many scales each row has, if scales of `shape` fit a matrix of `rows` and `columns`.
fn groups(shape: &[usize], rows: usize, columns: usize) -> Option<usize> {
    match *shape {
        [count] if count == rows => Some(1),
        [count, groups] if count == rows && groups > 0 && columns.is_multiple_of(groups) => Some(groups),
        _ => None,
    }
}

/// How bytes become F32.
type Reader = fn(&[u8]) -> Vec<f32>;

/// The reader of a type.
fn reader(name: &str, dtype: Dtype) -> std::result::Result<Reader, WeightsError> {
    Ok(match dtype {
        Dtype::F32 => floats,
        Dtype::F16 => {
            |data| data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
        }
        Dtype::BF16 => {
            |data| data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect()
        }
        // Position ids and the like, which some exporters store beside the weights.
        Dtype::I64 => {
            |data| data.as_chunks().0.iter().map(|bytes| int_to_f32(i64::from_le_bytes(*bytes))).collect()
        }
        other => {
            let message = format!("its type {other:?} is not one of F32, F16, BF16 and I8; convert the file");
            return Err(WeightsError::new(name, message));
        }
    })
}

fn floats(data: &[u8]) -> Vec<f32> {
    data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "ids are far below 2^24")]
fn int_to_f32(value: i64) -> f32 {
    value as f32
}

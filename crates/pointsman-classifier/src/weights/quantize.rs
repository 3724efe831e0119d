//! Writing.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use super::{DIVISOR, GROUP, MIN_QUANTIZED_ELEMENTS, SCALE, Tensors, WeightsError, is_divisor};

/// Writes tensors as a safetensors file with its large matrices quantised. The same tensors give the same bytes.
///
/// # Errors
/// When a tensor is not F32, has values that are not finite, or cannot be copied from its device.
pub fn quantize(tensors: &Tensors) -> Result<Vec<u8>, WeightsError> {
    let mut stored = BTreeMap::new();
    for (name, tensor) in tensors {
        let values = finite_values(name, tensor)?;
        match *tensor.dims() {
            [rows, columns] if rows * columns >= MIN_QUANTIZED_ELEMENTS => {
                let mut values = values;
                let mut group = if columns.is_multiple_of(GROUP) { GROUP } else { columns };
                if let Some(divisors) = tensors.get(&format!("{name}{DIVISOR}")) {
                    multiply_columns(name, &mut values, columns, divisors)?;
                    group = columns;
                }
                let (bytes, scales) = quantize_groups(&values, group);
                stored.insert(name.clone(), Stored { dtype: Dtype::I8, shape: vec![rows, columns], bytes });
                stored.insert(format!("{name}{SCALE}"), Stored::f32(&scales, vec![rows, columns / group]));
            }
            _ => {
                stored.insert(name.clone(), Stored::f32(&values, tensor.dims().to_vec()));
            }
        }
    }
    let views = stored
        .iter()
        .map(|(name, stored)| {
            let view = TensorView::new(stored.dtype, stored.shape.clone(), &stored.bytes)
                .map_err(|error| WeightsError::new(name, error.to_string()))?;
            Ok((name, view))
        })
        .collect::<Result<Vec<_>, WeightsError>>()?;
    safetensors::serialize(views, None).map_err(|error| WeightsError::new("", error.to_string()))
}

/// Multiplies each column by its divisor.
fn multiply_columns(
    name: &str,
    values: &mut [f32],
    columns: usize,
    divisors: &Tensor,
) -> Result<(), WeightsError> {
    let divisor_name = format!("{name}{DIVISOR}");
    let divisors = finite_values(&divisor_name, divisors)?;
    if divisors.len() != columns || !divisors.iter().all(|divisor| is_divisor(*divisor)) {
        return Err(WeightsError::new(&divisor_name, format!("it must be {columns} positive numbers")));
    }
    for row in values.chunks_exact_mut(columns) {
        row.iter_mut().zip(&divisors).for_each(|(value, divisor)| *value *= divisor);
    }
    Ok(())
}

struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    fn f32(values: &[f32], shape: Vec<usize>) -> Self {
        Self {
            dtype: Dtype::F32,
            shape,
            bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

fn finite_values(name: &str, tensor: &Tensor) -> Result<Vec<f32>, WeightsError> {
    let failed = |error: candle_core::Error| WeightsError::new(name, error.to_string());
    if tensor.dtype() != DType::F32 {
        return Err(WeightsError::new(name, format!("it is {:?} and must be F32", tensor.dtype())));
    }
    let values: Vec<f32> = tensor.flatten_all().and_then(|flat| flat.to_vec1()).map_err(failed)?;
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(WeightsError::new(name, "it has values that are not finite; training has diverged".to_owned()))
    }
}

/// Rounds each `group` of values to multiples of `max |w| / 127`, halves to even. A group of zeros has scale 0.
#[expect(clippy::cast_possible_truncation, reason = "the quotient is within ±127 by choice of the scale")]
fn quantize_groups(values: &[f32], group: usize) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = Vec::with_capacity(values.len());
    let mut scales = Vec::with_capacity(values.len() / group);
    for values in values.chunks_exact(group) {
        let scale = values.iter().fold(0f32, |most, value| most.max(value.abs())) / 127.0;
        let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
        bytes.extend(
            values.iter().map(|value| {
                ((value * inverse).clamp(-127.0, 127.0).round_ties_even() as i8).cast_unsigned()
            }),
        );
        scales.push(scale);
    }
    (bytes, scales)
}

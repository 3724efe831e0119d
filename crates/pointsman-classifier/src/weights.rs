//! Weights on disk: safetensors, large matrices as 8-bit integers with a scale for every 128 columns of a row.
//!
//! A quantised matrix `NAME` of shape (rows, columns) is stored as `NAME`, I8 (rows, columns), and `NAME.scale`,
//! F32 (rows, groups) or (rows) for one group. With `g = c / (columns / groups)`, weight `(r, c)` is
//! `NAME[r, c] · NAME.scale[r, g]`, and `NAME.scale[r, g]` is the largest weight of the group over 127, so a weight is
//! off by at most half a scale. With `NAME.divisor`, F32 (columns), the matrix has one scale a row and weight `(r, c)` is
//! `NAME[r, c] · NAME.scale[r] / NAME.divisor[c]`: it was multiplied by the divisors before it was rounded, so that kernels
//! that divide activations by them use the integers as they are. Everything else is F32. Files in F32, F16 or BF16 as other
//! tools write them load too.
//!
//! Groups of 128 instead of whole rows cost 3 % of the file and lower the largest error of a logit by about a third, most
//! of it in the matrices of 1536 columns.

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// Suffix of the name of a matrix's row scales.
const SCALE: &str = ".scale";

/// Suffix of the name of the divisors of a matrix's columns.
pub const DIVISOR: &str = ".divisor";

/// Matrices with fewer elements than this stay F32: heads and small embeddings, where precision is cheap.
const MIN_QUANTIZED_ELEMENTS: usize = 1 << 15;

/// Columns that share a scale, where they divide the matrix; a whole row elsewhere.
const GROUP: usize = 128;

/// Tensors by name, all F32.
pub type Tensors = HashMap<String, Tensor>;

/// Reads a safetensors file into F32 tensors on `device`.
///
/// # Errors
/// When the bytes are no safetensors file, or a tensor's type or scales are not as the module describes.
pub fn read(bytes: &[u8], device: &Device) -> Result<Tensors, WeightsError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError::new("", format!("this is no safetensors file: {error}")))?;
    let views: HashMap<&str, TensorView<'_>> = file.iter().collect();
    let mut tensors = Tensors::with_capacity(views.len());
    for (name, view) in &views {
        if scaled_matrix(name, &views) {
            continue;
        }
        let values = match view.dtype() {
            Dtype::I8 => dequantize(name, view, &views)?,
            _ => widen(name, view)?,
        };
        let tensor = Tensor::from_vec(values, view.shape(), device)
            .map_err(|error| WeightsError::new(name, error.to_string()))?;
        tensors.insert((*name).to_owned(), tensor);
    }
    Ok(tensors)
}

/// Whether `name` holds the scales of a quantised matrix.
fn scaled_matrix(name: &str, views: &HashMap<&str, TensorView<'_>>) -> bool {
    name.strip_suffix(SCALE)
        .and_then(|matrix| views.get(matrix))
        .is_some_and(|view| view.dtype() == Dtype::I8)
}

/// The matrix that integers and scales stand for.
fn dequantize(
    name: &str,
    view: &TensorView<'_>,
    views: &HashMap<&str, TensorView<'_>>,
) -> Result<Vec<f32>, WeightsError> {
    let &[rows, columns] = view.shape() else {
        return Err(WeightsError::new(name, "only matrices can be I8".to_owned()));
    };
    let scale_name = format!("{name}{SCALE}");
    let (scales, groups) = views
        .get(scale_name.as_str())
        .filter(|scales| scales.dtype() == Dtype::F32)
        .and_then(|scales| Some((scales, groups(scales.shape(), rows, columns)?)))
        .ok_or_else(|| {
            let message = format!(
                "it is I8 and needs `{scale_name}`, F32 ({rows}) or ({rows}, a divisor of {columns})"
            );
            WeightsError::new(name, message)
        })?;
    let scales = widen(&scale_name, scales)?;
    let mut values = vec![0f32; rows * columns];
    if columns > 0 {
        let group = columns / groups;
        values
            .par_chunks_mut(group)
            .zip(view.data().par_chunks(group))
            .zip(&scales)
            .with_min_len(256)
            .for_each(|((values, bytes), scale)| {
                for (value, byte) in values.iter_mut().zip(bytes) {
                    *value = f32::from(byte.cast_signed()) * scale;
                }
            });
    }
    if let Some(divisors) = stored_divisors(name, columns, groups, views)? {
        for row in values.chunks_exact_mut(columns) {
            row.iter_mut().zip(&divisors).for_each(|(value, divisor)| *value /= divisor);
        }
    }
    Ok(values)
}

/// The divisors of a matrix's columns, if it has some.
fn stored_divisors(
    name: &str,
    columns: usize,
    groups: usize,
    views: &HashMap<&str, TensorView<'_>>,
) -> Result<Option<Vec<f32>>, WeightsError> {
    let divisor_name = format!("{name}{DIVISOR}");
    let Some(view) = views.get(divisor_name.as_str()) else { return Ok(None) };
    let divisors = widen(&divisor_name, view)?;
    if view.shape() == [columns] && groups == 1 && divisors.iter().all(|divisor| is_divisor(*divisor)) {
        return Ok(Some(divisors));
    }
    let message = format!("it must be {columns} positive numbers, and `{name}` have one scale a row");
    Err(WeightsError::new(&divisor_name, message))
}

fn is_divisor(value: f32) -> bool {
    value.is_finite() && value > 0.0
}

/// How many scales each row has, if scales of `shape` fit a matrix of `rows` and `columns`.
fn groups(shape: &[usize], rows: usize, columns: usize) -> Option<usize> {
    match *shape {
        [count] if count == rows => Some(1),
        [count, groups] if count == rows && groups > 0 && columns.is_multiple_of(groups) => Some(groups),
        _ => None,
    }
}

/// The values of a tensor of floats as F32.
fn widen(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, WeightsError> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
        // Position ids and the like, which some exporters store beside the weights.
        Dtype::I64 => data.as_chunks().0.iter().map(|bytes| int_to_f32(i64::from_le_bytes(*bytes))).collect(),
        other => {
            let message = format!("its type {other:?} is not one of F32, F16, BF16 and I8; convert the file");
            return Err(WeightsError::new(name, message));
        }
    })
}

#[expect(clippy::cast_precision_loss, reason = "ids are far below 2^24")]
fn int_to_f32(value: i64) -> f32 {
    value as f32
}

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

/// A weights file, or a tensor of it, that cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if tensor.is_empty() { String::new() } else { format!("tensor `{tensor}`: ") })]
pub struct WeightsError {
    /// The tensor at fault; empty when it is the whole file.
    pub tensor: String,
    message: String,
}

impl WeightsError {
    fn new(tensor: &str, message: String) -> Self {
        Self { tensor: tensor.to_owned(), message }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn f32_values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f32 tensor")
    }

    fn tensors(entries: Vec<(&str, Vec<f32>, Vec<usize>)>) -> Tensors {
        entries
            .into_iter()
            .map(|(name, values, shape)| {
                (name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).expect("shape fits"))
            })
            .collect()
    }

    fn file(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
        let view = TensorView::new(dtype, shape.to_vec(), bytes).expect("shape fits");
        safetensors::serialize([("w", view)], None).expect("serialises")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_weight_is_off_by_at_most_half_a_scale(
            seed in proptest::collection::vec(-3f32..3.0, 256),
            magnitude in 1e-6f32..1e3,
        ) {
            // 256 columns have two scales each, 200 columns have one.
            let columns = if seed[0] > 0.0 { 256 } else { 200 };
            let (rows, group) = (170, if columns == 256 { 128 } else { 200 });
            let values: Vec<f32> =
                (0..rows * columns).map(|i| seed[i % 256] * seed[(i / 256 * 7) % 256] * magnitude).collect();
            let bytes = quantize(&tensors(vec![("w", values.clone(), vec![rows, columns])])).expect("finite");
            prop_assert!(bytes.len() < rows * columns + rows * columns / group * 4 + 512);
            let read = read(&bytes, &Device::Cpu).expect("own file");
            prop_assert_eq!(read.len(), 1);
            for (values, got) in values.chunks(group).zip(f32_values(&read["w"]).chunks(group)) {
                let scale = values.iter().fold(0f32, |most, v| most.max(v.abs())) / 127.0;
                for (want, got) in values.iter().zip(got) {
                    prop_assert!((want - got).abs() <= 0.5001 * scale, "{} {} {}", want, got, scale);
                }
            }
        }
    }

    #[test]
    fn vectors_small_matrices_and_zero_rows_are_exact() {
        let mut rows = vec![0.0; 1 << 15];
        rows[0] = 127.0;
        rows[1] = -3.0;
        let given = tensors(vec![
            ("bias", vec![0.1, -0.2, 0.3], vec![3]),
            ("head", vec![0.1, 0.2, 0.3, 0.4], vec![2, 2]),
            ("large", rows, vec![256, 128]),
        ]);
        let bytes = quantize(&given).expect("finite");
        assert_eq!(bytes, quantize(&given).expect("finite"), "the same tensors give the same bytes");
        let read = read(&bytes, &Device::Cpu).expect("own file");
        assert_eq!(read.len(), 3);
        for (name, tensor) in &given {
            assert_eq!(read[name].dims(), tensor.dims());
            assert_eq!(f32_values(&read[name]), f32_values(tensor), "{name}");
        }
    }

    #[test]
    fn divisors_leave_the_weights_and_their_integers_as_they_are() {
        let (rows, columns) = (256, 128);
        let values: Vec<f32> =
            (0..rows * columns).map(|i| ((i * 7919 % 1009) as f32 - 504.0) / 300.0).collect();
        let divisors: Vec<f32> = (0..columns).map(|column| 0.05 + column as f32 / 16.0).collect();
        let given = tensors(vec![
            ("w", values.clone(), vec![rows, columns]),
            ("w.divisor", divisors.clone(), vec![columns]),
        ]);
        let bytes = quantize(&given).expect("finite");
        let read = read(&bytes, &Device::Cpu).expect("own file");
        assert_eq!(f32_values(&read["w.divisor"]), divisors);
        for (want, got) in values.chunks(columns).zip(f32_values(&read["w"]).chunks(columns)) {
            let scale = want.iter().zip(&divisors).fold(0f32, |most, (w, d)| most.max((w * d).abs())) / 127.0;
            for ((want, got), divisor) in want.iter().zip(got).zip(&divisors) {
                assert!((want - got).abs() * divisor <= 0.5001 * scale, "{want} {got}");
            }
        }
        assert_eq!(quantize(&read).expect("finite"), bytes, "rounded weights round to themselves");

        for wrong in [vec![1.0; columns - 1], vec![0.0; columns]] {
            let len = wrong.len();
            let given =
                tensors(vec![("w", values.clone(), vec![rows, columns]), ("w.divisor", wrong, vec![len])]);
            let error = quantize(&given).expect_err("no divisors of these columns").to_string();
            assert_eq!(error, "tensor `w.divisor`: it must be 128 positive numbers");
        }
    }

    #[test]
    fn one_scale_a_row_is_read() {
        let (matrix, scales) = ([2u8, 254, 4, 1], [0.5f32, 2.0].map(f32::to_le_bytes).concat());
        let views = |shape: &[usize]| {
            let scales = TensorView::new(Dtype::F32, shape.to_vec(), &scales).expect("shape fits");
            let matrix = TensorView::new(Dtype::I8, vec![2, 2], &matrix).expect("shape fits");
            safetensors::serialize([("w", matrix), ("w.scale", scales)], None).expect("serialises")
        };
        for shape in [&[2][..], &[2, 1]] {
            let read = read(&views(shape), &Device::Cpu).expect("scales fit");
            assert_eq!(f32_values(&read["w"]), [1.0, -1.0, 8.0, 2.0]);
        }
        let error = read(&views(&[1, 2]), &Device::Cpu).expect_err("two scales for two rows");
        assert!(error.to_string().contains("(2, a divisor of 2)"), "{error}");
    }

    #[test]
    fn files_of_other_tools_load() {
        let values = [1.0f32, -2.5, 0.0, 1024.0];
        let bytes = |each: &dyn Fn(f32) -> Vec<u8>| values.iter().flat_map(|v| each(*v)).collect::<Vec<_>>();
        for (dtype, bytes) in [
            (Dtype::F32, bytes(&|v| v.to_le_bytes().to_vec())),
            (Dtype::F16, bytes(&|v| f16::from_f32(v).to_le_bytes().to_vec())),
            (Dtype::BF16, bytes(&|v| bf16::from_f32(v).to_le_bytes().to_vec())),
        ] {
            let read = read(&file(dtype, &[2, 2], &bytes), &Device::Cpu).expect("supported type");
            assert_eq!(f32_values(&read["w"]), values, "{dtype:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let message = |bytes: &[u8]| read(bytes, &Device::Cpu).expect_err("not readable").to_string();
        insta::assert_snapshot!(message(b"not safetensors"), @"this is no safetensors file: header too large");
        insta::assert_snapshot!(message(&file(Dtype::I8, &[2, 2], &[0; 4])), @"tensor `w`: it is I8 and needs `w.scale`, F32 (2) or (2, a divisor of 2)");
        insta::assert_snapshot!(message(&file(Dtype::I8, &[4], &[0; 4])), @"tensor `w`: only matrices can be I8");
        insta::assert_snapshot!(message(&file(Dtype::U8, &[4], &[0; 4])), @"tensor `w`: its type U8 is not one of F32, F16, BF16 and I8; convert the file");
        let broken = quantize(&tensors(vec![("w", vec![f32::NAN], vec![1])])).expect_err("not finite");
        insta::assert_snapshot!(broken, @"tensor `w`: it has values that are not finite; training has diverged");
    }
}

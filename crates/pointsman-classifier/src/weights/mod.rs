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

mod quantize;
mod stored;

use std::collections::HashMap;

use candle_core::{Device, Tensor};

pub use quantize::quantize;
pub(crate) use stored::{INTEGERS, StoredWeights};

/// Suffix of the name of a matrix's row scales.
pub(crate) const SCALE: &str = ".scale";

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
    StoredWeights::new(bytes)?.all(device)
}

fn is_divisor(value: f32) -> bool {
    value.is_finite() && value > 0.0
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
    use half::{bf16, f16};
    use proptest::prelude::*;
    use safetensors::tensor::{Dtype, TensorView};

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

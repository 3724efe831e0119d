//! The same model with another difficulty head.

use pointsman_classifier::DIFFICULTY_HEAD;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::head::HeadFit;
use crate::error::TrainError;

/// The safetensors file `weights` with the tensors of the difficulty head replaced; the others keep their bytes.
pub(crate) fn with_head(weights: &[u8], head: &HeadFit) -> Result<Vec<u8>, TrainError> {
    let refuse = |error: safetensors::SafeTensorError| TrainError::Model(Box::new(error));
    let file = SafeTensors::deserialize(weights).map_err(refuse)?;
    let names = ["weight", "bias"].map(|part| format!("{DIFFICULTY_HEAD}.{part}"));
    let numbers = [bytes(&head.weight), bytes(&[head.bias])];
    let shapes = [vec![1, head.weight.len()], vec![1]];
    let mut tensors: Vec<(String, TensorView<'_>)> = file
        .iter()
        .filter(|(name, _)| !names.iter().any(|own| own == name))
        .map(|(name, view)| (name.to_owned(), view))
        .collect();
    for ((name, bytes), shape) in names.iter().zip(&numbers).zip(shapes) {
        tensors.push((name.clone(), TensorView::new(Dtype::F32, shape, bytes).map_err(refuse)?));
    }
    safetensors::serialize(tensors, None).map_err(refuse)
}

#[expect(clippy::cast_possible_truncation, reason = "weights are stored as f32")]
fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_difficulty_head_changes() {
        let (eight, four) = ([7u8; 8], 1f32.to_le_bytes());
        let view =
            |dtype, shape: &[usize], bytes| TensorView::new(dtype, shape.to_vec(), bytes).expect("a view");
        let before = safetensors::serialize(
            [
                ("difficulty.weight", view(Dtype::F32, &[1, 2], &eight)),
                ("difficulty.bias", view(Dtype::F32, &[1], &four)),
                ("encoder", view(Dtype::I8, &[2, 4], &eight)),
                ("encoder.scale", view(Dtype::F32, &[2, 1], &eight)),
            ],
            None,
        )
        .expect("a file");
        let head = HeadFit {
            weight: vec![1.0, 2.0, 3.0],
            bias: 0.5,
            residual_sd: 1.0,
            lambda: 1.0,
            out_of_fold: Vec::new(),
        };
        let after = with_head(&before, &head).expect("rewritten");
        let file = SafeTensors::deserialize(&after).expect("a file");
        assert_eq!(file.len(), 4);
        assert_eq!(file.tensor("encoder").expect("kept").data(), eight);
        let weight = file.tensor("difficulty.weight").expect("there");
        assert_eq!((weight.shape(), weight.data()), (&[1, 3][..], &bytes(&[1.0, 2.0, 3.0])[..]));
        assert_eq!(file.tensor("difficulty.bias").expect("there").data(), 0.5f32.to_le_bytes());
        assert!(with_head(b"torn", &head).is_err());
    }
}

//! The same model with another difficulty head.

use candle_core::Device;
use pointsman_classifier::{AbilityCalibration, DIFFICULTY_HEAD, weights};
use pointsman_eval::linear::Linear;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::TrainError;

/// The safetensors file `weights` with the tensors of the difficulty head replaced; the others keep their bytes.
///
/// # Errors
/// When `weights` is no safetensors file.
pub fn with_head(weights: &[u8], head: &Linear) -> Result<Vec<u8>, TrainError> {
    with_scalar_head(weights, DIFFICULTY_HEAD, Some(head))
}

/// The safetensors file `weights` with `head` as the head `name` of one output, or without that head; the other tensors keep
/// their bytes.
pub(crate) fn with_scalar_head(
    weights: &[u8],
    name: &str,
    head: Option<&Linear>,
) -> Result<Vec<u8>, TrainError> {
    let refuse = |error: safetensors::SafeTensorError| TrainError::Model(Box::new(error));
    let file = SafeTensors::deserialize(weights).map_err(refuse)?;
    let names = ["weight", "bias"].map(|part| format!("{name}.{part}"));
    let parts: Vec<(Vec<usize>, Vec<u8>)> = match head {
        Some(head) => {
            vec![(vec![1, head.weights.len()], bytes(&head.weights)), (vec![1], bytes(&[head.intercept]))]
        }
        None => Vec::new(),
    };
    let mut tensors: Vec<(String, TensorView<'_>)> = file
        .iter()
        .filter(|(name, _)| !names.iter().any(|own| own == name))
        .map(|(name, view)| (name.to_owned(), view))
        .collect();
    for (name, (shape, bytes)) in names.iter().zip(&parts) {
        tensors.push((name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(refuse)?));
    }
    safetensors::serialize(tensors, None).map_err(refuse)
}

/// The difficulty head in `weights` as it is read through `calibration`, with `added` to what it says of the last layer: its
/// columns are the head's last.
///
/// # Errors
/// When the weights cannot be read or have no difficulty head.
pub fn changed_head(
    weights: &[u8],
    calibration: AbilityCalibration,
    added: &Linear,
) -> Result<Linear, TrainError> {
    let mut tensors =
        weights::read(weights, &Device::Cpu).map_err(|error| TrainError::Model(Box::new(error)))?;
    let mut part = |part: &str| -> Result<Vec<f64>, TrainError> {
        let name = format!("{DIFFICULTY_HEAD}.{part}");
        let tensor = tensors.remove(&name).ok_or_else(|| TrainError::Data {
            message: format!("the model has no tensor `{name}`; use a model with a difficulty head"),
        })?;
        let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        Ok(values.into_iter().map(|value| calibration.scale * f64::from(value)).collect())
    };
    let (mut changed, bias) = (part("weight")?, part("bias")?);
    let own = changed.len().saturating_sub(added.weights.len());
    for (weight, more) in changed[own..].iter_mut().zip(&added.weights) {
        *weight += more;
    }
    let intercept = bias.first().copied().unwrap_or_default() + calibration.shift + added.intercept;
    Ok(Linear { intercept, weights: changed })
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
        let head = Linear { weights: vec![1.0, 2.0, 3.0], intercept: 0.5 };
        let after = with_head(&before, &head).expect("rewritten");
        let file = SafeTensors::deserialize(&after).expect("a file");
        assert_eq!(file.len(), 4);
        assert_eq!(file.tensor("encoder").expect("kept").data(), eight);
        let weight = file.tensor("difficulty.weight").expect("there");
        assert_eq!((weight.shape(), weight.data()), (&[1, 3][..], &bytes(&[1.0, 2.0, 3.0])[..]));
        assert_eq!(file.tensor("difficulty.bias").expect("there").data(), 0.5f32.to_le_bytes());
        assert!(with_head(b"torn", &head).is_err());
        let more = with_scalar_head(&after, "language", Some(&head)).expect("rewritten");
        let file = SafeTensors::deserialize(&more).expect("a file");
        assert_eq!((file.len(), file.tensor("language.weight").expect("there").shape()), (6, &[1, 3][..]));
        let less = with_scalar_head(&more, "language", None).expect("rewritten");
        assert_eq!(less, after, "a head that is taken out leaves nothing behind");
        // 2 · (w x + 0.5) + 1, and 10 more for the last column.
        let calibration = AbilityCalibration { scale: 2.0, shift: 1.0, residual_sd: 1.0 };
        let added = Linear { weights: vec![10.0], intercept: -1.0 };
        let changed = changed_head(&after, calibration, &added).expect("changed");
        assert_eq!(changed, Linear { weights: vec![2.0, 4.0, 16.0], intercept: 1.0 });
    }
}

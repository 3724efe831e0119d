//! How large the inputs of each product become on some rows, and what they are to be divided by.

use std::collections::HashMap;

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;
use pointsman_kernels::Mat;

use super::composed::Product;
use super::smoothing::{STRENGTH_MEASURED, divisors};
use super::{Encoder, EncoderConfig, Layers};
use crate::batch::{TokenBatch, TokenIds};
use crate::engine::Engine;
use crate::weights::DIVISOR;

impl Encoder {
    /// Divisors of the inputs of each product, to be stored beside its weights ([`crate::weights`]): by tensor name, each
    /// (inputs). Found on `rows`, of which a few hundred suffice.
    ///
    /// # Errors
    /// When there is no row, a tensor is missing or has another shape than `config` says, or rows do not fit the encoder.
    pub fn divisors(
        config: &EncoderConfig,
        vb: &VarBuilder<'_>,
        rows: &[TokenIds],
    ) -> Result<HashMap<String, Tensor>> {
        let encoder = Self::with_engine(config, Engine::Candle, vb)?;
        let Layers::Composed(layers) = &encoder.layers else {
            bail!("the layers show nothing of themselves")
        };
        let mut largest: HashMap<(usize, Product), Tensor> = HashMap::new();
        for row in rows {
            let batch = TokenBatch::new(std::slice::from_ref(row), vb.device())?;
            encoder.check(&batch)?;
            layers.watch(&encoder.embed(&batch)?.detach(), &mut |layer, product, input| {
                let most = input.detach().abs()?.max(0)?;
                let place = (layer, product);
                let most =
                    largest.get(&place).map_or_else(|| Ok(most.clone()), |before| before.maximum(&most))?;
                largest.insert(place, most);
                Ok(())
            })?;
        }
        let mut all = HashMap::new();
        for ((layer, product), ranges) in largest {
            let vb = vb.pp(format!("encoder.layer.{layer}"));
            let names = product.matrices();
            let divisors = of_product(&ranges.to_vec1()?, names, &vb)?;
            let divisors = Tensor::from_vec(divisors, ranges.dim(0)?, vb.device())?;
            for name in names {
                all.insert(format!("encoder.layer.{layer}.{name}.weight{DIVISOR}"), divisors.clone());
            }
        }
        Ok(all)
    }
}

/// Divisors of what goes into some matrices together.
fn of_product(ranges: &[f32], names: &[&str], vb: &VarBuilder<'_>) -> Result<Vec<f32>> {
    let mut weights = Vec::new();
    for name in names {
        weights.extend(vb.pp(name).get_unchecked("weight")?.flatten_all()?.to_vec1::<f32>()?);
    }
    let matrix = Mat::new(&weights, weights.len() / ranges.len(), ranges.len());
    Ok(divisors(ranges, matrix, STRENGTH_MEASURED))
}

//! What ties the scales of sources together.

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use super::scale::Scale;

/// How many models two sources share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// One source.
    pub first: String,
    /// Another, or the same: then all its models are counted.
    pub second: String,
    /// Models with outcomes on both, by name.
    pub models: Vec<String>,
}

/// Models and sources that are linked with one another and with nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Sources, by name.
    pub sources: Vec<String>,
    /// Models, by name.
    pub models: Vec<String>,
    /// How many of the models fix the scale.
    pub pool: usize,
}

/// Every pair of sources, each with itself first.
pub(super) fn links(matrix: &Matrix) -> Vec<Link> {
    let took_part = |family: usize, model: usize| {
        matrix.blocks.iter().any(|block| block.family == family && block.models.binary_search(&model).is_ok())
    };
    let mut links = Vec::new();
    for (first, name) in matrix.families.iter().enumerate() {
        for (second, other) in matrix.families.iter().enumerate().skip(first) {
            let shared = (0..matrix.models.len())
                .filter(|model| took_part(first, *model) && took_part(second, *model));
            links.push(Link {
                first: name.clone(),
                second: other.clone(),
                models: shared.map(|model| matrix.models[model].clone()).collect(),
            });
        }
    }
    links
}

pub(super) fn components(matrix: &Matrix, scale: &Scale) -> Vec<Component> {
    let of = |component: usize| {
        let models = (0..matrix.models.len()).filter(|model| scale.component_of_model[*model] == component);
        let mut sources: Vec<String> = matrix
            .blocks
            .iter()
            .zip(&scale.component_of_block)
            .filter(|(_, of)| **of == component)
            .map(|(block, _)| matrix.families[block.family].clone())
            .collect();
        sources.dedup();
        Component {
            sources,
            models: models.map(|model| matrix.models[model].clone()).collect(),
            pool: scale.pools[component].len(),
        }
    };
    (0..scale.pools.len()).map(of).collect()
}

//! Which models and items share a scale, and what fixes it.

use super::Aliases;
use super::matrix::Matrix;

/// Fewest outcomes with which a model counts in the reference pool.
pub(super) const POOL_OUTCOMES: usize = 100;

/// The connected components of the graph of models and blocks, largest first, each with a pool that fixes its scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    pub(super) component_of_model: Vec<usize>,
    pub(super) component_of_block: Vec<usize>,
    /// That of the family's first block.
    pub(super) component_of_family: Vec<usize>,
    /// The models whose abilities have mean 0 and standard deviation 1, by component.
    pub(super) pools: Vec<Vec<usize>>,
}

impl Scale {
    pub(super) fn new(matrix: &Matrix, aliases: &Aliases) -> Self {
        let raw = components(matrix);
        let mut order: Vec<usize> = (0..matrix.models.len()).filter(|model| raw[*model] == *model).collect();
        let size = |root: &usize| raw.iter().filter(|of| *of == root).count();
        order.sort_by_key(|root| (std::cmp::Reverse(size(root)), *root));
        let place = |root: usize| order.iter().position(|known| *known == root).unwrap_or_default();
        let component_of_model: Vec<usize> = raw.iter().map(|root| place(*root)).collect();
        let component_of_block: Vec<usize> =
            matrix.blocks.iter().map(|block| component_of_model[block.models[0]]).collect();
        let first_block = |family| matrix.blocks.iter().position(|block| block.family == family);
        let component_of_family = (0..matrix.families.len())
            .map(|family| first_block(family).map_or(0, |block| component_of_block[block]))
            .collect();
        let counts = matrix.responses_by_model();
        let pools = (0..order.len())
            .map(|component| {
                let members: Vec<usize> = (0..matrix.models.len())
                    .filter(|model| component_of_model[*model] == component)
                    .collect();
                let counted: Vec<usize> = members
                    .iter()
                    .copied()
                    .filter(|model| counts[*model] >= POOL_OUTCOMES)
                    .filter(|model| aliases.mode_of(&matrix.models[*model]).is_none())
                    .collect();
                if counted.is_empty() { members } else { counted }
            })
            .collect();
        Self { component_of_model, component_of_block, component_of_family, pools }
    }
}

/// The lowest model of each model's component. Models are joined by the items that both answered.
fn components(matrix: &Matrix) -> Vec<usize> {
    let mut root: Vec<usize> = (0..matrix.models.len()).collect();
    for block in &matrix.blocks {
        for row in &block.rows {
            let first = find(&root, block.models[row.responses[0].model]);
            for response in &row.responses[1..] {
                let (a, b) = (find(&root, first), find(&root, block.models[response.model]));
                root[a.max(b)] = a.min(b);
            }
        }
    }
    (0..root.len()).map(|model| find(&root, model)).collect()
}

fn find(root: &[usize], mut model: usize) -> usize {
    while root[model] != model {
        model = root[model];
    }
    model
}

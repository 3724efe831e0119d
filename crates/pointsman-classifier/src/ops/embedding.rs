//! Looking tokens up in tables.

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};

use super::slices::{of, with};

/// `Σ tables[i][indices[i]]`: the tables are (entries, hidden), each index tensor (tokens), the result (tokens, hidden).
pub(crate) fn sum_of_embeddings(tables: [&Tensor; 3], indices: [&Tensor; 3]) -> Result<Tensor> {
    let [a, b, c] = tables;
    if a.device().is_cpu() && a.dtype() == DType::F32 {
        let [i, j, k] = indices;
        let indices = [i.to_vec1()?, j.to_vec1()?, k.to_vec1()?];
        return a.apply_op3(b, c, Lookup { indices });
    }
    composed(tables, indices)
}

/// In candle's own differentiable steps.
pub(super) fn composed(tables: [&Tensor; 3], indices: [&Tensor; 3]) -> Result<Tensor> {
    let [a, b, c] = tables;
    let [i, j, k] = indices;
    (a.index_select(i, 0)? + b.index_select(j, 0)?)? + c.index_select(k, 0)?
}

/// One pass over the tokens, back as well.
struct Lookup {
    indices: [Vec<u32>; 3],
}

impl Lookup {
    /// The gradient of the table that `indices` look up.
    fn gradient(table: &Tensor, indices: &[u32], dy: &[f32]) -> Result<Option<Tensor>> {
        if !table.track_op() {
            return Ok(None);
        }
        let hidden = table.dim(1)?;
        let mut gradient = vec![0.0; table.elem_count()];
        for (index, dy) in indices.iter().zip(dy.chunks_exact(hidden)) {
            let entry = &mut gradient[*index as usize * hidden..][..hidden];
            entry.iter_mut().zip(dy).for_each(|(sum, value)| *sum += value);
        }
        Tensor::from_vec(gradient, table.shape(), table.device()).map(Some)
    }
}

impl CustomOp3 for Lookup {
    fn name(&self) -> &'static str {
        "sum-of-embeddings"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let hidden = a_layout.shape().dims2()?.1;
        let tables = [of(a, a_layout)?, of(b, b_layout)?, of(c, c_layout)?];
        for (indices, table) in self.indices.iter().zip(tables) {
            if let Some(index) = indices.iter().find(|index| (**index as usize + 1) * hidden > table.len()) {
                bail!("index {index} is outside a table of {}", table.len() / hidden);
            }
        }
        let [i, j, k] = &self.indices;
        let mut sums = Vec::with_capacity(i.len() * hidden);
        for ((i, j), k) in i.iter().zip(j).zip(k) {
            let entry = |table: usize, index: &u32| &tables[table][*index as usize * hidden..][..hidden];
            let entries = entry(0, i).iter().zip(entry(1, j)).zip(entry(2, k));
            sums.extend(entries.map(|((a, b), c)| a + b + c));
        }
        Ok((CpuStorage::F32(sums), Shape::from((i.len(), hidden))))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [i, j, k] = &self.indices;
        with(dy, |dy| Ok((Self::gradient(a, i, dy)?, Self::gradient(b, j, dy)?, Self::gradient(c, k, dy)?)))
    }
}

//! Looking tokens up in tables.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};
use candle_nn::{Init, VarBuilder};

use super::slices::{of, with};
use crate::weights::{DIVISOR, INTEGERS, SCALE};

/// A table of embeddings: (entries, hidden).
#[derive(Debug, Clone)]
pub(crate) enum Table {
    /// In floats.
    Values(Tensor),
    /// As integers, a quarter of the size, for use alone.
    Integers(IntegerTable),
}

/// A table as it is stored: each group of an entry's columns has integers of 8 bits and their scale.
#[derive(Debug, Clone)]
pub(crate) struct IntegerTable {
    /// (entries, hidden), U8 with the bits of signed integers, on the CPU.
    integers: Tensor,
    /// Entry after entry, group after group.
    scales: Arc<[f32]>,
}

impl Table {
    /// Takes (entries, hidden) of `vb`: the integers, where they are stored and the CPU is to look them up, unless it must be in
    /// floats.
    pub(crate) fn load(
        shape: (usize, usize),
        name: &str,
        in_floats: bool,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let (integers, scales) = (format!("{name}{INTEGERS}"), format!("{name}{SCALE}"));
        let divided = vb.contains_tensor(&format!("{name}{DIVISOR}"));
        if in_floats || divided || !vb.device().is_cpu() || !vb.contains_tensor(&integers) {
            return vb.get(shape, name).map(Self::Values);
        }
        let integers = vb.get_with_hints_dtype(shape, &integers, Init::default(), DType::U8)?;
        let scales = vb.get_unchecked(&scales)?.flatten_all()?.to_vec1::<f32>()?.into();
        Ok(Self::Integers(IntegerTable { integers, scales }))
    }
}

/// `words[i] + positions[j] + types[k]` for each token: the tables are (entries, hidden), each index tensor (tokens), the result
/// (tokens, hidden).
pub(crate) fn sum_of_embeddings(
    words: &Table,
    [b, c]: [&Tensor; 2],
    indices: [&Tensor; 3],
) -> Result<Tensor> {
    let (a, scales) = match words {
        Table::Integers(table) => (&table.integers, Some(table.scales.clone())),
        Table::Values(a) if a.device().is_cpu() && a.dtype() == DType::F32 => (a, None),
        Table::Values(a) => return composed([a, b, c], indices),
    };
    let [i, j, k] = indices;
    let indices = [i.to_vec1()?, j.to_vec1()?, k.to_vec1()?];
    a.apply_op3(b, c, Lookup { indices, scales })
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
    /// Of the first table, if it holds integers.
    scales: Option<Arc<[f32]>>,
}

impl Lookup {
    /// The entries of the first table: (tokens, hidden).
    fn words(&self, table: &CpuStorage, layout: &Layout) -> Result<Vec<f32>> {
        let (entries, hidden) = layout.shape().dims2()?;
        let mut values = Vec::with_capacity(self.indices[0].len() * hidden);
        let at = |index: &u32| *index as usize * hidden..(*index as usize + 1) * hidden;
        match &self.scales {
            None => {
                let table = of(table, layout)?;
                self.indices[0].iter().for_each(|index| values.extend_from_slice(&table[at(index)]));
            }
            Some(scales) => {
                let table = table.as_slice::<u8>()?;
                let groups = scales.len() / entries;
                for index in &self.indices[0] {
                    let integers = table[at(index)].chunks_exact(hidden / groups);
                    for (integers, scale) in integers.zip(&scales[*index as usize * groups..]) {
                        values.extend(integers.iter().map(|byte| f32::from(byte.cast_signed()) * scale));
                    }
                }
            }
        }
        Ok(values)
    }

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
        for (indices, layout) in self.indices.iter().zip([a_layout, b_layout, c_layout]) {
            let entries = layout.shape().dims2()?.0;
            if let Some(index) = indices.iter().find(|index| **index as usize >= entries) {
                bail!("index {index} is outside a table of {entries}");
            }
        }
        let hidden = a_layout.shape().dims2()?.1;
        let (b, c) = (of(b, b_layout)?, of(c, c_layout)?);
        let mut sums = self.words(a, a_layout)?;
        let [i, j, k] = &self.indices;
        for ((sums, j), k) in sums.chunks_exact_mut(hidden).zip(j).zip(k) {
            let (b, c) = (&b[*j as usize * hidden..][..hidden], &c[*k as usize * hidden..][..hidden]);
            sums.iter_mut().zip(b).zip(c).for_each(|((sum, b), c)| *sum = *sum + b + c);
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

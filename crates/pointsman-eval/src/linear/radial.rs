//! Columns that say how near a row is to known ones, so that a linear model can bend.
//!
//! Column `j` is `exp(−γ ‖x − cⱼ‖² / s)` with landmarks `cⱼ` among the rows that are fitted to, `s` the median squared
//! distance to them and `γ = 1` (radial basis functions, Broomhead and Lowe 1988). With the penalty of a ridge on top this
//! comes close to kernel regression at the price of one column for each landmark.

use super::design::{Design, Scale};

/// Landmarks with the scale on which distances to them are taken.
#[derive(Debug, Clone)]
pub struct Radial {
    scale: Scale,
    /// How much each column counts in a distance.
    factors: Vec<f64>,
    /// Standardised and multiplied by the factors.
    landmarks: Design,
    /// Median squared distance.
    spread: f64,
}

impl Radial {
    /// Takes the first `count` rows of `design` as landmarks; `factors` say how much each standardised column counts.
    #[must_use]
    pub fn new(design: &Design, factors: &[f64], count: usize) -> Self {
        let count = count.min(design.rows());
        let mut radial = Self {
            scale: Scale::of(design, |_| 1.0),
            factors: factors.to_vec(),
            landmarks: Design::new(design.columns()),
            spread: 1.0,
        };
        for row in 0..count {
            radial.landmarks.push(radial.place(design.row(row)));
        }
        let mut distances: Vec<f64> =
            (0..design.rows()).flat_map(|row| radial.distances(design.row(row))).collect();
        distances.sort_by(f64::total_cmp);
        radial.spread = distances.get(distances.len() / 2).copied().filter(|s| *s > 0.0).unwrap_or(1.0);
        radial
    }

    /// The columns for a row, one for each landmark, 0–1.
    #[must_use]
    pub fn columns(&self, row: &[f64]) -> Vec<f64> {
        self.distances(row).into_iter().map(|distance| (-distance / self.spread).exp()).collect()
    }

    fn place(&self, row: &[f64]) -> Vec<f64> {
        let mut placed = vec![0.0; row.len()];
        self.scale.apply(row, &mut placed);
        placed.iter_mut().zip(&self.factors).for_each(|(value, factor)| *value *= factor);
        placed
    }

    fn distances(&self, row: &[f64]) -> Vec<f64> {
        let placed = self.place(row);
        let squared = |landmark: usize| {
            let pairs = self.landmarks.row(landmark).iter().zip(&placed);
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
        };
        (0..self.landmarks.rows()).map(squared).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::{Problem, Validation, ridge_by_validation};

    #[test]
    fn a_landmark_is_nearest_to_itself() {
        let design = Design::from_rows(2, [[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [9.0, 1.0]]);
        let radial = Radial::new(&design, &[1.0, 1.0], 2);
        let columns = radial.columns(&[0.0, 1.0]);
        assert_eq!((columns.len(), columns[0]), (2, 1.0));
        assert!(columns[1] < 1.0 && columns[1] > 0.0);
        let blind = Radial::new(&design, &[0.0, 1.0], 2);
        assert_eq!(blind.columns(&[100.0, 1.0]), [1.0, 1.0], "a factor of 0 leaves the column out");
    }

    #[test]
    fn a_bump_is_learnt() {
        let xs: Vec<f64> = (0..200).map(|i| f64::from((i * 37) % 200) / 25.0 - 4.0).collect();
        let target: Vec<f64> = xs.iter().map(|x| (-x * x).exp()).collect();
        let plain = Design::from_rows(1, xs.iter().map(|x| [*x]));
        let radial = Radial::new(&plain, &[4.0], 40);
        let bent = Design::from_rows(40, (0..200).map(|row| radial.columns(plain.row(row))));
        let loss = |design: &Design| {
            let validation = Validation { lambdas: vec![1e-2, 1e-4, 1e-6], ..Validation::new(1) };
            let chosen = ridge_by_validation(&Problem::new(design), &[&target], &validation).expect("fits");
            chosen[0].losses.iter().copied().fold(f64::INFINITY, f64::min)
        };
        assert!(loss(&bent) < 0.2 * loss(&plain), "{} {}", loss(&bent), loss(&plain));
    }
}

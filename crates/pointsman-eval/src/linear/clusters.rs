//! Means of groups of like rows, shrunk towards the mean of all.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::cholesky::dot;
use super::design::{Design, Scale};
use super::{LinearError, Problem};

/// Numbers of groups; what is predicted is the mean over them.
const GROUPS: [usize; 4] = [10, 20, 40, 80];

/// Rows that a group should have on average.
const ROWS_EACH: usize = 5;

/// Rounds of k-means; later ones move hardly a row.
const ROUNDS: usize = 12;

/// Rows in groups at several grains, each group with a mean for each target.
#[derive(Debug, Clone)]
pub struct ClusterMeans {
    scale: Scale,
    factors: Vec<f64>,
    grains: Vec<Grain>,
    /// Means of all rows, by target.
    overall: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Grain {
    centres: Design,
    /// Half the squared length of each centre.
    halves: Vec<f64>,
    /// By group, then target.
    means: Vec<Vec<f64>>,
}

impl ClusterMeans {
    /// Groups rows by k-means (Lloyd 1982) over standardised columns times `factors`, and takes the mean of each of
    /// `targets` in each group, shrunk by what the variances within and between groups say (empirical Bayes; Efron and
    /// Morris 1975).
    ///
    /// # Errors
    /// When lengths do not fit, there are no rows, or a number is not finite.
    pub fn fit(design: &Design, factors: &[f64], targets: &[&[f64]], seed: u64) -> Result<Self, LinearError> {
        Problem { design, weights: None, penalties: Some(factors) }.check(targets)?;
        let scale = Scale::of(design, |_| 1.0);
        let mut model = Self { scale, factors: factors.to_vec(), grains: Vec::new(), overall: Vec::new() };
        let rows = Design::from_rows(
            design.columns(),
            (0..design.rows()).map(|row| model.scale.place(design.row(row), factors)),
        );
        model.overall = targets.iter().map(|target| mean(target)).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for groups in GROUPS.into_iter().filter(|groups| groups * ROWS_EACH <= rows.rows()) {
            let first = sample(&mut random, rows.rows(), groups).into_vec();
            model.grains.push(Grain::of(&rows, &first, targets, &model.overall));
        }
        Ok(model)
    }

    /// The value of each target for a row.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        if self.grains.is_empty() {
            return self.overall.clone();
        }
        let placed = self.scale.place(row, &self.factors);
        let groups: Vec<&Vec<f64>> =
            self.grains.iter().map(|grain| &grain.means[grain.nearest(&placed)]).collect();
        let mean_of =
            |target: usize| groups.iter().map(|means| means[target]).sum::<f64>() / groups.len() as f64;
        (0..self.overall.len()).map(mean_of).collect()
    }
}

impl Grain {
    fn of(rows: &Design, first: &[usize], targets: &[&[f64]], overall: &[f64]) -> Self {
        let mut grain = Self { centres: Design::new(rows.columns()), halves: Vec::new(), means: Vec::new() };
        grain.move_to(rows.select(first));
        let mut groups = Vec::new();
        for _ in 0..ROUNDS {
            groups = (0..rows.rows()).map(|row| grain.nearest(rows.row(row))).collect();
            let centres = centres(rows, &groups, &grain.centres);
            grain.move_to(centres);
        }
        let by_target: Vec<Vec<f64>> = targets
            .iter()
            .zip(overall)
            .map(|(target, mean)| shrunk_means(target, &groups, first.len(), *mean))
            .collect();
        grain.means =
            (0..first.len()).map(|group| by_target.iter().map(|means| means[group]).collect()).collect();
        grain
    }

    fn move_to(&mut self, centres: Design) {
        self.halves = (0..centres.rows()).map(|row| 0.5 * dot(centres.row(row), centres.row(row))).collect();
        self.centres = centres;
    }

    fn nearest(&self, placed: &[f64]) -> usize {
        let farness = |group: usize| self.halves[group] - dot(placed, self.centres.row(group));
        (0..self.halves.len())
            .map(|group| (farness(group), group))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map_or(0, |(_, group)| group)
    }
}

/// The mean row of each group; a group that lost all rows stays where it was.
fn centres(rows: &Design, groups: &[usize], before: &Design) -> Design {
    let mut sums = vec![(0usize, vec![0.0; rows.columns()]); before.rows()];
    for (row, group) in groups.iter().enumerate() {
        let (count, sum) = &mut sums[*group];
        *count += 1;
        sum.iter_mut().zip(rows.row(row)).for_each(|(sum, value)| *sum += value);
    }
    let centre = |(group, (count, sum)): (usize, (usize, Vec<f64>))| match count {
        0 => before.row(group).to_vec(),
        count => sum.into_iter().map(|sum| sum / count as f64).collect(),
    };
    Design::from_rows(rows.columns(), sums.into_iter().enumerate().map(centre))
}

/// `(Σ y + κ m) / (n + κ)` for each group, with `κ` the variance within groups over that between them.
fn shrunk_means(target: &[f64], groups: &[usize], count: usize, overall: f64) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); count];
    for (value, group) in target.iter().zip(groups) {
        sums[*group].0 += 1.0;
        sums[*group].1 += value;
    }
    let rows = target.len() as f64;
    let filled = sums.iter().filter(|(rows, _)| *rows > 0.0).count() as f64;
    let own = |group: usize| sums[group].1 / f64::max(sums[group].0, 1.0);
    let squares = target.iter().zip(groups).map(|(value, group)| (value - own(*group)).powi(2));
    let within = squares.sum::<f64>() / (rows - filled).max(1.0);
    let total = target.iter().map(|value| (value - overall).powi(2)).sum::<f64>() / rows.max(1.0);
    // Groups never explain so little that a division by it would not do.
    let between = (total - within).max(1e-4 * total);
    let kappa = if between > 0.0 { within / between } else { 1.0 };
    sums.iter().map(|(rows, sum)| (sum + kappa * overall) / (rows + kappa)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_apart_and_small_ones_shrunk() {
        // Ten places on a line, twenty rows each; every second place is worth 1.
        let rows: Vec<[f64; 2]> =
            (0..200).map(|i| [f64::from(i % 10) * 10.0 + f64::from(i) / 200.0, f64::from(i % 7)]).collect();
        let target: Vec<f64> = (0..200).map(|i| f64::from(i % 10 % 2)).collect();
        let model =
            ClusterMeans::fit(&Design::from_rows(2, rows), &[10.0, 0.0], &[&target, &vec![3.0; 200]], 1)
                .expect("fits");
        assert_eq!(model.grains.len(), 3, "eighty groups would have too few rows");
        let values: Vec<Vec<f64>> =
            [0.0, 10.0, 50.0, 80.0].iter().map(|x| model.predict(&[x + 0.5, 3.0])).collect();
        assert!(
            values[0][0] < 0.3 && values[1][0] > 0.7 && values[2][0] > 0.7 && values[3][0] < 0.3,
            "{values:?}"
        );
        assert!(values.iter().all(|values| (values[1] - 3.0).abs() < 1e-12));
    }

    #[test]
    fn a_mean_by_hand() {
        // Groups (0, 0) and (2, 4): within = 2 / 2, total = 11 / 4 over a mean of 1.5, so κ = 1 / 1.75.
        let means = shrunk_means(&[0.0, 0.0, 2.0, 4.0], &[0, 0, 1, 1], 3, 1.5);
        let kappa = 1.0 / 1.75;
        for (mean, expected) in
            means.iter().zip([1.5 * kappa / (2.0 + kappa), (6.0 + 1.5 * kappa) / (2.0 + kappa), 1.5])
        {
            assert!((mean - expected).abs() < 1e-12, "{means:?}");
        }
    }

    #[test]
    fn few_rows_have_one_mean() {
        let few = Design::from_rows(1, [[1.0], [2.0]]);
        let model = ClusterMeans::fit(&few, &[1.0], &[&[1.0, 0.0]], 0).expect("fits");
        assert_eq!(model.predict(&[7.0]), [0.5]);
        assert_eq!(ClusterMeans::fit(&Design::new(1), &[1.0], &[], 0).err(), Some(LinearError::NoRows));
    }
}

//! Who takes part: routers by a score or by chances of success, and the controls.

use super::controls::{cross_fitted_means, difficulties, group_means};
use super::study::{LENGTH, Role, Router, STATIC_MIX};
use super::{Answers, Frame, Point, Sweep, hull};
use crate::linear::sigmoid;

/// What is known of the prompts beside the answers to them.
#[derive(Debug, Clone, Copy)]
pub struct Prompts<'a> {
    /// Quality and cost of every answer.
    pub answers: &'a Answers,
    /// The data's own name for each prompt's kind, if it has one.
    pub own_tasks: &'a [Option<&'a str>],
    /// The task that the classifier gave each prompt.
    pub tasks: &'a [&'a str],
}

/// A group for each prompt, if it has one.
type Grouping = for<'p> fn(Prompts<'p>) -> Vec<Option<&'p str>>;

/// Turns scores into routers over the same prompts.
///
/// Of two models the second is the stronger: prompts go to it by their score. Of more, each prompt goes to the cheapest
/// model that is expected to succeed, and a score is a difficulty.
#[derive(Debug)]
pub struct Lineup<'a> {
    prompts: Prompts<'a>,
    /// Models from the cheapest to the dearest.
    by_price: Vec<usize>,
    /// The models that the best static mixes are made of, from the cheapest to the best.
    mixed: Vec<usize>,
    /// An ability for each model, on which scores are turned into chances.
    abilities: Vec<f64>,
}

/// Distance between the guessed abilities of the cheapest and the dearest model.
const GUESSED_SPAN: f64 = 2.0;

impl<'a> Lineup<'a> {
    /// Over these prompts. Without `abilities` the dearer of two models is taken to be the abler one, in even steps.
    #[must_use]
    pub fn new(prompts: Prompts<'a>, abilities: Option<Vec<f64>>) -> Self {
        let frame = Frame::new(prompts.answers, &vec![1.0; prompts.answers.len()]);
        let means = &frame.models;
        let mut by_price: Vec<usize> = (0..means.len()).collect();
        by_price.sort_by(|a, b| means[*a].cost.total_cmp(&means[*b].cost));
        let model_at = |corner: Point| means.iter().position(|mean| *mean == corner);
        let mixed = if frame.pair {
            vec![0, 1]
        } else {
            hull::hull(means).into_iter().filter_map(model_at).collect()
        };
        let guessed = || {
            let step = GUESSED_SPAN / means.len().saturating_sub(1).max(1) as f64;
            let mut abilities = vec![0.0; means.len()];
            for (place, model) in by_price.iter().enumerate() {
                abilities[*model] = step * place as f64 - GUESSED_SPAN / 2.0;
            }
            abilities
        };
        let abilities = abilities.unwrap_or_else(guessed);
        Self { prompts, by_price, mixed, abilities }
    }

    fn pair(&self) -> bool {
        self.prompts.answers.models().len() == 2
    }

    /// A router by one score for each prompt: the higher, the sooner it goes to a better model.
    #[must_use]
    pub fn by_score(&self, name: &str, note: &str, role: Role, scores: &[f64]) -> Router {
        let sweep = if self.pair() {
            Sweep::of_pair(self.prompts.answers, scores)
        } else {
            self.cheapest(&self.chances(&difficulties(scores)))
        };
        Router { name: name.to_owned(), note: note.to_owned(), role, sweep }
    }

    /// A router by the chance of success of every model on every prompt: (prompts, models). Of two models the difference
    /// of their chances is the score.
    #[must_use]
    pub fn by_chances(&self, name: &str, note: &str, role: Role, chances: &[f64]) -> Router {
        let sweep = if self.pair() {
            let gains: Vec<f64> = chances.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect();
            Sweep::of_pair(self.prompts.answers, &gains)
        } else {
            self.cheapest(chances)
        };
        Router { name: name.to_owned(), note: note.to_owned(), role, sweep }
    }

    fn cheapest(&self, chances: &[f64]) -> Sweep {
        Sweep::of_cheapest(self.prompts.answers, chances, &self.by_price)
    }

    /// `σ(θ − b)` for every difficulty and every model's ability: (prompts, models).
    #[must_use]
    pub fn chances(&self, difficulties: &[f64]) -> Vec<f64> {
        let of = |b: &f64| self.abilities.iter().map(|ability| sigmoid(ability - b)).collect::<Vec<_>>();
        difficulties.iter().flat_map(of).collect()
    }

    /// Length, means by task, the best static mix and the oracle. Means by task are learnt from `learnt` if there is
    /// any, else from the prompts that are routed themselves.
    #[must_use]
    pub fn controls(&self, lengths: &[f64], learnt: Option<Prompts<'_>>, seed: u64) -> Vec<Router> {
        let mut routers = vec![self.by_score(LENGTH, "the length of the prompt", Role::Control, lengths)];
        let groupings: [(&str, &str, Grouping); 2] = [
            ("mean by own task", "mean by the data's own task", |prompts| prompts.own_tasks.to_vec()),
            ("mean by given task", "mean by the task that the classifier gives", |prompts| {
                prompts.tasks.iter().copied().map(Some).collect()
            }),
        ];
        for (name, note, grouping) in groupings {
            routers.extend(self.by_group_mean(name, note, grouping, learnt, seed));
        }
        routers.push(Router {
            name: STATIC_MIX.to_owned(),
            note: "a coin, whatever the prompt".to_owned(),
            role: Role::Control,
            sweep: Sweep::of_mixes(self.prompts.answers, &self.mixed),
        });
        routers.push(self.oracle());
        routers
    }

    /// A router by what better models are worth on the other prompts of a group; none where no prompt has a group.
    fn by_group_mean(
        &self,
        name: &str,
        note: &str,
        grouping: Grouping,
        learnt: Option<Prompts<'_>>,
        seed: u64,
    ) -> Option<Router> {
        let groups = grouping(self.prompts);
        groups.iter().any(Option::is_some).then_some(())?;
        let (role, how, scores) = match learnt {
            Some(learnt) => {
                let known = grouping(learnt).into_iter().zip(worth(learnt.answers));
                (Role::Control, "learnt from the prompts that were set apart", group_means(known, groups))
            }
            None => {
                let scores = cross_fitted_means(&groups, &worth(self.prompts.answers), seed);
                (Role::Informed, "cross-fitted on the outcomes of the routed prompts", scores)
            }
        };
        Some(self.by_score(name, &format!("{note}, {how}"), role, &scores))
    }

    fn oracle(&self) -> Router {
        let answers = self.prompts.answers;
        let truth: Vec<f64> = (0..answers.len())
            .flat_map(|prompt| {
                (0..answers.models().len()).map(move |model| answers.get(prompt, model).quality)
            })
            .collect();
        self.by_chances("oracle", "knows every answer before it is given", Role::Informed, &truth)
    }
}

/// What a better model is worth on each prompt: of two models the gain, of more the share that is missed.
#[must_use]
pub fn worth(answers: &Answers) -> Vec<f64> {
    let models = answers.models().len();
    if models == 2 {
        return answers.gains();
    }
    let missed = |prompt: usize| {
        let sum: f64 = (0..models).map(|model| answers.get(prompt, model).quality).sum();
        1.0 - sum / models.max(1) as f64
    };
    (0..answers.len()).map(missed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Measure, StudyReport};

    /// Prompts of task `hard`, where only dear models succeed, and of `easy`, where all do.
    fn made(models: &[(&str, f64, bool)]) -> (Answers, Vec<Option<&'static str>>) {
        let mut answers = Answers::new(models.iter().map(|(name, ..)| (*name).to_owned()).collect());
        let mut tasks = Vec::new();
        for i in 0..60 {
            let hard = i % 3 == 0;
            answers.push(
                models.iter().map(|(_, cost, able)| (f64::from(u8::from(!hard || *able)), Some(*cost))),
            );
            tasks.push(Some(if hard { "hard" } else { "easy" }));
        }
        (answers, tasks)
    }

    fn report(answers: &Answers, own_tasks: &[Option<&str>], learnt: bool) -> StudyReport {
        let tasks = vec!["math"; answers.len()];
        let prompts = Prompts { answers, own_tasks, tasks: &tasks };
        let lineup = Lineup::new(prompts, None);
        let lengths: Vec<f64> = (0..answers.len()).map(|i| (i * 7 % 11) as f64).collect();
        let routers = lineup.controls(&lengths, learnt.then_some(prompts), 1);
        StudyReport::new(answers, &routers, 20, 1)
    }

    #[test]
    fn controls_of_a_pair() {
        let (answers, tasks) = made(&[("weak", 1.0, false), ("strong", 10.0, true)]);
        for learnt in [false, true] {
            let report = report(&answers, &tasks, learnt);
            let apgr = |name: &str| report.router(name).expect("there").figures[&Measure::Apgr].value;
            assert!((apgr("mean by own task") - apgr("oracle")).abs() < 1e-9, "tasks tell all here");
            assert!(
                (apgr("mean by given task") - 0.5).abs() < 1e-9 && (apgr("static mix") - 0.5).abs() < 1e-9
            );
            assert!((apgr("oracle") - (1.0 - 1.0 / 6.0)).abs() < 1e-9);
            let role = report.router("mean by own task").expect("there").role;
            assert_eq!(role, if learnt { Role::Control } else { Role::Informed });
        }
    }

    #[test]
    fn controls_of_many_models() {
        let (answers, tasks) = made(&[("dear", 9.0, true), ("cheap", 1.0, false), ("mid", 3.0, true)]);
        let report = report(&answers, &tasks, false);
        let figure = |name: &str, measure| report.router(name).expect("there").figures[&measure].value;
        // `mid` for a third of the prompts gives all there is: (0.67 → 1 at cost 1 + 2/3), then level to 9.
        let best = (2.0 / 3.0 * (5.0 / 6.0) + (8.0 - 2.0 / 3.0)) / 8.0;
        assert!((figure("oracle", Measure::Aiq) - best).abs() < 1e-9);
        assert!((figure("mean by own task", Measure::Aiq) - best).abs() < 0.03, "tasks tell all here");
        assert!(
            figure("static mix", Measure::Aiq) < best && figure("static mix", Measure::Lift).abs() < 1e-9
        );
        // Of the two best models the cheaper one is what others are held against.
        assert!((figure("oracle", Measure::SavedAtEqual) - (1.0 - (5.0 / 3.0) / 3.0)).abs() < 1e-9);
    }

    #[test]
    fn data_without_tasks_has_no_mean_by_them() {
        let (answers, _) = made(&[("weak", 1.0, false), ("strong", 10.0, true)]);
        let report = report(&answers, &vec![None; 60], false);
        assert!(report.router("mean by own task").is_none() && report.router("mean by given task").is_some());
    }
}

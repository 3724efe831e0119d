//! `pointsman eval routing`: what routing by the classifier would have cost and been worth.

use anyhow::{Context, Result};
use pointsman_classifier::{Classifier, Embedded};
use pointsman_eval::outcomes::{Item, Outcomes};
use pointsman_eval::report;
use pointsman_eval::routing::{
    Answers, Head, Lineup, Prompts, QUESTION, Reading, Role, Router, RoutingProvenance, RoutingReport,
    StudyReport, split, worth,
};
use pointsman_policy::{Abilities, ModelAbility};

use super::{prompts, scores};
use crate::cli::{EvalRoutingArgs, Global};
use crate::commands::Outcome;

/// Bootstrap draws.
const DRAWS: usize = 1_000;

pub(crate) fn run(args: &EvalRoutingArgs, global: &Global) -> Result<Outcome> {
    let models = models(args)?;
    let outcomes = prompts::read(&args.outcomes)?;
    let items = answered(&outcomes, &models)?;
    anyhow::ensure!(
        args.adapt < items.len(),
        "--adapt {}: only {} prompts have outcomes of every model, and some must be left to evaluate on",
        args.adapt,
        items.len()
    );
    let calibration = prompts::Calibration::read(&args.outcomes, global)?;
    let classifier = calibration.classifier(global)?;
    let known = calibration.known().map(|known| Known::find(&known, &models)).transpose()?;
    let embedded = prompts::embed(&classifier, &items)?;
    let field = Field { classifier: &classifier, items, embedded, models, known };
    let (learnt, routed) = split(field.items.len(), args.adapt, args.outcomes.seed);
    let routed_items: Vec<&Item> = routed.iter().map(|at| field.items[*at]).collect();
    let others = args.router.iter().map(|other| Ok((other.name.as_str(), other.read(&routed_items)?)));
    let others = others.collect::<Result<Vec<_>>>()?;
    let (routers, own_scores) = field.routers(&learnt, &routed, &others, args.outcomes.seed)?;
    let answers = field.answers(&routed);
    let card = classifier.card();
    let report = RoutingReport {
        provenance: RoutingProvenance {
            dataset: prompts::name(&args.outcomes.input),
            classifier: format!("{} {}", card.name, card.version),
            abilities: calibration.abilities.as_ref().map(|(name, _)| name.clone()),
            adapted: learnt.len(),
            left_out: outcomes.items.len() - field.items.len(),
            unreadable: outcomes.skipped.len(),
            seed: args.outcomes.seed,
        },
        study: StudyReport::new(&answers, &routers, DRAWS, args.outcomes.seed),
        sources: prompts::by_source(&routed_items),
    };
    if let Some(path) = &args.scores {
        scores::write(path, &routed_items, &own_scores)?;
    }
    if let Some(folder) = &args.outcomes.report {
        let rows = report::RoutingRows { items: &routed_items, answers: &answers, scores: &own_scores };
        let files = report::write_routing(folder, &report, &rows)
            .with_context(|| format!("{}: the report cannot be written", folder.display()))?;
        for file in files {
            anstream::eprintln!("{} written", file.display());
        }
    }
    if global.json {
        anstream::println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        anstream::println!("{report}");
    }
    Ok(Outcome::Done)
}

/// The models by name; of a pair the weak one first.
fn models(args: &EvalRoutingArgs) -> Result<Vec<String>> {
    let models = match (&args.weak, &args.strong) {
        (Some(weak), Some(strong)) => vec![weak.clone(), strong.clone()],
        _ => args.models.iter().map(|name| name.trim().to_owned()).collect(),
    };
    let mut names = models.clone();
    names.sort();
    names.dedup();
    anyhow::ensure!(names.len() == models.len(), "the same model is named twice: {}", models.join(", "));
    anyhow::ensure!(
        args.weak.is_some() || models.len() > 2,
        "--models takes three or more; for two use --strong and --weak"
    );
    Ok(models)
}

/// The items that have an outcome of every model.
fn answered<'o>(outcomes: &'o Outcomes, models: &[String]) -> Result<Vec<&'o Item>> {
    for name in models {
        prompts::known_model(outcomes, name)?;
    }
    let complete = |item: &&Item| models.iter().all(|name| item.outcomes.contains_key(name.as_str()));
    let items: Vec<&Item> = outcomes.items.iter().filter(complete).collect();
    anyhow::ensure!(!items.is_empty(), "no prompt has outcomes of all of {}", models.join(", "));
    if models.len() > 2 {
        let priced =
            items.iter().all(|item| models.iter().all(|name| item.outcomes[name.as_str()].cost.is_some()));
        anyhow::ensure!(priced, "more than two models are ordered by cost, so every outcome needs `cost`");
    }
    Ok(items)
}

/// The fitted abilities of the models.
struct Known<'a> {
    abilities: &'a Abilities,
    models: Vec<&'a ModelAbility>,
}

impl<'a> Known<'a> {
    fn find(known: &prompts::ByName<'a>, models: &[String]) -> Result<Self> {
        let abilities = known.abilities;
        let find = |name: &String| {
            known.find(name).with_context(|| match abilities.nearest(name) {
                Some(meant) => format!("--calibration: no ability of `{name}`; did you mean `{meant}`?"),
                None => format!("--calibration: no ability of `{name}`; fit it with `pointsman fit`"),
            })
        };
        Ok(Self { abilities, models: models.iter().map(find).collect::<Result<_>>()? })
    }
}

/// Everything that is known of the prompts.
struct Field<'a> {
    classifier: &'a Classifier,
    items: Vec<&'a Item>,
    embedded: Vec<Embedded>,
    models: Vec<String>,
    known: Option<Known<'a>>,
}

impl Field<'_> {
    fn answers(&self, at: &[usize]) -> Answers {
        let mut answers = Answers::new(self.models.clone());
        for &at in at {
            let outcomes = &self.items[at].outcomes;
            answers.push(self.models.iter().map(|name| {
                let outcome = &outcomes[name.as_str()];
                (outcome.score, outcome.cost)
            }));
        }
        answers
    }

    /// Every router over the prompts `routed`, and the score by which the best of ours goes.
    fn routers(
        &self,
        learnt: &[usize],
        routed: &[usize],
        others: &[(&str, Vec<f64>)],
        seed: u64,
    ) -> Result<(Vec<Router>, Vec<f64>)> {
        let (answers, learnt_answers) = (self.answers(routed), self.answers(learnt));
        let (own_tasks, tasks) = (self.own_tasks(routed), self.tasks(routed));
        let (learnt_own, learnt_tasks) = (self.own_tasks(learnt), self.tasks(learnt));
        let prompts = Prompts { answers: &answers, own_tasks: &own_tasks, tasks: &tasks };
        let set_apart = Prompts { answers: &learnt_answers, own_tasks: &learnt_own, tasks: &learnt_tasks };
        let lineup = Lineup::new(prompts, self.known.as_ref().map(Known::general));
        let mut scores = self.zero_shot(routed);
        let mut routers = vec![match self.known {
            Some(_) => {
                let note = "chances of success from the predicted difficulty and the models' abilities";
                lineup.by_chances("pointsman", note, Role::Own, &self.chances(routed))
            }
            None => lineup.by_score("pointsman", "the predicted difficulty", Role::Own, &scores),
        }];
        if !learnt.is_empty() {
            let chances = self.adapted(learnt, routed, seed)?;
            let note = format!("a head fitted to {} outcomes on the frozen encoder", learnt.len());
            scores = self.scores_of(&chances);
            let router = match self.models.len() {
                2 => lineup.by_score("pointsman, adapted", &note, Role::Own, &scores),
                _ => lineup.by_chances("pointsman, adapted", &note, Role::Own, &chances),
            };
            routers.push(router);
        }
        routers.extend(
            others
                .iter()
                .map(|(name, scores)| lineup.by_score(name, "scores that were given", Role::Control, scores)),
        );
        let lengths: Vec<f64> =
            routed.iter().map(|at| self.items[*at].prompt.subject().chars().count() as f64).collect();
        let questions: Vec<f64> =
            routed.iter().map(|at| prompts::question_words(self.items[*at].prompt.subject())).collect();
        let note = "the words of the question, answers to choose from left out";
        routers.push(lineup.by_score(QUESTION, note, Role::Control, &questions));
        let learnt = (!learnt.is_empty()).then_some(set_apart);
        routers.extend(lineup.controls(&lengths, learnt, seed));
        Ok((routers, scores))
    }

    fn own_tasks(&self, at: &[usize]) -> Vec<Option<&str>> {
        at.iter().map(|at| self.items[*at].task.as_deref()).collect()
    }

    fn tasks(&self, at: &[usize]) -> Vec<&str> {
        at.iter().map(|at| self.embedded[*at].labels.task.as_str()).collect()
    }

    /// The score before anything is learnt: what the better model is expected to gain, or the difficulty alone.
    fn zero_shot(&self, at: &[usize]) -> Vec<f64> {
        match self.known {
            Some(_) => self.scores_of(&self.chances(at)),
            None => at.iter().map(|at| f64::from(self.embedded[*at].labels.ability.0)).collect(),
        }
    }

    /// Of two models the difference of their chances, of more the chance that the average one fails.
    fn scores_of(&self, chances: &[f64]) -> Vec<f64> {
        let score = |chances: &[f64]| match chances {
            [weak, strong] => strong - weak,
            chances => 1.0 - chances.iter().sum::<f64>() / chances.len().max(1) as f64,
        };
        chances.chunks_exact(self.models.len()).map(score).collect()
    }

    /// Chances of success by the models' abilities and the predicted difficulty: (prompts, models).
    fn chances(&self, at: &[usize]) -> Vec<f64> {
        let Some(known) = &self.known else { return Vec::new() };
        let vocabulary = self.classifier.vocabulary();
        let of = |at: &usize| {
            let labels = &self.embedded[*at].labels;
            let task = (&labels.task, vocabulary.group_of(&labels.task));
            known
                .models
                .iter()
                .map(move |model| known.abilities.success(model, task, (labels.ability, labels.ability_sd)))
        };
        at.iter().flat_map(of).collect()
    }

    /// What a head that is fitted to the outcomes of `learnt` expects of `routed`: (prompts, models). Of two models only
    /// the difference of the two has a meaning.
    fn adapted(&self, learnt: &[usize], routed: &[usize], seed: u64) -> Result<Vec<f64>> {
        let readings = self.readings();
        let pick = |at: &[usize]| at.iter().map(|at| &readings[*at]).collect::<Vec<&Reading>>();
        let answers = self.answers(learnt);
        let pair = self.models.len() == 2;
        let targets: Vec<Vec<f64>> = if pair {
            vec![worth(&answers)]
        } else {
            let quality = |model: usize| (0..answers.len()).map(|i| answers.get(i, model).quality).collect();
            (0..self.models.len()).map(quality).collect()
        };
        let targets: Vec<&[f64]> = targets.iter().map(Vec::as_slice).collect();
        let predicted = Head::fit(&pick(learnt), &targets, seed)?.predict(&pick(routed));
        let row = |i: usize| -> Vec<f64> {
            if pair { vec![0.0, predicted[0][i]] } else { predicted.iter().map(|model| model[i]).collect() }
        };
        Ok((0..routed.len()).flat_map(row).collect())
    }

    fn readings(&self) -> Vec<Reading> {
        let rows = self.items.iter().zip(&self.embedded);
        rows.map(|(item, embedded)| prompts::reading(self.classifier, item, embedded)).collect()
    }
}

impl Known<'_> {
    fn general(&self) -> Vec<f64> {
        self.models.iter().map(|model| f64::from(model.general.ability.0)).collect()
    }
}

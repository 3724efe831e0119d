//! The card as it is written, before its values are checked against one another.

use pointsman_domain::{Group, Task, Vocabulary};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Backbone, CardError, FileHashes, Pooling, Tagging};
use crate::calibration::Calibration;
use crate::counts::CountWeights;
use crate::encoder::EncoderConfig;
use crate::gate::Gate;
use crate::language::Language;
use crate::script::Script;
use crate::tokenize::Tokenizer;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    name: String,
    version: String,
    tagging: Tagging,
    licence: String,
    window: usize,
    pooling: Pooling,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    difficulty_layers: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "CountWeights::is_empty")]
    difficulty_counts: CountWeights,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scripts: Vec<Script>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    languages: Vec<Language>,
    encoder: EncoderConfig,
    calibration: Calibration,
    backbone: Backbone,
    files: FileHashes,
    labels: Vec<Label>,
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    recipe: Table,
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    data: Table,
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    scores: Table,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gates: Vec<Gate>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    name: Task,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Group>,
}

impl From<&super::Card> for Card {
    fn from(card: &super::Card) -> Self {
        let card = card.clone();
        let vocabulary = &card.vocabulary;
        Self {
            labels: vocabulary
                .tasks()
                .map(|task| Label { name: task.clone(), group: vocabulary.group_of(task).cloned() })
                .collect(),
            name: card.name,
            version: card.version,
            tagging: card.tagging,
            licence: card.licence,
            window: card.window,
            pooling: card.pooling,
            difficulty_layers: (card.difficulty_layers[..] != [card.encoder.layers])
                .then_some(card.difficulty_layers),
            difficulty_counts: card.difficulty_counts,
            scripts: card.scripts,
            languages: card.languages,
            encoder: card.encoder,
            calibration: card.calibration,
            backbone: card.backbone,
            files: card.files,
            recipe: card.recipe,
            data: card.data,
            scores: card.scores,
            gates: card.gates,
        }
    }
}

impl Card {
    pub(super) fn resolve(self) -> Result<super::Card, CardError> {
        self.check_names()?;
        self.check_encoder()?;
        self.check_layers()?;
        self.check_languages()?;
        check_calibration(&self.calibration)?;
        let entries = self.labels.into_iter().map(|label| (label.name, label.group));
        let vocabulary = Vocabulary::with_groups(entries)
            .map_err(|error| CardError::new("labels", &error.to_string(), "list each label once"))?;
        if self.tagging == Tagging::Labels1 && vocabulary != Vocabulary::standard() {
            let remedy = "write `tagging = \"custom\"` for labels of your own";
            return Err(CardError::new(
                "tagging",
                "`labels/1` stands for the seventeen standard labels in their order, and `labels` has others",
                remedy,
            ));
        }
        Ok(super::Card {
            name: self.name,
            version: self.version,
            tagging: self.tagging,
            licence: self.licence,
            window: self.window,
            encoder: self.encoder,
            pooling: self.pooling,
            difficulty_layers: self.difficulty_layers.unwrap_or_else(|| vec![self.encoder.layers]),
            difficulty_counts: self.difficulty_counts,
            vocabulary,
            calibration: self.calibration,
            scripts: self.scripts,
            languages: self.languages,
            backbone: self.backbone,
            files: self.files,
            recipe: self.recipe,
            data: self.data,
            scores: self.scores,
            gates: self.gates,
        })
    }

    fn check_names(&self) -> Result<(), CardError> {
        let fields = [("name", &self.name), ("version", &self.version), ("licence", &self.licence)];
        match fields.iter().find(|(_, value)| value.trim().is_empty()) {
            Some((field, _)) => Err(CardError::new(field, "it is empty", "say what the model is")),
            None => Ok(()),
        }
    }

    fn check_encoder(&self) -> Result<(), CardError> {
        let EncoderConfig {
            vocab,
            hidden,
            layers,
            heads,
            intermediate,
            max_positions,
            type_vocab,
            layer_norm_eps,
        } = self.encoder;
        let counts = [
            ("encoder.vocab", vocab),
            ("encoder.hidden", hidden),
            ("encoder.layers", layers),
            ("encoder.heads", heads),
            ("encoder.intermediate", intermediate),
            ("encoder.max_positions", max_positions),
            ("encoder.type_vocab", type_vocab),
        ];
        let remedy = "copy it from the backbone's config.json";
        if let Some((field, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(CardError::new(field, "it is 0", remedy));
        }
        if !hidden.is_multiple_of(heads) {
            let message = format!("{heads} heads do not share a width of {hidden} evenly");
            return Err(CardError::new("encoder.heads", &message, remedy));
        }
        if !(layer_norm_eps > 0.0 && layer_norm_eps < 1.0) {
            let message = format!("{layer_norm_eps} is not between 0 and 1");
            return Err(CardError::new("encoder.layer_norm_eps", &message, remedy));
        }
        let window = Tokenizer::MIN_WINDOW..=max_positions;
        if !window.contains(&self.window) {
            let message = format!("{} tokens", self.window);
            let remedy = format!(
                "it must be at least {} and at most the encoder's {max_positions} positions",
                window.start()
            );
            return Err(CardError::new("window", &message, &remedy));
        }
        Ok(())
    }
}

impl Card {
    fn check_layers(&self) -> Result<(), CardError> {
        let Some(layers) = &self.difficulty_layers else { return Ok(()) };
        let last = self.encoder.layers;
        let ascending = layers.windows(2).all(|pair| pair[0] < pair[1]);
        if ascending && layers.last() == Some(&last) {
            return Ok(());
        }
        Err(CardError::new(
            "difficulty_layers",
            &format!("{layers:?} are not layers in ascending order that end with the last"),
            &format!("choose from 0, the embeddings, to {last}, and end with {last}"),
        ))
    }

    fn check_languages(&self) -> Result<(), CardError> {
        match Language::repeated(&self.languages) {
            Some(twice) => {
                let message = format!("`{twice}` is listed twice");
                Err(CardError::new("languages", &message, "list each language once"))
            }
            None => Ok(()),
        }
    }
}

fn check_calibration(calibration: &Calibration) -> Result<(), CardError> {
    let Calibration { temperature, abstain_below, ability } = calibration;
    let checks = [
        ("calibration.temperature", *temperature, *temperature > 0.0, "above 0"),
        (
            "calibration.abstain_below",
            f64::from(*abstain_below),
            (0.0..=1.0).contains(abstain_below),
            "from 0 to 1",
        ),
        ("calibration.ability.residual_sd", ability.residual_sd, ability.residual_sd > 0.0, "above 0"),
        ("calibration.ability.scale", ability.scale, true, "a number"),
        ("calibration.ability.shift", ability.shift, true, "a number"),
    ];
    for (field, value, in_range, range) in checks {
        if !(in_range && value.is_finite()) {
            let message = format!("{value} is out of range");
            return Err(CardError::new(field, &message, &format!("it must be {range}")));
        }
    }
    Ok(())
}

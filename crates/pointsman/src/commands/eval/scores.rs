//! Scores of prompts as JSON lines: those that we write, and those of other routers.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use pointsman_eval::outcomes::Item;
use serde::{Deserialize, Serialize};

/// A router that is known by its scores alone: `NAME=FILE`.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    /// Its name in tables.
    pub(crate) name: String,
    /// Its scores.
    pub(crate) path: PathBuf,
}

impl FromStr for Scored {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.trim().is_empty() && !path.is_empty() => {
                Ok(Self { name: name.trim().to_owned(), path: path.into() })
            }
            _ => Err("write NAME=FILE, the router's name and its scores".to_owned()),
        }
    }
}

/// The score of a prompt; higher = to the stronger model.
#[derive(Serialize, Deserialize)]
struct Score {
    id: String,
    /// Tells apart prompts of several sources that have the same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    score: f64,
}

impl Scored {
    /// The score of every item, in order.
    pub(super) fn read(&self, items: &[&Item]) -> Result<Vec<f64>> {
        let path = self.path.display();
        let text = std::fs::read_to_string(&self.path).with_context(|| format!("{path}: cannot be read"))?;
        let mut scores: HashMap<(String, Option<String>), f64> = HashMap::new();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row: Score = serde_json::from_str(line)
                .with_context(|| format!("{path}:{}: not a score, {{\"id\", \"score\"}}", i + 1))?;
            anyhow::ensure!(row.score.is_finite(), "{path}:{}: the score is not finite", i + 1);
            scores.insert((row.id, row.source), row.score);
        }
        let find = |item: &&Item| {
            let named = scores.get(&(item.id.clone(), Some(item.source.clone())));
            named.or_else(|| scores.get(&(item.id.clone(), None))).copied().with_context(|| {
                format!("{path}: no score of `{}` ({}); every routed prompt needs one", item.id, item.source)
            })
        };
        items.iter().map(find).collect()
    }
}

/// Writes `{"id", "source", "score"}` for each item, in order.
pub(super) fn write(path: &Path, items: &[&Item], scores: &[f64]) -> Result<()> {
    let place = || format!("{}: the scores cannot be written", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(place)?);
    for (item, score) in items.iter().zip(scores) {
        let row = Score { id: item.id.clone(), source: Some(item.source.clone()), score: *score };
        serde_json::to_writer(&mut file, &row).with_context(place)?;
        file.write_all(b"\n").with_context(place)?;
    }
    file.flush().with_context(place)
}

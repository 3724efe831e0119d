//! What was spent and what would have been.

use std::fmt;

use pointsman_domain::{ModelName, Usd};
use pointsman_policy::BaselineReason;
use serde::Serialize;

/// What routing has cost, beside other ways to answer the same requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The model that everything is compared with.
    pub baseline: ModelName,
    /// Why it is this one.
    pub baseline_reason: BaselineReason,
    /// All requests that could be counted.
    pub total: Line,
    /// Requests that could not.
    pub uncounted: Uncounted,
    /// The static mix that costs the same; none where there are no two models to mix.
    pub mix: Option<Mix>,
    /// By day, the earliest first.
    pub by_day: Vec<(String, Line)>,
    /// By task, and `unsure` for abstentions; the dearest first.
    pub by_task: Vec<(String, Line)>,
    /// By the model that answered, the dearest first.
    pub by_model: Vec<(String, Line)>,
    /// By the client's key, the dearest first; requests without a key are in none.
    pub by_key: Vec<(String, Line)>,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            baseline: ModelName::new(""),
            baseline_reason: BaselineReason::Named,
            total: Line::default(),
            uncounted: Uncounted::default(),
            mix: None,
            by_day: Vec::new(),
            by_task: Vec::new(),
            by_model: Vec::new(),
            by_key: Vec::new(),
        }
    }
}

/// Sums over some requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Line {
    /// How many.
    pub requests: u64,
    /// What they cost.
    pub spent: Usd,
    /// What they would have cost, had the baseline read and written as many tokens.
    pub baseline: Usd,
}

impl Line {
    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.spent = self.spent + other.spent;
        self.baseline = self.baseline + other.baseline;
    }

    /// What was saved; negative if routing was dearer.
    #[must_use]
    pub fn saved(&self) -> Usd {
        Usd(self.baseline.0 - self.spent.0)
    }

    /// What was saved as a share of the baseline's cost, if that is not nothing.
    #[must_use]
    pub fn saved_share(&self) -> Option<f64> {
        (self.baseline.0 > 0.0).then(|| self.saved().0 / self.baseline.0)
    }
}

/// Requests of which it is not known what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Uncounted {
    /// Nobody was asked, or the answer is still to come.
    pub unanswered: u64,
    /// No model replied, or the reply does not say how many tokens it took.
    pub without_tokens: u64,
    /// The price of the model that answered is not known.
    pub without_price: u64,
}

impl Uncounted {
    fn all(self) -> u64 {
        self.unanswered + self.without_tokens + self.without_price
    }
}

/// A coin that sends a share of requests to the baseline and the rest to the cheapest model, and costs what routing costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mix {
    /// The baseline.
    pub dear: ModelName,
    /// The model that would have answered everything for the least.
    pub cheap: ModelName,
    /// The share that goes to `dear`, 0–1.
    pub share_dear: f64,
    /// What the mix costs: what was spent, unless no mix costs so little or so much.
    pub cost: Usd,
    /// Requests for which chances of success are known.
    pub known: u32,
    /// Share of good answers expected of the mix, by the models' abilities.
    pub success: Option<f64>,
    /// Share of good answers expected of the models that answered.
    pub routed_success: Option<f64>,
    /// Share of good answers expected of the baseline.
    pub baseline_success: Option<f64>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, spent, baseline } = self;
        write!(f, "{requests} requests, ${:.4} of ${:.4}", spent.0, baseline.0)?;
        match self.saved_share() {
            Some(share) if share < 0.0 => write!(f, ", {:.1} % dearer", -100.0 * share),
            Some(share) => write!(f, ", {:.1} % saved", 100.0 * share),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dear, cheap, share_dear, cost, known, .. } = self;
        write!(
            f,
            "{:.1} % to {dear} and the rest to {cheap} by chance costs ${:.4}",
            100.0 * share_dear,
            cost.0
        )?;
        match (self.success, self.routed_success, self.baseline_success) {
            (Some(mix), Some(routed), Some(baseline)) => write!(
                f,
                "; good answers expected: routing {:.1} %, this mix {:.1} %, {dear} alone {:.1} % (of {known} requests)",
                100.0 * routed,
                100.0 * mix,
                100.0 * baseline
            ),
            _ => write!(f, "; what either is worth is not known, for want of abilities"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { baseline, total, uncounted, .. } = self;
        let reason = match self.baseline_reason {
            BaselineReason::Named => "",
            BaselineReason::Ablest => " (the ablest)",
            BaselineReason::Dearest => " (the dearest)",
        };
        writeln!(f, "against {baseline}{reason} for everything: {total}")?;
        if let Some(mix) = &self.mix {
            writeln!(f, "static mix: {mix}")?;
        }
        if uncounted.all() > 0 {
            let Uncounted { unanswered, without_tokens, without_price } = uncounted;
            writeln!(
                f,
                "left out: {unanswered} unanswered, {without_tokens} whose tokens are not known, {without_price} without a price"
            )?;
        }
        let parts = [
            ("day", &self.by_day),
            ("task", &self.by_task),
            ("model", &self.by_model),
            ("key", &self.by_key),
        ];
        for (what, lines) in parts {
            if lines.is_empty() {
                continue;
            }
            writeln!(f, "\nmoney by {what}")?;
            let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            for (name, line) in lines {
                writeln!(f, "  {name:width$}  {line}")?;
            }
        }
        Ok(())
    }
}

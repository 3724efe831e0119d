//! What an audit has to say, in order, whatever it is printed as.

use pointsman_record::utc;

use crate::audit::{Dominated, Replayed, Report, Share, SignOff};

/// A part of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) title: &'static str,
    /// Sentences before the table.
    pub(super) text: Vec<String>,
    /// Headings and rows; no table without rows.
    pub(super) heads: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Part {
    fn of(title: &'static str, text: Vec<String>) -> Self {
        Self { title, text, heads: Vec::new(), rows: Vec::new() }
    }
}

/// The report's parts.
pub(super) fn outline(report: &Report, sign_off: &SignOff) -> Vec<Part> {
    let shares = &report.shares;
    let all = [("all".to_owned(), shares.all.clone())];
    vec![
        verdict(report),
        basis(report),
        share_part("Traffic and money", "", report, &all),
        share_part("By task", "task", report, &shares.by_task),
        share_part("By band", "band", report, &shares.by_band),
        names(report),
        dominated(report),
        Part::of("Check it yourself", check(report, sign_off)),
        signature(sign_off),
    ]
}

fn signature(sign_off: &SignOff) -> Part {
    let SignOff { verdict, findings_sha256, pointsman, signed_by } = sign_off;
    let signed_by = signed_by.as_deref().unwrap_or("nobody");
    let rows = [
        ("verdict", verdict.as_str()),
        ("SHA-256 of the findings", findings_sha256.as_str()),
        ("computed by pointsman", pointsman),
        ("signed off by", signed_by),
    ];
    Part {
        heads: vec!["what", "value"],
        rows: rows.map(|(what, value)| vec![what.to_owned(), value.to_owned()]).into(),
        ..Part::of("Sign-off", Vec::new())
    }
}

fn verdict(report: &Report) -> Part {
    let Replayed { decisions, unfaithful, .. } = report.replayed;
    let replayed = match (decisions, unfaithful) {
        (0, _) => {
            "No decision could be taken again: the table is another than the one that took them.".to_owned()
        }
        (_, 0) => format!("All {decisions} decisions follow from labels and table."),
        _ => format!("{unfaithful} of {decisions} decisions do not follow from labels and table."),
    };
    let named = if decisions == 0 {
        "Nothing can be said of the providers' names."
    } else if report.replayed.differ_hidden + report.replayed.differ_exchanged == 0 {
        "None changes when providers are renamed."
    } else {
        "Some change when providers are renamed."
    };
    Part::of("In short", vec![replayed, named.to_owned(), preferred(report)])
}

/// Whether dominated models were preferred.
fn preferred(report: &Report) -> String {
    let (dominated, first_party) = report.dominated_requests();
    let judged = report.dominated.judged;
    if judged == 0 {
        return "Whether another model was cheaper and as able cannot be judged: of no decision are the prices and \
                abilities known that it takes."
            .to_owned();
    }
    let own = if report.first_party.is_empty() {
        String::new()
    } else {
        format!("; {first_party} of them to a first-party model")
    };
    format!(
        "{dominated} of {judged} judged decisions went to a model although another is cheaper and as able{own}."
    )
}

fn basis(report: &Report) -> Part {
    let mut rows = vec![
        vec!["records".to_owned(), report.records.to_string()],
        vec!["SHA-256 of the records".to_owned(), report.records_sha256.clone()],
        vec!["from and to (UTC)".to_owned(), span(report)],
    ];
    rows.extend(report.tables.iter().map(|(name, hash)| vec![format!("table {name}"), hash.clone()]));
    rows.extend(
        report.classifiers.iter().map(|(name, hash)| vec![format!("classifier {name}"), hash.clone()]),
    );
    rows.push(vec!["abilities of".to_owned(), report.abilities.clone()]);
    let first_party: Vec<&str> = report.first_party.iter().map(|provider| provider.as_str()).collect();
    let first_party = if first_party.is_empty() { "none stated".to_owned() } else { first_party.join(", ") };
    rows.push(vec!["first-party providers".to_owned(), first_party]);
    let aside = format!("{} requests named their model and are left aside.", report.named);
    let text = if report.named > 0 { vec![aside] } else { Vec::new() };
    Part { heads: vec!["what", "value"], rows, ..Part::of("What it rests on", text) }
}

fn span(report: &Report) -> String {
    match (report.first_us, report.last_us) {
        (Some(first), Some(last)) => format!("{} to {}", utc(first), utc(last)),
        _ => "–".to_owned(),
    }
}

fn share_part(
    title: &'static str,
    what: &'static str,
    report: &Report,
    lists: &[(String, Vec<Share>)],
) -> Part {
    let mut heads = vec!["provider", "decisions", "share", "money", "share of money"];
    if !what.is_empty() {
        heads.insert(0, what);
    }
    let rows = lists.iter().flat_map(|(name, shares)| {
        shares.iter().map(move |share| {
            let mut row = share_row(share, report);
            if !what.is_empty() {
                row.insert(0, name.clone());
            }
            row
        })
    });
    Part { heads, rows: rows.collect(), ..Part::of(title, Vec::new()) }
}

fn share_row(share: &Share, report: &Report) -> Vec<String> {
    let first_party = report.first_party.contains(&share.provider);
    vec![
        format!("{}{}", share.provider, if first_party { " (first-party)" } else { "" }),
        share.requests.to_string(),
        percent(share.of_requests),
        format!("${:.4}", share.spent.0),
        share.of_spent.map_or_else(|| "–".to_owned(), percent),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn names(report: &Report) -> Part {
    let Replayed { decisions, unfaithful, differ_hidden, differ_exchanged, examples, other_table } =
        &report.replayed;
    let exchanged: Vec<String> =
        report.renamed.iter().map(|(own, other)| format!("{own} as {other}")).collect();
    let mut text = vec![
        format!(
            "{decisions} decisions were taken again by the table that took them: {unfaithful} came out otherwise."
        ),
        format!("With providers called provider-1, provider-2, … {differ_hidden} came out otherwise."),
        format!("With names exchanged ({}) {differ_exchanged} came out otherwise.", exchanged.join(", ")),
    ];
    if *other_table > 0 {
        text.push(format!("{other_table} records are of another table and cannot be checked with this one."));
    }
    if !examples.is_empty() {
        text.push(format!("Among them: {}.", examples.join(", ")));
    }
    Part::of("Whatever providers are called", text)
}

fn dominated(report: &Report) -> Part {
    let judged = &report.dominated;
    let text = vec![format!(
        "A model dominates another if it charges no more for either kind of token and less for one, its chance of success on the \
         prompt is as high, and it could have taken the request. {} decisions could be judged; of {} the model's price or \
         ability is not known.",
        judged.judged, judged.unknown
    )];
    let heads = vec!["table", "row", "chosen", "instead of", "decisions", "cost", "instead", "first-party"];
    Part {
        heads,
        rows: judged.rows.iter().map(dominated_row).collect(),
        ..Part::of("Dominated models that were preferred", text)
    }
}

fn dominated_row(row: &Dominated) -> Vec<String> {
    vec![
        row.table.clone(),
        row.rule.to_string(),
        format!("{} ({})", row.chosen, row.provider),
        format!("{} ({})", row.by, row.by_provider),
        row.requests.to_string(),
        format!("${:.4}", row.spent.0),
        format!("${:.4}", row.instead.0),
        if row.is_first_party { "yes" } else { "" }.to_owned(),
    ]
}

fn check(report: &Report, sign_off: &SignOff) -> Vec<String> {
    let mut text = vec![
        "This report follows from the records and the table alone; there is no clock in it. Whoever has both gets the same, byte for \
         byte."
            .to_owned(),
        "The records' SHA-256 is that of the file that `pointsman records export --out records.jsonl` writes.".to_owned(),
        format!("To compute it again: `{}`.", command(report, sign_off)),
    ];
    if report.configurations > 1 {
        text.push(
            "`pointsman.toml` and each FILE are the versions of the configuration, in the order in which their tables stand above."
                .to_owned(),
        );
    }
    text
}

/// What prints the same report again, with FILE for each further version of the configuration and NAME for who signed.
fn command(report: &Report, sign_off: &SignOff) -> String {
    let mut command = "pointsman audit --config pointsman.toml".to_owned();
    command += &" --table FILE".repeat(report.configurations.saturating_sub(1));
    command += " --records records.jsonl";
    let first_party: Vec<&str> = report.first_party.iter().map(|provider| provider.as_str()).collect();
    if !first_party.is_empty() {
        command += &format!(" --first-party {}", first_party.join(","));
    }
    if sign_off.signed_by.is_some() {
        command += " --signed-by NAME";
    }
    command
}

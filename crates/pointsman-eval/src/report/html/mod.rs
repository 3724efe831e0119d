//! A report as one page that needs nothing else: styles and pictures are in it, light and dark.

pub(super) mod parts;

use super::{plot, text};
use crate::metrics::CoveragePoint;
use crate::tasks::TaskReport;
use parts::{Html, bar, section};

/// The page.
#[must_use]
pub fn page(report: &TaskReport) -> String {
    let about = format!("{} · {}", report.provenance.dataset, text::rows(report));
    parts::page("Task labels", &report.provenance.classifier, &about, |html| {
        head(html, report);
        classes(html, report);
        confusion(html, report);
        confidence(html, report);
        slices(html, report);
        folds(html, report);
        flips(html, report);
        mistakes(html, report);
    })
}

fn head(html: &mut Html, report: &TaskReport) {
    html.raw("<div class=\"tiles\">\n");
    let percent = |value: f64| format!("{:.1} %", value * 100.0);
    let (low, high) = (report.accuracy.low * 100.0, report.accuracy.high * 100.0);
    let interval = format!("95 % in {low:.1}–{high:.1}");
    html.tile(&percent(report.accuracy.value), "accuracy", &interval);
    let present = report.classes.iter().filter(|class| class.support > 0).count();
    html.tile(&format!("{:.3}", report.macro_f1), "macro F1", &format!("over {present} tasks"));
    if let Some(group) = &report.accuracy_group {
        html.tile(&percent(group.value), "group accuracy", "right group of tasks");
    }
    html.tile(&format!("{:.3}", report.calibration.ece), "calibration error", "ECE, 15 bins");
    let abstention = &report.abstention;
    let rest = format!("accuracy of the rest {}", percent(abstention.accuracy_of_rest.value));
    html.tile(&percent(abstention.rate.value), "abstained", &rest);
    if let Some(speed) = &report.throughput {
        let tokens = format!("{:.0} tokens/s", speed.tokens_per_s);
        html.tile(&format!("{:.0}", speed.prompts_per_s), "prompts per second", &tokens);
    }
    html.raw("</div>\n");
}

fn classes(html: &mut Html, report: &TaskReport) {
    section(html, "By task", "F1 as the bar; n is the number of prompts of the task.", |html| {
        html.raw("<table class=\"bars\">\n<thead><tr><th>task<th class=\"num\">n<th>F1<th class=\"num\">");
        html.raw("<th class=\"num\">precision<th class=\"num\">recall</tr></thead>\n<tbody>\n");
        for class in report.classes.iter().filter(|class| class.support + class.predicted > 0) {
            html.raw("<tr><th scope=\"row\">").text(class.task.as_str());
            html.cell(&class.support.to_string());
            html.raw("<td class=\"wide\">").raw(&bar(class.f1, None));
            html.cell(&format!("{:.2}", class.f1));
            for share in [class.precision, class.recall] {
                html.cell(&share.map_or("–".to_owned(), |share| format!("{share:.2}")));
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n");
    });
}

fn confusion(html: &mut Html, report: &TaskReport) {
    let note = "Rows are the true task, columns the label given; the shade is the share of the row. \
                Where several labels are accepted, the accepted one that was given counts as true.";
    let shown: Vec<usize> = (0..report.classes.len())
        .filter(|i| report.classes[*i].support + report.classes[*i].predicted > 0)
        .collect();
    section(html, "What is taken for what", note, |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"heat\">\n<thead><tr><td>");
        for &column in &shown {
            html.raw("<th scope=\"col\"><span>").text(report.confusion.tasks[column].as_str()).raw("</span>");
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for &row in &shown {
            html.raw("<tr><th scope=\"row\">").text(report.confusion.tasks[row].as_str());
            for &column in &shown {
                heat_cell(html, report, row, column);
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

/// The strongest shade on which text can still be read, in light and dark.
const MOST_SHADE: f64 = 0.6;

fn heat_cell(html: &mut Html, report: &TaskReport, row: usize, column: usize) {
    let count = report.confusion.counts[row][column];
    if count == 0 {
        html.raw("<td>");
        return;
    }
    let support = report.classes[row].support;
    let share = 100.0 * count as f64 / support.max(1) as f64;
    let class = if row == column { "right" } else { "wrong" };
    let (truth, given) = (&report.confusion.tasks[row], &report.confusion.tasks[column]);
    let shade = MOST_SHADE * if row == column { share } else { (share * 2.0 + 8.0).min(100.0) };
    html.raw(&format!("<td class=\"{class}\" style=\"--share:{shade:.0}%\" title=\""));
    html.text(&format!("{truth} labelled {given}: {count} of {support} ({share:.0} %)"));
    html.raw(&format!("\">{count}"));
}

fn confidence(html: &mut Html, report: &TaskReport) {
    let kept = 1.0 - report.abstention.rate.value;
    let own = (report.rows > 0 && kept > 0.0).then_some(CoveragePoint {
        threshold: 0.0,
        coverage: kept,
        risk: 1.0 - report.abstention.accuracy_of_rest.value,
    });
    let ece = format!("expected calibration error {:.3}", report.calibration.ece);
    let at = |coverage: f64| report.coverage.at(coverage).map_or(0.0, |point| point.risk * 100.0);
    let curve = format!(
        "keeping the surest 80 % leaves {:.1} % wrong, 90 % leaves {:.1} %; the dot is the classifier with its own abstentions",
        at(0.8),
        at(0.9)
    );
    section(html, "Can the confidence be trusted?", "", |html| {
        html.raw("<div class=\"pair\">\n");
        html.figure("Reliability", &ece, &plot::reliability(&report.calibration));
        html.figure("Risk and coverage", &curve, &plot::risk_coverage(&report.coverage, own));
        html.raw("</div>\n");
    });
}

fn slices(html: &mut Html, report: &TaskReport) {
    let groups = [
        ("length in tokens", &report.by_length),
        ("language", &report.by_language),
        ("source", &report.by_source),
    ];
    if groups.iter().all(|(_, slices)| slices.len() < 2) {
        return;
    }
    section(html, "Where it is good", "Accuracy; the whisker is Wilson's 95 % interval.", |html| {
        html.raw("<div class=\"pair\">\n");
        for (title, slices) in groups.into_iter().filter(|(_, slices)| slices.len() > 1) {
            html.raw("<table class=\"bars\">\n<thead><tr><th>").text(title);
            html.raw("<th class=\"num\">n<th>accuracy<th class=\"num\"><th class=\"num\">abstained");
            html.raw("</tr></thead>\n<tbody>\n");
            for slice in slices {
                let share = &slice.accuracy;
                let name = if slice.name.is_empty() { "(not stated)" } else { &slice.name };
                html.raw("<tr><th scope=\"row\">").text(name);
                html.cell(&share.of.to_string());
                html.raw("<td class=\"wide\">").raw(&bar(share.value, Some((share.low, share.high))));
                html.cell(&format!("{:.0} %", share.value * 100.0));
                html.cell(&format!("{:.0} %", slice.abstained_share() * 100.0));
                html.raw("</tr>\n");
            }
            html.raw("</tbody>\n</table>\n");
        }
        html.raw("</div>\n");
    });
}

fn folds(html: &mut Html, report: &TaskReport) {
    if report.folds.is_empty() {
        return;
    }
    let note = "The same labels folded into coarser vocabularies; F1 as the bar.";
    section(html, "In the words of others", note, |html| {
        html.raw("<div class=\"pair\">\n");
        for fold in &report.folds {
            let figures = format!("{} · accuracy {}", fold.name, text::percent(fold.accuracy.value));
            html.raw("<table class=\"bars\">\n<thead><tr><th>").text(&figures);
            html.raw("<th class=\"num\">n<th>F1<th class=\"num\"></tr></thead>\n<tbody>\n");
            for class in fold.classes.iter().filter(|class| class.support + class.predicted > 0) {
                html.raw("<tr><th scope=\"row\">").text(class.task.as_str());
                html.cell(&class.support.to_string());
                html.raw("<td class=\"wide\">").raw(&bar(class.f1, None));
                html.cell(&format!("{:.2}", class.f1));
                html.raw("</tr>\n");
            }
            html.raw("</tbody>\n</table>\n");
        }
        html.raw("</div>\n");
    });
}

fn flips(html: &mut Html, report: &TaskReport) {
    if report.flips.is_empty() {
        return;
    }
    let note = "Changes that should not matter, and how many labels they changed.";
    section(html, "How easily it is thrown", note, |html| {
        html.raw("<table class=\"bars\">\n<thead><tr><th>change<th class=\"num\">n<th>labels changed");
        html.raw("<th class=\"num\"><th class=\"num\">accuracy then</tr></thead>\n<tbody>\n");
        for flips in &report.flips {
            html.raw("<tr><th scope=\"row\">").text(&flips.perturbation);
            html.cell(&flips.rate.of.to_string());
            html.raw("<td class=\"wide\">")
                .raw(&bar(flips.rate.value, Some((flips.rate.low, flips.rate.high))));
            html.cell(&format!("{:.1} %", flips.rate.value * 100.0));
            html.cell(&format!("{:.1} %", flips.accuracy.value * 100.0));
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n");
    });
}

fn mistakes(html: &mut Html, report: &TaskReport) {
    if report.mistakes.is_empty() {
        return;
    }
    section(html, "Surest mistakes", "Wrong labels, the most confident first.", |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>item<th>accepted<th>given");
        html.raw("<th class=\"num\">confidence</tr></thead>\n<tbody>\n");
        for mistake in &report.mistakes {
            let accepted: Vec<&str> = mistake.accepted.iter().map(|task| task.as_str()).collect();
            html.raw("<tr><td>").text(&mistake.id);
            if let Some(excerpt) = &mistake.excerpt {
                html.raw("<p dir=\"auto\">").text(excerpt).raw("</p>");
            }
            html.raw("<td>").text(&accepted.join(", ")).raw("<td>").text(mistake.predicted.as_str());
            html.cell(&format!("{:.2}", mistake.confidence));
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

//! A difficulty report as one page.

use plotters::prelude::*;

use super::super::html::parts::{self, Html, bar, section};
use super::super::plot::{ACCENT, CONTRAST, INK, axes, svg};
use super::text;
use crate::difficulty::{DifficultyReport, Figure, Reliability, SourceReport};

/// The page.
#[must_use]
pub fn difficulty_page(report: &DifficultyReport) -> String {
    let about = format!("{} · {}", report.provenance.dataset, text::about(report));
    parts::page("Difficulty", &report.provenance.classifier, &about, |html| {
        tiles(html, report);
        correlations(html, report);
        reliability(html, report);
        figures(html, report);
        models(html, report);
    })
}

fn tiles(html: &mut Html, report: &DifficultyReport) {
    html.raw("<div class=\"tiles\">\n");
    if let Some((_, mean)) = report.mean_spearman.first() {
        html.tile(&format!("{mean:.3}"), "mean Spearman", &format!("over {} sources", report.sources.len()));
    }
    if let Some(own) = report.overall.scorers.first() {
        for figure in Figure::ALL {
            let Some(found) = own.figures.get(&figure) else { continue };
            let interval = format!("all together, 95 % in {:.2}–{:.2}", found.low, found.high);
            html.tile(&format!("{:.3}", found.value), figure.title(), &interval);
        }
    }
    html.raw("</div>\n");
}

fn correlations(html: &mut Html, report: &DifficultyReport) {
    let note = "Rank correlation of the predicted difficulty with the truth; a bar to the left end is none or worse. \
                Asterisk: has seen outcomes of the prompts that it rates.";
    section(html, "Spearman by source", note, |html| {
        html.raw("<table class=\"bars\">\n<thead><tr><th>source<th class=\"num\">n<th>scorer<th>Spearman");
        html.raw("<th class=\"num\"></tr></thead>\n<tbody>\n");
        for source in &report.sources {
            for (i, scorer) in source.scorers.iter().enumerate() {
                html.raw("<tr><th scope=\"row\">").text(if i == 0 { text::title(source) } else { "" });
                html.cell(&if i == 0 { source.prompts.to_string() } else { String::new() });
                html.raw("<td>").text(&text::name_of(scorer)).raw("<td class=\"wide\">");
                if let Some(found) = scorer.figures.get(&Figure::Spearman) {
                    html.raw(&bar(found.value, Some((found.low.max(0.0), found.high.max(0.0)))));
                }
                html.cell(&text::written(scorer, Figure::Spearman));
                html.raw("</tr>\n");
            }
        }
        html.raw("</tbody>\n</table>\n");
    });
}

fn reliability(html: &mut Html, report: &DifficultyReport) {
    let note = "Mean predicted chance of success against the share of models that succeed, in tenths; the size of a dot is the \
                number of prompts. On the dashed line the prediction is right.";
    section(html, "Does a chance mean what it says?", note, |html| {
        html.raw("<div class=\"pair\">\n");
        let overall = (report.sources.len() != 1).then_some(&report.overall);
        for source in overall.into_iter().chain(&report.sources) {
            let remark = format!("{} prompts, ECE {:.3}", source.prompts, source.reliability.ece);
            html.figure(text::title(source), &remark, &picture(&source.reliability));
        }
        html.raw("</div>\n");
    });
}

fn picture(reliability: &Reliability) -> String {
    let most = reliability.bins.iter().map(|bin| bin.rows).fold(1.0, f64::max);
    svg(|canvas| {
        let mut chart =
            axes(canvas, 0.0..1.0, 0.0..1.0, ("predicted chance of success", "models that succeed"))?;
        chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 5, INK.stroke_width(1)))?;
        let line = reliability.bins.iter().map(|bin| (bin.chance, bin.outcome));
        chart.draw_series(LineSeries::new(line, ACCENT.stroke_width(2)))?;
        chart.draw_series(reliability.bins.iter().map(|bin| {
            let radius = 3.0 + 7.0 * (bin.rows / most).sqrt();
            Circle::new((bin.chance, bin.outcome), radius as i32, CONTRAST.filled())
        }))?;
        Ok(())
    })
}

fn figures(html: &mut Html, report: &DifficultyReport) {
    section(html, "Every figure", "With 95 % bootstrap intervals over the prompts.", |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>source<th class=\"num\">n<th>scorer");
        for figure in Figure::ALL {
            html.raw("<th class=\"num\">").text(figure.title());
        }
        html.raw("</tr></thead>\n<tbody>\n");
        let overall = (report.sources.len() > 1).then_some(&report.overall);
        for source in report.sources.iter().chain(overall) {
            source_rows(html, source);
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

fn source_rows(html: &mut Html, source: &SourceReport) {
    for (i, scorer) in source.scorers.iter().enumerate() {
        html.raw("<tr><td>").text(if i == 0 { text::title(source) } else { "" });
        html.cell(&if i == 0 { source.prompts.to_string() } else { String::new() });
        html.raw("<td title=\"").text(&scorer.note).raw("\">").text(&text::name_of(scorer));
        for figure in Figure::ALL {
            html.cell(&text::written(scorer, figure));
        }
        html.raw("</tr>\n");
    }
}

fn models(html: &mut Html, report: &DifficultyReport) {
    if report.models.is_empty() {
        return;
    }
    let note =
        "Mean chance of success by the model's ability and the predicted difficulty, against its outcomes.";
    section(html, "Models", note, |html| {
        html.raw(
            "<table class=\"bars\">\n<thead><tr><th>model<th class=\"num\">n<th>measured<th class=\"num\">",
        );
        html.raw("<th class=\"num\">expected<th class=\"num\">ECE</tr></thead>\n<tbody>\n");
        for model in &report.models {
            html.raw("<tr><th scope=\"row\">").text(&model.model);
            html.cell(&model.outcomes.to_string());
            html.raw("<td class=\"wide\">").raw(&bar(model.measured, None));
            for figure in [model.measured, model.expected, model.ece] {
                html.cell(&format!("{figure:.3}"));
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n");
    });
}

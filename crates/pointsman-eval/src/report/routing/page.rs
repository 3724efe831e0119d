//! A routing report as one page.

use super::super::html::parts::{self, Html, bar, section};
use super::{plot, text};
use crate::routing::{Measure, Role, RouterReport, RoutingReport};

/// The page.
#[must_use]
pub fn routing_page(report: &RoutingReport) -> String {
    let about = format!("{} · {}", report.provenance.dataset, text::about(report));
    parts::page("Routing", &report.provenance.classifier, &about, |html| {
        tiles(html, report);
        curves(html, report);
        headline(html, report);
        figures(html, report);
        models(html, report);
        sources(html, report);
    })
}

/// The best of our routers: the adapted one if there is one.
fn own(report: &RoutingReport) -> Option<&RouterReport> {
    report.study.routers.iter().rev().find(|router| router.role == Role::Own)
}

fn tiles(html: &mut Html, report: &RoutingReport) {
    let Some(own) = own(report) else { return };
    html.raw("<div class=\"tiles\">\n");
    for measure in text::shown(report) {
        let Some(figure) = own.figures.get(&measure) else { continue };
        let written = text::with_interval(measure, figure);
        let (value, interval) = written.split_once(" (").unwrap_or((&written, ""));
        html.tile(value, measure.title(), &format!("95 % in {}", interval.trim_end_matches(')')));
    }
    html.raw("</div>\n");
}

fn curves(html: &mut Html, report: &RoutingReport) {
    let pair = report.study.models.len() == 2;
    let priced = report.study.models.iter().all(|model| model.cost.is_some());
    let note = "Green: ours, the thick one with its 95 % interval. Orange: the length of the prompt; dashed: means by task. \
                Dotted: static mixes. Thin: an oracle.";
    section(html, "Quality at every threshold", note, |html| {
        html.raw("<div class=\"pair\">\n");
        if pair {
            html.figure("By calls", "how many prompts go to the strong model", &plot::by_share(report));
        }
        if priced {
            html.figure("By cost", "the dots are single models", &plot::by_cost(report));
        }
        html.raw("</div>\n");
    });
}

fn headline(html: &mut Html, report: &RoutingReport) {
    let measure = report.study.headline();
    let note = match measure {
        Measure::Apgr => {
            "Average performance gap recovered; a static mix has 0.5. Asterisk: has seen outcomes of the prompts that it routes."
        }
        _ => {
            "Mean quality over the range of costs. Asterisk: has seen outcomes of the prompts that it routes."
        }
    };
    section(html, measure.title(), note, |html| {
        html.raw("<table class=\"bars\">\n<thead><tr><th>router<th>").text(measure.title());
        html.raw("<th class=\"num\">95 % interval<th class=\"num\">over length</tr></thead>\n<tbody>\n");
        for router in &report.study.routers {
            let Some(figure) = router.figures.get(&measure) else { continue };
            html.raw("<tr><th scope=\"row\" title=\"").text(&router.note).raw("\">").text(&router.name);
            html.text(text::mark(router.role));
            html.raw("<td class=\"wide\">").raw(&bar(figure.value, Some((figure.low, figure.high))));
            html.cell(&text::with_interval(measure, figure));
            html.cell(&router.over_length.as_ref().map_or("–".to_owned(), text::signed));
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n");
    });
}

fn figures(html: &mut Html, report: &RoutingReport) {
    let shown = text::shown(report);
    section(html, "Every figure", "With 95 % bootstrap intervals over the prompts.", |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>router");
        for measure in &shown {
            html.raw("<th class=\"num\">").text(measure.title());
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for router in &report.study.routers {
            html.raw("<tr><td>").text(&router.name).text(text::mark(router.role));
            html.raw("<p>").text(&router.note).raw("</p>");
            for measure in &shown {
                let figure = router.figures.get(measure);
                html.cell(&figure.map_or("–".to_owned(), |figure| text::with_interval(*measure, figure)));
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

fn models(html: &mut Html, report: &RoutingReport) {
    section(html, "Always the same model", "", |html| {
        html.raw(
            "<table class=\"bars\">\n<thead><tr><th>model<th>quality<th class=\"num\"><th class=\"num\">",
        );
        html.raw("$ / 1,000 prompts<th class=\"num\">arena</tr></thead>\n<tbody>\n");
        for model in &report.study.models {
            let quality = &model.quality;
            html.raw("<tr><th scope=\"row\">").text(&model.name).raw("<td class=\"wide\">");
            html.raw(&bar(quality.value, Some((quality.low, quality.high))));
            html.cell(&text::percent(quality.value));
            html.cell(&model.cost.map_or("–".to_owned(), |cost| format!("{:.4}", cost.value * 1_000.0)));
            html.cell(&model.arena.map_or("–".to_owned(), |arena| format!("{arena:.3}")));
            html.raw("</tr>\n");
        }
        let chance = &report.study.chance;
        html.raw("<tr><th scope=\"row\">drawn by chance<td class=\"wide\">").raw(&bar(chance.quality, None));
        html.cell(&text::percent(chance.quality));
        let priced = report.study.models.iter().all(|model| model.cost.is_some());
        html.cell(&if priced { format!("{:.4}", chance.cost * 1_000.0) } else { "–".to_owned() });
        html.cell("").raw("</tr>\n</tbody>\n</table>\n");
    });
}

fn sources(html: &mut Html, report: &RoutingReport) {
    if report.sources.len() < 2 {
        return;
    }
    section(html, "Where the prompts are from", "", |html| {
        html.raw(
            "<table class=\"bars\">\n<thead><tr><th>source<th class=\"num\">prompts</tr></thead>\n<tbody>\n",
        );
        for (source, count) in &report.sources {
            html.raw("<tr><th scope=\"row\">").text(source);
            html.cell(&count.to_string());
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n");
    });
}

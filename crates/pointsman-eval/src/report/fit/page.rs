//! An item-response fit as one page.

use std::collections::BTreeMap;

use super::super::html::parts::{self, Html, dot, section};
use super::FitReport;
use super::plot::{self, Reach};
use super::text::{self, count, grouped, ranked};
use crate::irt::{BROKEN_ALONE_Z, BROKEN_GAP, BROKEN_Z, Fit, ItemFit, ModelFit, Run};
use crate::outcomes::source_family;

/// How many sources have pictures, the largest first.
const PICTURED: usize = 12;
/// How many of the runs that are furthest from what their model does elsewhere are listed.
const FURTHEST: usize = 8;
/// Half of a 95 % interval in standard errors.
const INTERVAL: f64 = 1.96;

/// The page.
#[must_use]
pub fn fit_page(report: &FitReport) -> String {
    let fit = &report.fit;
    let pool = ranked(fit);
    let reach = Reach::new(fit, &pool);
    let name = format!("{} on {}", count(fit.summary.models, "model"), count(fit.summary.items, "prompt"));
    let about = format!("{} · {}", report.provenance.dataset, report.provenance.date);
    parts::page("Item-response fit", &name, &about, |html| {
        tiles(html, fit);
        notes(html, report);
        section(html, "Models and prompts on one scale", SCALE, |html| {
            html.raw("<div class=\"pair\">\n");
            html.figure(
                "Where they lie",
                "models upwards, prompts downwards",
                &plot::wright_map(fit, &pool, reach),
            );
            let remark = "a dot is a model on a source; orange: broken";
            html.figure("Does the model fit?", remark, &plot::agreement(fit));
            html.raw("</div>\n");
        });
        sources(html, fit);
        links(html, fit);
        curves(html, fit, reach);
        runs(html, fit);
        abilities(html, fit, &pool);
        diagnostics(html, fit);
    })
}

const SCALE: &str = "0 is the average model of the reference pool, 1 the standard deviation of the pool. A model whose ability is \
                     a prompt's difficulty succeeds in half of the cases.";

fn tiles(html: &mut Html, fit: &Fit) {
    let summary = &fit.summary;
    html.raw("<div class=\"tiles\">\n");
    html.tile(
        &grouped(summary.outcomes),
        "outcomes",
        &format!("from {}", count(fit.sources.len(), "source")),
    );
    html.tile(&grouped(summary.items), "prompts", "each with a difficulty");
    html.tile(&grouped(summary.models), "models", &format!("{} fix the scale", summary.pool));
    html.tile(&format!("{:.2}", summary.a), "discrimination", "geometric mean of all prompts");
    html.tile(&grouped(fit.broken.len()), "broken runs", "far below the model's ability elsewhere");
    let state = if fit.convergence.converged { "yes" } else { "no" };
    html.tile(state, "converged", &format!("{} passes", fit.convergence.passes));
    html.raw("</div>\n");
}

fn notes(html: &mut Html, report: &FitReport) {
    for warning in text::warnings(report) {
        html.raw("<p class=\"about\">").text("Note: ").text(&warning).raw(".</p>\n");
    }
}

fn sources(html: &mut Html, fit: &Fit) {
    let note = "Difficulty is the mean of the prompts and their standard deviation. The error of a source's place on the scale is \
                the usual difference of a model between sources, divided by the root of the number of models that link it.";
    section(html, "Sources", note, |html| {
        html.raw(
            "<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>source<th class=\"num\">prompts",
        );
        html.raw("<th class=\"num\">models<th class=\"num\">outcomes<th class=\"num\">difficulty");
        html.raw("<th class=\"num\">discrimination<th class=\"num\">linking models<th class=\"num\">error of its place");
        html.raw("</tr></thead>\n<tbody>\n");
        for source in &fit.sources {
            html.raw("<tr><td>").text(&source.source);
            html.cell(&grouped(source.items))
                .cell(&source.models.to_string())
                .cell(&grouped(source.outcomes));
            html.cell(&format!("{:.2} ± {:.2}", source.b.0, source.b.1)).cell(&format!("{:.2}", source.a));
            html.cell(&source.linking_models.to_string());
            html.cell(&source.link_se.map_or("–".to_owned(), |se| format!("{se:.2}"))).raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

/// The strongest shade on which text can still be read, in light and dark.
const MOST_SHADE: f64 = 60.0;

fn links(html: &mut Html, fit: &Fit) {
    if fit.sources.len() < 2 {
        return;
    }
    let note = "How many models two sources share; point at a number for their names. On the diagonal: all models of the source.";
    let between = |a: &str, b: &str| {
        let same = |first: &str, second: &str| (first == a && second == b) || (first == b && second == a);
        fit.links.iter().find(|link| same(&link.first, &link.second)).map_or(&[][..], |link| &link.models)
    };
    let shared = fit.links.iter().filter(|link| link.first != link.second).map(|link| link.models.len());
    let most = shared.max().unwrap_or(0).max(1) as f64;
    section(html, "What links the sources", note, |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"heat\">\n<thead><tr><td>");
        for source in &fit.sources {
            html.raw("<th scope=\"col\"><span>").text(&source.source).raw("</span>");
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for row in &fit.sources {
            html.raw("<tr><th scope=\"row\">").text(&row.source);
            for column in &fit.sources {
                let models = between(&row.source, &column.source);
                if row.source == column.source {
                    html.raw("<td>").text(&models.len().to_string());
                } else {
                    let shade = MOST_SHADE * models.len() as f64 / most;
                    html.raw(&format!("<td class=\"right\" style=\"--share:{shade:.0}%\" title=\""));
                    html.text(&models.join(", ")).raw("\">").text(&models.len().to_string());
                }
            }
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

fn curves(html: &mut Html, fit: &Fit, reach: Reach) {
    let mut of_sources: BTreeMap<&str, Vec<&ItemFit>> = BTreeMap::new();
    for item in &fit.items {
        of_sources.entry(source_family(&item.source)).or_default().push(item);
    }
    let mut of_sources: Vec<(&str, Vec<&ItemFit>)> = of_sources.into_iter().collect();
    of_sources.sort_by_key(|(_, items)| std::cmp::Reverse(items.len()));
    let note = "Left: item characteristic curves of up to 25 prompts, evenly chosen by difficulty, and in orange the mean over all \
                prompts of the source. Right: the source's information, Σ a² P (1 − P); where it is high, models are told apart \
                best. The standard error of an ability measured with this source alone is one over its root.";
    section(html, "What each source measures", note, |html| {
        html.raw("<div class=\"pair\">\n");
        for (source, items) in of_sources.iter().take(PICTURED) {
            html.figure(source, &count(items.len(), "prompt"), &plot::characteristic(items, reach));
            let curve = plot::information(items, reach);
            let highest = curve
                .iter()
                .copied()
                .fold((0.0, 0.0), |best, point| if point.1 > best.1 { point } else { best });
            let (at, most) = highest;
            let remark = format!(
                "most at {at:+.1}, where the standard error is {:.3}",
                1.0 / f64::max(most, 1e-9).sqrt()
            );
            html.figure(source, &remark, &plot::information_curve(&curve, reach));
        }
        html.raw("</div>\n");
        if of_sources.len() > PICTURED {
            let rest = format!("{} without pictures.", count(of_sources.len() - PICTURED, "smaller source"));
            html.raw("<p class=\"note\">").text(&rest).raw("</p>\n");
        }
    });
}

fn runs(html: &mut Html, fit: &Fit) {
    let note = format!(
        "A run is a model on a source. It counts as broken, for instance by a wrong format of prompt or answer, if it is more than \
         {BROKEN_GAP} below the model's ability elsewhere and more than {BROKEN_Z} usual standard deviations; a model without \
         another source, if it is more than {BROKEN_ALONE_Z} robust standard deviations below the median model. Broken runs are \
         left out of all estimates. Below them, the runs that are furthest off among those that were kept."
    );
    section(html, "Broken runs", &note, |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>model<th>source<th class=\"num\">outcomes");
        html.raw("<th class=\"num\">right<th class=\"num\">expected<th class=\"num\">ability there<th class=\"num\">elsewhere");
        html.raw("<th class=\"num\">z<th></tr></thead>\n<tbody>\n");
        for broken in &fit.broken {
            run(html, &broken.run, if broken.excluded { "left out" } else { "broken, kept" });
        }
        for id in &fit.excluded {
            html.raw("<tr><td>").text(&id.model).raw("<td>").text(&id.source);
            html.raw("<td colspan=\"6\"><td>left out on request</tr>\n");
        }
        let mut furthest: Vec<&Run> = fit.runs.iter().filter(|run| run.elsewhere.is_some()).collect();
        furthest.retain(|run| !fit.broken.iter().any(|broken| broken.run.id == run.id));
        furthest.sort_by(|a, b| b.z.abs().total_cmp(&a.z.abs()));
        furthest.iter().take(FURTHEST).for_each(|furthest| run(html, furthest, "kept"));
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

fn run(html: &mut Html, run: &Run, state: &str) {
    html.raw("<tr><td>").text(&run.id.model).raw("<td>").text(&run.id.source);
    html.cell(&grouped(run.items));
    html.cell(&format!("{:.1} %", 100.0 * run.score)).cell(&format!("{:.1} %", 100.0 * run.expected));
    html.cell(&format!("{:+.2}", run.ability));
    html.cell(&run.elsewhere.map_or("–".to_owned(), |elsewhere| format!("{elsewhere:+.2}")));
    html.cell(&format!("{:+.1}", run.z)).raw("<td>").text(state).raw("</tr>\n");
}

fn abilities(html: &mut Html, fit: &Fit, pool: &[&ModelFit]) {
    let note = "With 95 % intervals of what the outcomes leave open. Between models of different sources the errors of the sources' \
                places come on top.";
    let reach = Reach::of_models(pool);
    section(html, "Abilities of the pool", note, |html| {
        table_of_models(html, pool, reach);
        let others: Vec<&ModelFit> =
            fit.models.iter().filter(|model| !pool.iter().any(|known| known.name == model.name)).collect();
        if !others.is_empty() {
            html.raw("<details>\n<summary>").text(&count(others.len(), "more model"));
            html.raw(": modes of models, few outcomes, far from all others, or on a scale of their own</summary>\n");
            table_of_models(html, &others, reach);
            html.raw("</details>\n");
        }
    });
}

fn table_of_models(html: &mut Html, models: &[&ModelFit], reach: Reach) {
    html.raw(
        "<table class=\"bars\">\n<thead><tr><th>model<th class=\"num\">outcomes<th>ability<th class=\"num\">",
    );
    html.raw("<th class=\"num\">± error</tr></thead>\n<tbody>\n");
    for model in models {
        let ends = (model.ability - INTERVAL * model.se, model.ability + INTERVAL * model.se);
        html.raw("<tr><th scope=\"row\">").text(&model.name);
        html.cell(&grouped(model.items)).raw("<td class=\"wide\">");
        html.raw(&dot(reach.place(model.ability), (reach.place(ends.0), reach.place(ends.1))));
        html.cell(&format!("{:+.2}", model.ability)).cell(&format!("{:.3}", model.se)).raw("</tr>\n");
    }
    html.raw("</tbody>\n</table>\n");
}

fn diagnostics(html: &mut Html, fit: &Fit) {
    let (found, summary) = (&fit.convergence, &fit.summary);
    let rows = [
        (
            "converged",
            if found.converged { "yes" } else { "no" }.to_owned(),
            "a further step promises less than 0.05 of log likelihood",
        ),
        (
            "passes over the outcomes",
            found.passes.to_string(),
            "all rounds of leaving out broken runs together",
        ),
        (
            "log posterior",
            format!("{:.1}", found.objective),
            "marginal likelihood times priors, up to a constant",
        ),
        ("gain of a further step", format!("{:.4}", found.gain), "in units of log likelihood"),
        ("largest slope", format!("{:.4}", found.gradient), "in any parameter"),
        (
            "correlation of trials",
            format!("{:.2}", summary.trial_correlation),
            "of several answers of a model to one prompt; 1: they count as one",
        ),
        (
            "between sources",
            format!("{:.2}", summary.between_sources),
            "usual standard deviation of a model's ability from source to source",
        ),
        (
            "between groups, labels",
            format!("{:.2}, {:.2}", summary.between_groups, summary.between_labels),
            "the same for groups of tasks and for task labels",
        ),
        (
            "all right, all wrong",
            format!("{}, {}", grouped(summary.all_right), grouped(summary.all_wrong)),
            "prompts that every or no model solved: their difficulty is bounded on one side only",
        ),
        ("prompts at the end of the scale", grouped(summary.items_at_bounds), "difficulty beyond ±8"),
        ("models beyond ±4", summary.models_at_bounds.to_string(), "always right or always wrong"),
        (
            "prompts of flat tasks",
            grouped(summary.items_in_flat_blocks),
            "median discrimination below 0.3: their difficulties say little",
        ),
    ];
    section(html, "Diagnostics", "", |html| {
        html.raw("<table class=\"list\">\n<tbody>\n");
        for (name, value, meaning) in rows {
            html.raw("<tr><td>").text(name).cell(&value).raw("<td>").text(meaning).raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n");
    });
}

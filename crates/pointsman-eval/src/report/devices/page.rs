//! A report on devices as one page.

use super::super::html::parts::{self, Html, section};
use super::{plot, text};
use crate::devices::{Contender, DevicesReport};

/// The page.
#[must_use]
pub fn devices_page(report: &DevicesReport) -> String {
    let about = format!("{} · {}", report.machine.in_a_line(" · "), report.date);
    parts::page("Devices", &report.model, &about, |html| {
        tiles(html, report);
        curves(html, report);
        contenders(html, report);
        figures(html, report);
        laws(html, report);
    })
}

fn tiles(html: &mut Html, report: &DevicesReport) {
    let Some(first) = report.reference() else { return };
    html.raw("<div class=\"tiles\">\n");
    let most = first.figures.iter().max_by(|a, b| a.tokens_per_s.total_cmp(&b.tokens_per_s));
    if let Some(most) = most {
        let shape = format!("{} × {} tokens, {}", most.batch, most.length, first.name);
        html.tile(&format!("{:.0}", most.tokens_per_s), "tokens per second", &shape);
    }
    let alone = first.figures.iter().filter(|figure| figure.batch == 1);
    if let Some(longest) = alone.max_by_key(|figure| figure.length) {
        let within = format!("p99 {:.2} ms, {} tokens alone", 1e3 * longest.p99_s, longest.length);
        html.tile(&format!("{:.2} ms", 1e3 * longest.p50_s), "latency", &within);
    }
    if let Some(bytes) = first.peak_memory {
        html.tile(&format!("{} MiB", bytes >> 20), "memory", "the most of the process");
    }
    if let Some(seconds) = first.load_s {
        html.tile(&format!("{seconds:.2} s"), "load time", "from start to the first question");
    }
    html.raw("</div>\n");
}

fn curves(html: &mut Html, report: &DevicesReport) {
    let batches = report.reference().map(Contender::batches).unwrap_or_default();
    let legend = plot::legend(report);
    section(html, "By length", &legend, |html| {
        for batch in batches {
            html.raw("<div class=\"pair\">\n");
            let together = format!("{batch} together; dots are measured, lines are power laws");
            html.figure("Cost", &together, &plot::cost(report, batch));
            html.figure("Throughput", &format!("{batch} together"), &plot::throughput(report, batch));
            html.raw("</div>\n");
        }
    });
}

fn contenders(html: &mut Html, report: &DevicesReport) {
    let note = "Cosine of the output with the first one's, for the same prompt and weights. Memory is the most of the process; on \
                GPUs what it held at the end.";
    section(html, "Who was measured", note, |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>contender<th class=\"num\">load s");
        html.raw("<th class=\"num\">memory MiB<th class=\"num\">on GPUs<th class=\"num\">cosine</tr></thead>\n<tbody>\n");
        for contender in &report.contenders {
            html.raw("<tr><td>")
                .text(&contender.name)
                .raw("<p><code>")
                .text(&contender.command)
                .raw("</code></p>");
            if let Some(error) = &contender.error {
                html.raw("<p>failed: ").text(error).raw("</p>");
            }
            html.cell(&contender.load_s.map_or("–".to_owned(), |seconds| format!("{seconds:.2}")));
            for bytes in [contender.peak_memory, contender.gpu_memory] {
                html.cell(&bytes.map_or("–".to_owned(), |bytes| (bytes >> 20).to_string()));
            }
            html.cell(&contender.cosine.map_or("–".to_owned(), |cosine| format!("{cosine:.5}")));
            html.raw("</tr>\n");
        }
        html.raw("</tbody>\n</table>\n</div>\n");
        for device in &report.passed_over {
            html.raw("<p class=\"note\">")
                .text(&format!("{} was passed over: {}", device.name, device.reason));
            html.raw("</p>\n");
        }
    });
}

fn figures(html: &mut Html, report: &DevicesReport) {
    let note = "From token ids to the encoder's output. Times are relative to the first contender at the same batch and length: below 1 is \
                faster. Joules are those of the processor, and of all GPUs, for a thousand prompts.";
    section(html, "Every figure", note, |html| {
        html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr><th>contender");
        for column in [
            "batch",
            "tokens",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "prompts/s",
            "tokens/s",
            "times",
            "joules",
            "of GPUs",
            "runs",
        ] {
            html.raw("<th class=\"num\">").text(column);
        }
        html.raw("</tr></thead>\n<tbody>\n");
        for (batch, length) in text::shapes(report) {
            for contender in &report.contenders {
                row(html, report, contender, (batch, length));
            }
        }
        html.raw("</tbody>\n</table>\n</div>\n");
    });
}

fn row(html: &mut Html, report: &DevicesReport, contender: &Contender, (batch, length): (usize, usize)) {
    let Some(figure) = contender.figure(batch, length) else { return };
    let or_dash = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.2}"));
    html.raw("<tr><td>").text(&contender.name);
    html.cell(&batch.to_string());
    html.cell(&length.to_string());
    for seconds in [figure.p50_s, figure.p90_s, figure.p99_s] {
        html.cell(&format!("{:.3}", 1e3 * seconds));
    }
    html.cell(&format!("{:.1}", figure.prompts_per_s));
    html.cell(&format!("{:.0}", figure.tokens_per_s));
    html.cell(&or_dash(text::times(report, figure)));
    html.cell(&or_dash(figure.joules_per_1000));
    html.cell(&or_dash(figure.gpu_joules_per_1000));
    html.cell(&figure.runs.to_string());
    html.raw("</tr>\n");
}

fn laws(html: &mut Html, report: &DevicesReport) {
    if report.contenders.iter().all(|contender| contender.fits.is_empty()) {
        return;
    }
    let note = "Cost of a prompt = coefficient · tokens ^ exponent, by least squares of logarithms.";
    section(html, "How cost grows with length", note, |html| {
        html.raw("<table class=\"bars\">\n<thead><tr><th>contender<th class=\"num\">batch<th class=\"num\">coefficient µs");
        html.raw("<th class=\"num\">exponent<th class=\"num\">R²</tr></thead>\n<tbody>\n");
        for contender in &report.contenders {
            for fit in &contender.fits {
                html.raw("<tr><th scope=\"row\">").text(&contender.name);
                html.cell(&fit.batch.to_string());
                html.cell(&format!("{:.3}", 1e6 * fit.coefficient));
                html.cell(&format!("{:.2}", fit.exponent));
                html.cell(&format!("{:.3}", fit.r_squared));
                html.raw("</tr>\n");
            }
        }
        html.raw("</tbody>\n</table>\n");
    });
}

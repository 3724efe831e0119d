//! An audit as one page that needs nothing else.

use super::outline::{Part, outline};
use crate::audit::{Report, SignOff};
use crate::report::html::parts::{Html, page, section};

/// The report as HTML.
#[must_use]
pub fn audit_page(report: &Report, sign_off: &SignOff) -> String {
    let about = format!("{} records", report.records);
    page("Neutrality audit", "Is anybody favoured?", &about, |html| {
        for part in outline(report, sign_off) {
            section(html, part.title, "", |html| content(html, &part));
        }
    })
}

fn content(html: &mut Html, part: &Part) {
    for sentence in &part.text {
        html.raw("<p>").text(sentence).raw("</p>\n");
    }
    if part.rows.is_empty() {
        return;
    }
    html.raw("<div class=\"scroll\">\n<table class=\"list\">\n<thead><tr>");
    for head in &part.heads {
        html.raw("<th>").text(head);
    }
    html.raw("</tr></thead>\n<tbody>\n");
    for row in &part.rows {
        html.raw("<tr>");
        for cell in row {
            html.raw("<td>").text(cell);
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody>\n</table>\n</div>\n");
}

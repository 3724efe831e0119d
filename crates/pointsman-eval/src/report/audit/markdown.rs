//! An audit as Markdown.

use std::fmt::Write as _;

use super::outline::outline;
use crate::audit::{Report, SignOff};

/// The report as Markdown.
#[must_use]
pub fn audit_markdown(report: &Report, sign_off: &SignOff) -> String {
    let mut text = "# Neutrality audit\n".to_owned();
    for part in outline(report, sign_off) {
        let _ = write!(text, "\n## {}\n", part.title);
        for sentence in &part.text {
            let _ = write!(text, "\n{sentence}\n");
        }
        if part.rows.is_empty() {
            continue;
        }
        let _ = write!(text, "\n| {} |\n|{}\n", part.heads.join(" | "), "---|".repeat(part.heads.len()));
        for row in &part.rows {
            let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

/// A cell whose text is no markup: names come from a file that others may have written.
fn escaped(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    for c in cell.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' => text.extend(['\\', c]),
            '\n' | '\r' => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

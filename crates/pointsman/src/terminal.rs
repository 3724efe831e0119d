//! What a person sees: colours, and progress of long work.

use std::io::IsTerminal;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A label or a model.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default().bold();
/// What is said beside the answer.
pub(crate) const ASIDE: Style = Style::new().dimmed();
/// Something that stops work.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Something to look at.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// All is well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// `text` in `style`; anstream strips the codes where they are not wanted.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A bar on standard error that shows rate and time left; it draws nothing when standard error is not a terminal.
pub(crate) fn progress(total: Option<u64>, unit: &str) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::new_spinner(),
    };
    let template = if total.is_some() {
        format!(
            "{{msg}} {{wide_bar:.cyan/dim}} {{human_pos}}/{{human_len}} {unit} · {{per_sec}} · {{eta}} left"
        )
    } else {
        format!("{{spinner}} {{msg}} {{human_pos}} {unit} · {{per_sec}}")
    };
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    if std::io::stderr().is_terminal() {
        bar.enable_steady_tick(Duration::from_millis(200));
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

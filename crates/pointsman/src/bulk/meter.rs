//! How far it is, for people.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::checkpoint::Checkpoint;

/// How often a line is printed where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Steps of the bar.
const STEPS: f64 = 1000.0;

/// Rows, rate and time left: a bar on a terminal; on request a line now and then elsewhere; else nothing.
pub(super) struct Meter {
    bar: ProgressBar,
    lines: bool,
    began: Instant,
    last_line: Instant,
    first_rows: u64,
    first_share: Option<f64>,
}

impl Meter {
    #[expect(clippy::disallowed_methods, reason = "progress is about time")]
    pub(super) fn new(asked_for: bool, from: &Checkpoint) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::new(STEPS as u64);
        let style = ProgressStyle::with_template("{wide_bar:.cyan/dim} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        if terminal {
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let (began, lines) = (Instant::now(), asked_for && !terminal);
        Self { bar, lines, began, last_line: began, first_rows: from.rows, first_share: None }
    }

    /// `rows` are answered, and with them this share of the input.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the steps")]
    pub(super) fn at(&mut self, rows: u64, share: Option<f64>) {
        let elapsed = self.began.elapsed();
        // What an earlier run did says nothing about this one's pace; nor does the first window, which fills the stages.
        let first = *self.first_share.get_or_insert(share.unwrap_or(0.0));
        let text = text(rows, rows - self.first_rows, share.map(|share| (first, share)), elapsed);
        if let Some(share) = share {
            self.bar.set_position((share * STEPS) as u64);
        }
        self.bar.set_message(text.clone());
        if self.lines && self.last_line.elapsed() >= LINE_EVERY {
            self.say(&text);
        }
    }

    /// Shows `text` in place of the figures.
    #[expect(clippy::disallowed_methods, reason = "progress is about time")]
    pub(super) fn say(&mut self, text: &str) {
        self.bar.set_message(text.to_owned());
        if self.lines {
            self.last_line = Instant::now();
            anstream::eprintln!("{text}");
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// "12,345 rows · 1,020 rows/s · 12 % · 3 min left": `rows` of all, `done` of them in this run in `elapsed`, and the share of
/// the input at the first look and now.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn text(rows: u64, done: u64, shares: Option<(f64, f64)>, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let mut text = format!("{} rows · {:.0} rows/s", grouped(rows), done as f64 / seconds);
    if let Some((first, now)) = shares {
        text += &format!(" · {:.0} %", 100.0 * now);
        if now > first {
            text += &format!(" · {} left", span(seconds * (1.0 - now) / (now - first)));
        }
    }
    text
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span in the two units that matter.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a span is not negative")]
fn span(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_are_those_of_this_run() {
        let at = |rows, done, shares| text(rows, done, shares, Duration::from_secs(10));
        assert_eq!(at(1_234_567, 1000, Some((0.5, 0.6))), "1,234,567 rows · 100 rows/s · 60 % · 40 s left");
        assert_eq!(at(10, 10, None), "10 rows · 1 rows/s");
        assert_eq!(at(10, 10, Some((0.1, 0.1))), "10 rows · 1 rows/s · 10 %");
        assert_eq!(
            (span(59.4), span(61.0), span(7322.0)),
            ("59 s".into(), "1 min 01 s".into(), "2 h 02 min".into())
        );
        assert_eq!((grouped(0), grouped(999), grouped(1000)), ("0".into(), "999".into(), "1,000".into()));
    }
}

//! The pieces that the page is put together from.

/// A page in the making. Text is escaped; only [`Html::raw`] is not.
#[derive(Debug, Default)]
pub(in crate::report) struct Html(String);

impl Html {
    /// Adds markup as it is.
    pub(in crate::report) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, in an element or a quoted attribute.
    pub(in crate::report) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Adds a table cell that holds a number.
    pub(in crate::report) fn cell(&mut self, number: &str) -> &mut Self {
        self.raw("<td class=\"num\">").text(number)
    }

    /// Adds a headline figure with its name and a remark.
    pub(in crate::report) fn tile(&mut self, figure: &str, name: &str, remark: &str) {
        self.raw("<div class=\"tile\"><b>").text(figure).raw("</b><span>").text(name);
        self.raw("</span><small>").text(remark).raw("</small></div>\n");
    }

    /// Adds a picture with its caption.
    pub(in crate::report) fn figure(&mut self, title: &str, remark: &str, svg: &str) {
        self.raw("<figure>\n<figcaption><b>").text(title).raw("</b> ").text(remark).raw("</figcaption>\n");
        self.raw(svg).raw("</figure>\n");
    }

    pub(in crate::report) fn into_string(self) -> String {
        self.0
    }
}

const STYLE: &str = include_str!("style.css");

/// A whole page: `kind` says what sort of report it is, `name` what it is of, `about` on what.
pub(in crate::report) fn page(
    kind: &str,
    name: &str,
    about: &str,
    content: impl FnOnce(&mut Html),
) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    html.text(&format!("{name} on {about}"));
    html.raw("</title>\n<style>\n").raw(STYLE).raw("</style>\n</head>\n<body>\n<main>\n");
    html.raw("<header>\n<p class=\"kind\">").text(kind).raw("</p>\n<h1>").text(name);
    html.raw("</h1>\n<p class=\"about\">").text(about).raw("</p>\n</header>\n");
    content(&mut html);
    html.raw("</main>\n</body>\n</html>\n");
    html.into_string()
}

/// Adds a part of the page under its heading.
pub(in crate::report) fn section(html: &mut Html, title: &str, note: &str, content: impl FnOnce(&mut Html)) {
    html.raw("<section>\n<h2>").text(title).raw("</h2>\n");
    if !note.is_empty() {
        html.raw("<p class=\"note\">").text(note).raw("</p>\n");
    }
    content(html);
    html.raw("</section>\n");
}

/// A bar of length `share` (0–1), with a whisker from `interval` if there is one.
pub(in crate::report) fn bar(share: f64, interval: Option<(f64, f64)>) -> String {
    let percent = |share: f64| format!("{:.1}%", share.clamp(0.0, 1.0) * 100.0);
    let whisker = interval.map_or(String::new(), |(low, high)| {
        format!("<s style=\"left:{};right:{}\"></s>", percent(low), percent(1.0 - high))
    });
    format!("<i class=\"bar\"><u style=\"width:{}\"></u>{whisker}</i>", percent(share))
}

/// A dot at `value` on a line, with a whisker over `interval`; all are places from 0 (left) to 1.
pub(in crate::report) fn dot(value: f64, (low, high): (f64, f64)) -> String {
    let percent = |place: f64| format!("{:.1}%", place.clamp(0.0, 1.0) * 100.0);
    let whisker = format!("<s style=\"left:{};right:{}\"></s>", percent(low), percent(1.0 - high));
    format!("<i class=\"dots\">{whisker}<u style=\"left:{}\"></u></i>", percent(value))
}

//! The pieces that the page is put together from.

/// A page in the making. Text is escaped; only [`Html::raw`] is not.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds markup as it is.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, in an element or a quoted attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
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
    pub(super) fn cell(&mut self, number: &str) -> &mut Self {
        self.raw("<td class=\"num\">").text(number)
    }

    /// Adds a headline figure with its name and a remark.
    pub(super) fn tile(&mut self, figure: &str, name: &str, remark: &str) {
        self.raw("<div class=\"tile\"><b>").text(figure).raw("</b><span>").text(name);
        self.raw("</span><small>").text(remark).raw("</small></div>\n");
    }

    /// Adds a picture with its caption.
    pub(super) fn figure(&mut self, title: &str, remark: &str, svg: &str) {
        self.raw("<figure>\n<figcaption><b>").text(title).raw("</b> ").text(remark).raw("</figcaption>\n");
        self.raw(svg).raw("</figure>\n");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Adds a part of the page under its heading.
pub(super) fn section(html: &mut Html, title: &str, note: &str, content: impl FnOnce(&mut Html)) {
    html.raw("<section>\n<h2>").text(title).raw("</h2>\n");
    if !note.is_empty() {
        html.raw("<p class=\"note\">").text(note).raw("</p>\n");
    }
    content(html);
    html.raw("</section>\n");
}

/// A bar of length `share` (0–1), with a whisker from `interval` if there is one.
pub(super) fn bar(share: f64, interval: Option<(f64, f64)>) -> String {
    let percent = |share: f64| format!("{:.1}%", share.clamp(0.0, 1.0) * 100.0);
    let whisker = interval.map_or(String::new(), |(low, high)| {
        format!("<s style=\"left:{};right:{}\"></s>", percent(low), percent(1.0 - high))
    });
    format!("<i class=\"bar\"><u style=\"width:{}\"></u>{whisker}</i>", percent(share))
}

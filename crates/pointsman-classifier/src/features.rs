//! What can be counted in a text without understanding it.
//!
//! These figures go beside the encoder's representation where difficulty is learnt from outcomes: the encoder reads a
//! window, these count what lies beyond it too, and what they say carries over to kinds of prompts that no outcomes are of.

use std::collections::HashSet;

/// How many figures there are.
pub const FEATURES: usize = 26;

/// The figures' names, in order. Counts are on a scale of `ln(1 + count)`.
pub const FEATURE_NAMES: [&str; FEATURES] = [
    "log_chars",
    "log_words",
    "log_lines",
    "mean_word_chars",
    "digit_share",
    "log_numbers",
    "longest_number_digits",
    "log_operators",
    "log_latex_marks",
    "log_code_marks",
    "ends_with_question",
    "log_questions",
    "log_constraints",
    "log_options",
    "log_list_items",
    "capital_share",
    "non_ascii_share",
    "log_sentences",
    "log_question_words",
    "log_question_distinct_words",
    "log_question_distinct_chars",
    "log_question_signs",
    "log_option_chars",
    "log_distinct_signs",
    "log_last_line_chars",
    "log_sign_run",
];

/// Place of the words of the question among the figures.
pub const QUESTION_WORDS: usize = 18;

/// Bytes of a text that are counted; on a logarithmic scale more would say little.
const COUNTED: usize = 16 << 10;

/// Lines that look like answers from which on they are taken for the answers of a multiple-choice question.
const OPTIONS: usize = 3;

/// The figures of `text`, in the order of [`FEATURE_NAMES`]; finite for every text.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "counts and shares are reported as f32")]
pub fn features(text: &str) -> [f32; FEATURES] {
    let text = &text[..text.floor_char_boundary(COUNTED)];
    let signs = Signs::of(text);
    let question = Question::of(text);
    let words = text.split_whitespace().count();
    let share = |count: usize| count as f64 / signs.chars.max(1) as f64;
    let log = |count: usize| (count as f64).ln_1p();
    let figures = [
        log(signs.chars),
        log(words),
        log(text.lines().count()),
        (signs.chars - signs.spaces) as f64 / words.max(1) as f64,
        share(signs.digits),
        log(signs.numbers),
        log(signs.longest_number),
        log(signs.operators),
        log(signs.latex),
        log(signs.code),
        f64::from(u8::from(text.trim_end().ends_with(['?', '？', '؟']))),
        log(signs.questions),
        log(text.split(|c: char| !c.is_alphanumeric()).filter(|word| constrains(word)).count()),
        log(text.lines().filter(|line| is_option(line)).count()),
        log(text.lines().filter(|line| is_list_item(line)).count()),
        share(signs.capitals),
        share(signs.non_ascii),
        log(signs.sentences),
        log(question.words),
        log(question.distinct_words),
        log(question.distinct_chars),
        log(question.signs),
        log(question.option_chars),
        log(signs.distinct_signs),
        log(text.lines().rev().find(|line| !line.trim().is_empty()).map_or(0, |line| line.chars().count())),
        log(signs.longest_run),
    ];
    // A single word of a whole file of base64 should not outweigh every other figure.
    figures.map(|figure| figure.min(20.0) as f32)
}

/// Counts of characters by kind.
#[derive(Default)]
struct Signs {
    chars: usize,
    spaces: usize,
    digits: usize,
    numbers: usize,
    longest_number: usize,
    operators: usize,
    latex: usize,
    code: usize,
    questions: usize,
    capitals: usize,
    non_ascii: usize,
    sentences: usize,
    /// Different characters that are neither letters, digits nor space.
    distinct_signs: usize,
    /// Most of them in a row.
    longest_run: usize,
}

impl Signs {
    fn of(text: &str) -> Self {
        let mut signs = Self::default();
        let (mut number, mut run) = (0, 0);
        let mut seen = HashSet::new();
        let mut previous = ' ';
        for c in text.chars() {
            signs.chars += 1;
            signs.spaces += usize::from(c.is_whitespace());
            signs.capitals += usize::from(c.is_uppercase());
            signs.non_ascii += usize::from(!c.is_ascii());
            if c.is_ascii_digit() {
                signs.digits += 1;
                signs.numbers += usize::from(number == 0);
                number += 1;
                signs.longest_number = signs.longest_number.max(number);
            } else {
                number = 0;
            }
            if is_sign(c) {
                run += 1;
                signs.longest_run = signs.longest_run.max(run);
                seen.insert(c);
            } else {
                run = 0;
            }
            match c {
                '+' | '*' | '/' | '=' | '^' | '<' | '>' | '×' | '÷' | '±' | '≤' | '≥' | '≠' | '√' | '∑'
                | '∫' | '−' | '·' => signs.operators += 1,
                '{' | '}' | ';' | '[' | ']' | '_' | '`' => signs.code += 1,
                '?' | '？' | '؟' => signs.questions += 1,
                '$' => signs.latex += 1,
                _ => {}
            }
            signs.latex += usize::from(previous == '\\' && c.is_ascii_alphabetic());
            let ends_sentence = matches!(previous, '.' | '!' | '?') && c.is_whitespace();
            signs.sentences += usize::from(ends_sentence || matches!(c, '。' | '！' | '？'));
            previous = c;
        }
        signs.distinct_signs = seen.len();
        signs
    }
}

/// What is asked, without the answers of a multiple-choice question: they make a text long and a question easier.
struct Question {
    words: usize,
    distinct_words: usize,
    distinct_chars: usize,
    /// Characters that are neither letters nor space.
    signs: usize,
    option_chars: usize,
}

impl Question {
    fn of(text: &str) -> Self {
        let options = || text.lines().filter(|line| is_option(line));
        let first = options().next().map_or(0, |line| line.as_ptr() as usize - text.as_ptr() as usize);
        let chooses = options().count() >= OPTIONS && first > 0;
        let asked = if chooses { &text[..first] } else { text };
        let letters = |word: &str| word.chars().flat_map(char::to_lowercase).collect::<String>();
        let words = asked.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        Self {
            words: asked.split_whitespace().count(),
            distinct_words: words.map(letters).collect::<HashSet<_>>().len(),
            distinct_chars: asked.chars().collect::<HashSet<_>>().len(),
            signs: asked.chars().filter(|c| !c.is_alphabetic() && !c.is_whitespace()).count(),
            option_chars: if chooses { options().map(|line| line.chars().count()).sum() } else { 0 },
        }
    }
}

fn is_sign(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && c != '_'
}

/// Words that narrow what counts as an answer.
fn constrains(word: &str) -> bool {
    const WORDS: [&str; 16] = [
        "all", "any", "at", "each", "every", "exactly", "except", "least", "maximum", "minimum", "most",
        "must", "no", "not", "only", "without",
    ];
    WORDS.iter().any(|constraint| word.eq_ignore_ascii_case(constraint))
}

/// `A. …`, `B) …`, `(C) …`: an answer of a multiple-choice question, A to J.
fn is_option(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix('(').unwrap_or(line);
    let mut chars = line.chars();
    matches!(chars.next(), Some('A'..='J')) && matches!(chars.next(), Some('.' | ')' | ':'))
}

/// `- …`, `* …`, `3. …`, `3) …`.
fn is_list_item(line: &str) -> bool {
    let line = line.trim_start();
    if ["- ", "* ", "• "].iter().any(|mark| line.starts_with(mark)) {
        return true;
    }
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && (rest.starts_with(". ") || rest.starts_with(") "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The figures that are not 0, by name, with counts off their logarithmic scale.
    fn seen(text: &str) -> Vec<(&'static str, f32)> {
        let named = FEATURE_NAMES.into_iter().zip(features(text)).filter(|(_, figure)| *figure != 0.0);
        let plain = |name: &str, figure: f32| {
            let counted = name.starts_with("log_") || name == "longest_number_digits";
            (if counted { figure.exp_m1() } else { figure } * 1e3).round() / 1e3
        };
        named.map(|(name, figure)| (name, plain(name, figure))).collect()
    }

    #[test]
    fn figures_by_hand() {
        assert_eq!(
            seen("What is 17*2300 + 4?"),
            [
                ("log_chars", 20.0),
                ("log_words", 5.0),
                ("log_lines", 1.0),
                ("mean_word_chars", 3.2),
                ("digit_share", 0.35),
                ("log_numbers", 3.0),
                ("longest_number_digits", 4.0),
                ("log_operators", 2.0),
                ("ends_with_question", 1.0),
                ("log_questions", 1.0),
                ("capital_share", 0.05),
                ("log_question_words", 5.0),
                ("log_question_distinct_words", 2.0),
                ("log_question_distinct_chars", 16.0),
                ("log_question_signs", 10.0),
                ("log_distinct_signs", 3.0),
                ("log_last_line_chars", 20.0),
                ("log_sign_run", 1.0),
            ]
        );
        let of = |text: &str, name: &str| {
            seen(text).iter().find(|(own, _)| *own == name).map_or(0.0, |(_, figure)| *figure)
        };
        for (text, name, figure) in [
            ("Pick one.\nA. red\n(B) blue\nC) green\nAt noon", "log_options", 3.0),
            ("- a\n* b\n3. c\n12) d\n1.5 litres\n-e", "log_list_items", 4.0),
            ("Use exactly two words, and not ONE must be long.", "log_constraints", 3.0),
            ("\\frac{a}{b} costs $5", "log_latex_marks", 2.0),
            ("fn main() { let a_b = [1]; }", "log_code_marks", 6.0),
            ("One. Two! Three? Four", "log_sentences", 3.0),
            ("naïve 漢字？", "non_ascii_share", 0.444),
            ("何ですか？\n", "ends_with_question", 1.0),
            ("Pick one now.\nA. red\nB. blue\nC. green", "log_question_words", 3.0),
            ("Pick one now.\nA. red\nB. blue\nC. green", "log_option_chars", 21.0),
            ("A. red\nB. blue\nC. green", "log_question_words", 6.0),
            ("Not these:\nA. red\nB. blue", "log_option_chars", 0.0),
            ("one\n\nthree?!…\n \n", "log_last_line_chars", 8.0),
            ("one\n\nthree?!…\n \n", "log_sign_run", 3.0),
        ] {
            assert_eq!(of(text, name), figure, "{text}");
        }
    }

    #[test]
    fn nothing_has_no_figures() {
        assert_eq!(features(""), [0.0; FEATURES]);
        assert!(features(&"A".repeat(1_000_000)).iter().all(|figure| *figure <= 20.0));
    }

    proptest! {
        #[test]
        fn every_text_has_finite_figures(text in any::<String>()) {
            prop_assert!(features(&text).iter().all(|figure| figure.is_finite() && *figure >= 0.0));
        }
    }
}

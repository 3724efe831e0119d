//! Texts that nobody would write, made of those that the fuzz target `config` begins with.

use std::fs;

use super::*;

/// Values that few keys expect.
const ODD: [&str; 5] = ["-1", "nan", "\"\\u0000é\"", "[[]]", "1979-05-27"];

/// Reads `text` as `pointsman check` does; a text that names a file of abilities is passed over, for it would be read.
fn check(text: &str) {
    let source = Source::new("pointsman.toml", text);
    if abilities::path(&Document::parse(&source)).is_some() {
        return;
    }
    let (config, _) = Config::read(source);
    let (policy, said) = config.check(&Vocabulary::standard());
    let has_errors = said.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(policy.is_some(), !has_errors, "{said:#?} in\n{text}");
    // What is said must be sayable, whatever the text holds.
    assert!(said.iter().all(|found| !format!("{found:#}").is_empty()), "{text}");
}

/// `text` with `line`, which is the one at `at`, as something else.
fn with_line(text: &str, at: usize, line: &str) -> String {
    let lines = text.lines().enumerate().map(|(index, own)| if index == at { line } else { own });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn any_text_is_read_and_usable_exactly_if_nothing_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/config");
    let mut files = 0;
    for file in fs::read_dir(folder).expect("a corpus") {
        let text = fs::read_to_string(file.expect("readable").path()).expect("text");
        check(&text);
        for (at, line) in text.lines().enumerate() {
            check(&with_line(&text, at, ""));
            check(&with_line(&text, at, &line.chars().take(line.chars().count() / 2).collect::<String>()));
            let Some((key, _)) = line.split_once('=') else { continue };
            for odd in ODD {
                check(&with_line(&text, at, &format!("{key}= {odd}")));
            }
        }
        files += 1;
    }
    assert!(files > 1, "the corpus is there");
}

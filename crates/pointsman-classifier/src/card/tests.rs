use std::collections::BTreeMap;

use pointsman_domain::Task;

use super::*;
use crate::calibration::AbilityCalibration;
use crate::engine::Arithmetic;

fn card() -> Card {
    let table = |text: &str| toml::from_str(text).expect("TOML");
    Card {
        name: "pointsman-tiny".to_owned(),
        version: "0.1.0".to_owned(),
        tagging: Tagging::Labels1,
        licence: "Apache-2.0 OR MIT".to_owned(),
        window: 256,
        encoder: EncoderConfig {
            vocab: 30522,
            hidden: 384,
            layers: 6,
            heads: 12,
            intermediate: 1536,
            max_positions: 512,
            type_vocab: 2,
            layer_norm_eps: 1e-12,
        },
        pooling: Pooling::Mean,
        difficulty_layers: vec![0, 3, 6],
        difficulty_counts: [("log_words".to_owned(), 0.5)]
            .into_iter()
            .collect::<BTreeMap<_, _>>()
            .try_into()
            .expect("known"),
        vocabulary: Vocabulary::standard(),
        calibration: Calibration {
            temperature: 1.25,
            abstain_below: 0.35,
            ability: AbilityCalibration { scale: 1.5, shift: -0.25, residual_sd: 0.75 },
        },
        scripts: vec![Script::Latin],
        languages: vec!["en".parse().expect("a code"), "de".parse().expect("a code")],
        backbone: Backbone {
            name: "encoder".to_owned(),
            source: "hf:org/encoder".to_owned(),
            licence: "Apache-2.0".to_owned(),
            attribution: "Its authors".to_owned(),
        },
        files: FileHashes::of(b"weights", b"tokenizer"),
        recipe: table("seed = 7\n[fit]\nepochs = 3"),
        data: table("rows = 5798"),
        scores: table("[dev]\ntask_accuracy = 0.73"),
        gates: vec![Gate { flips: 1, ..Gate::perfect(Arithmetic::Int16, 1000) }],
    }
}

/// The card with each `(from, to)` replaced in its text.
fn parse_with(replacements: &[(&str, &str)]) -> Result<Card, CardError> {
    let mut text = card().to_toml().expect("valid");
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    Card::parse(&text)
}

#[test]
fn what_is_written_is_read_back() {
    let text = card().to_toml().expect("valid");
    insta::assert_snapshot!(text);
    assert_eq!(Card::parse(&text), Ok(card()));
}

#[test]
fn a_model_may_have_labels_of_its_own() {
    let task = |name| Task::new(name).expect("well formed");
    let own = Card {
        tagging: Tagging::Custom,
        vocabulary: Vocabulary::new([task("billing"), task("outage")]).expect("two labels"),
        scripts: Vec::new(),
        languages: Vec::new(),
        ..card()
    };
    assert_eq!(Card::parse(&own.to_toml().expect("valid")), Ok(own.clone()));
    let error = Card { tagging: Tagging::Labels1, ..own }.to_toml().expect_err("not the standard labels");
    assert_eq!(error.field, "tagging");
}

#[test]
fn a_faulty_card_is_refused_with_the_field_and_the_remedy() {
    let message = |replacements: &[(&str, &str)]| parse_with(replacements).expect_err("faulty").to_string();
    insta::assert_snapshot!(message(&[("window = 256", "window = 600")]), @"card.toml: `window`: 600 tokens; it must be at least 16 and at most the encoder's 512 positions");
    insta::assert_snapshot!(message(&[("heads = 12", "heads = 10")]), @"card.toml: `encoder.heads`: 10 heads do not share a width of 384 evenly; copy it from the backbone's config.json");
    for wrong in ["[3, 0, 6]", "[0, 3]", "[]", "[6, 7]"] {
        assert!(
            message(&[("difficulty_layers = [0, 3, 6]", &format!("difficulty_layers = {wrong}"))])
                .contains("end with 6")
        );
    }
    insta::assert_snapshot!(message(&[("\nlayers = 6", "\nlayers = 0")]), @"card.toml: `encoder.layers`: it is 0; copy it from the backbone's config.json");
    insta::assert_snapshot!(message(&[("temperature = 1.25", "temperature = 0.0")]), @"card.toml: `calibration.temperature`: 0 is out of range; it must be above 0");
    insta::assert_snapshot!(message(&[("residual_sd = 0.75", "residual_sd = nan")]), @"card.toml: `calibration.ability.residual_sd`: NaN is out of range; it must be above 0");
    insta::assert_snapshot!(message(&[("version = \"0.1.0\"", "version = \"\"")]), @"card.toml: `version`: it is empty; say what the model is");
    insta::assert_snapshot!(message(&[("name = \"open_qa\"", "name = \"chat\"")]), @"card.toml: `labels`: task `chat` is listed twice; list each label once");
    insta::assert_snapshot!(message(&[("name = \"open_qa\"", "name = \"quiz\"")]), @r#"card.toml: `tagging`: `labels/1` stands for the seventeen standard labels in their order, and `labels` has others; write `tagging = "custom"` for labels of your own"#);
    insta::assert_snapshot!(message(&[("window = 256", "windows = 256")]), @r#"
        card.toml: TOML parse error at line 5, column 1
          |
        5 | windows = 256
          | ^^^^^^^
        unknown field `windows`, expected one of `name`, `version`, `tagging`, `licence`, `window`, `pooling`, `difficulty_layers`, `difficulty_counts`, `scripts`, `languages`, `encoder`, `calibration`, `backbone`, `files`, `labels`, `recipe`, `data`, `scores`, `gates`
        "#);
    insta::assert_snapshot!(message(&[("pooling = \"mean\"", "pooling = \"cls\"")]), @r#"
        card.toml: TOML parse error at line 6, column 11
          |
        6 | pooling = "cls"
          |           ^^^^^
        unknown variant `cls`, expected `mean`
        "#);
    insta::assert_snapshot!(message(&[("\"latin\"", "\"latn\"")]), @r#"
        card.toml: TOML parse error at line 8, column 11
          |
        8 | scripts = ["latn"]
          |           ^^^^^^^^
        `latn` is not a script, did you mean `latin`; use a Unicode script name in lower case, such as latin or cyrillic
        "#);
    insta::assert_snapshot!(message(&[("\"de\"", "\"en\"")]), @"card.toml: `languages`: `en` is listed twice; list each language once");
    let no_code = message(&[("\"de\"", "\"German\"")]);
    assert!(no_code.contains("languages = [") && no_code.contains("`German` is not a language"), "{no_code}");
    let unknown =
        parse_with(&[("log_words = 0.5", "log_wards = 0.5")]).expect_err("no such figure").to_string();
    assert!(
        unknown.contains("`log_wards` is not a figure that is counted; choose from log_chars, "),
        "{unknown}"
    );
}

#[test]
fn hashes_are_hexadecimal() {
    // The digest of the empty string, from FIPS 180-4's examples.
    let hash = FileHash::of(b"");
    assert_eq!(hash.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for text in ["", "e3b0", &"g".repeat(64), &"é".repeat(32)] {
        assert!(text.parse::<FileHash>().is_err(), "{text}");
    }
}

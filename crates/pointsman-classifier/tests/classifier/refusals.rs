//! Files that contradict one another.

use candle_core::{Device, Tensor};
use pointsman_classifier::weights::Tensors;
use pointsman_classifier::{Card, Classifier, EncoderConfig, LoadError, ModelFiles, Tagging};
use pointsman_domain::{Task, Vocabulary};

use crate::tiny;

fn refusal(files: &ModelFiles) -> LoadError {
    Classifier::load(files, &Device::Cpu).expect_err("refused")
}

fn with_tensors(tensors: &Tensors) -> ModelFiles {
    tiny::files_of(tiny::card(), tensors)
}

#[test]
fn a_file_of_another_model_is_refused() {
    let files = tiny::files();
    let mut weights = files.weights.to_vec();
    *weights.last_mut().expect("not empty") ^= 1;
    let message = refusal(&ModelFiles { weights: weights.into(), ..files.clone() }).to_string();
    assert!(
        message.starts_with("card.toml: `files.\"model.safetensors\"` is ")
            && message.contains("fetch both anew"),
        "{message}"
    );
    let message = refusal(&ModelFiles { tokenizer: b"{}".into(), ..files.clone() }).to_string();
    assert!(message.starts_with("card.toml: `files.\"tokenizer.json\"` is "), "{message}");
    insta::assert_snapshot!(refusal(&ModelFiles { card: b"name = 3".into(), ..files.clone() }), @r#"
        card.toml: TOML parse error at line 1, column 8
          |
        1 | name = 3
          |        ^
        invalid type: integer `3`, expected a string
        "#);
    insta::assert_snapshot!(refusal(&ModelFiles { card: b"\xFF".into(), ..files }), @"card.toml: it is not UTF-8; fetch the model anew");
}

#[test]
fn labels_that_the_head_does_not_have_are_refused() {
    let tasks = ["one", "two", "three"].map(|name| Task::new(name).expect("well formed"));
    let card = Card {
        tagging: Tagging::Custom,
        vocabulary: Vocabulary::new(tasks).expect("three labels"),
        ..tiny::card()
    };
    insta::assert_snapshot!(refusal(&tiny::files_with(card)), @"card.toml: `labels` lists 3 labels, but the task head has 17 rows; list the labels that the model was trained on, in their order");
}

#[test]
fn another_architecture_is_refused() {
    let encoder = |encoder: EncoderConfig| {
        let difficulty_layers = vec![0, encoder.layers];
        refusal(&tiny::files_with(Card { encoder, difficulty_layers, ..tiny::card() }))
    };
    let last_only = tiny::files_with(Card { difficulty_layers: vec![2], ..tiny::card() });
    insta::assert_snapshot!(refusal(&last_only), @"card.toml: `difficulty_layers` asks for [1, 32] as the shape of `difficulty.weight`, but the weights have [1, 64]; name the layers that the head was trained on");
    insta::assert_snapshot!(encoder(EncoderConfig { intermediate: 128, ..tiny::encoder() }), @"card.toml: `encoder` asks for [128, 32] as the shape of `encoder.layer.0.intermediate.dense.weight`, but the weights have [64, 32]; copy the shape from the backbone's config.json");
    insta::assert_snapshot!(encoder(EncoderConfig { layers: 3, ..tiny::encoder() }), @"card.toml: `encoder` asks for a tensor `encoder.layer.2.attention.self.query.weight`, which the weights do not have; the card describes another model, or the weights are incomplete");
    insta::assert_snapshot!(encoder(EncoderConfig { vocab: 50, ..tiny::encoder() }), @"card.toml: `encoder.vocab` is 50, but the tokenizer knows 1102 tokens; use the tokenizer that the model was trained with");
}

#[test]
fn missing_and_misshapen_tensors_are_named() {
    let mut tensors = tiny::tensors();
    tensors.remove("difficulty.bias");
    insta::assert_snapshot!(refusal(&with_tensors(&tensors)), @"card.toml: `encoder` asks for a tensor `difficulty.bias`, which the weights do not have; the card describes another model, or the weights are incomplete");
    let wrong = Tensor::zeros((2, 32), candle_core::DType::F32, &Device::Cpu).expect("a tensor");
    tensors.insert("difficulty.bias".to_owned(), wrong);
    insta::assert_snapshot!(refusal(&with_tensors(&tensors)), @"card.toml: `difficulty_layers` asks for [1] as the shape of `difficulty.bias`, but the weights have [2, 32]; name the layers that the head was trained on");
}

#[test]
fn languages_need_a_head_of_their_own() {
    let with = |tensors: &Tensors| {
        let card = Card { languages: vec!["en".parse().expect("a code")], ..tiny::card() };
        refusal(&tiny::files_of(card, tensors))
    };
    let mut tensors = tiny::tensors();
    insta::assert_snapshot!(with(&tensors), @"card.toml: `languages` asks for a tensor `language.weight`, which the weights do not have; the card describes another model, or the weights are incomplete");
    let last_alone = tensors["difficulty.weight"].narrow(1, 0, 32).expect("32 of 64 columns");
    tensors.insert("language.weight".to_owned(), last_alone);
    tensors.insert("language.bias".to_owned(), tensors["difficulty.bias"].clone());
    insta::assert_snapshot!(with(&tensors), @"card.toml: `languages` asks for [1, 64] as the shape of `language.weight`, but the weights have [1, 32]; fit their head to the layers that the difficulty head reads, or list none");
}

#[test]
fn a_tokenizer_with_more_tokens_than_embeddings_is_refused() {
    let mut tensors = tiny::tensors();
    let words = "embeddings.word_embeddings.weight";
    let fewer = tensors[words].narrow(0, 0, 500).expect("500 of 1200 rows");
    tensors.insert(words.to_owned(), fewer);
    let card = Card { encoder: EncoderConfig { vocab: 500, ..tiny::encoder() }, ..tiny::card() };
    insta::assert_snapshot!(refusal(&tiny::files_of(card, &tensors)), @"card.toml: `encoder.vocab` is 500, but the tokenizer knows 1102 tokens; use the tokenizer that the model was trained with");
}

//! A model small enough to make in a test.

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use pointsman_classifier::weights::{self, Tensors};
use pointsman_classifier::{
    Backbone, Calibration, Card, EncoderConfig, FileHashes, Model, ModelFiles, Pooling, Tagging,
};
use pointsman_domain::Vocabulary;
use serde_json::{Value, json};

/// How many words `n0`, `n1`, … the tokenizers know as one token each.
pub(crate) const WORDS: usize = 1000;
/// The window on the card.
pub(crate) const WINDOW: usize = 64;

/// A WordPiece tokenizer: the words, the role names, single letters, digits and signs. Its own truncation and padding must
/// be without effect.
pub(crate) fn word_piece() -> Vec<u8> {
    let mut tokens: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(String::from).to_vec();
    tokens.extend((0..WORDS).map(|n| format!("n{n}")));
    tokens.extend(["system", "user", "assistant", "tool"].map(String::from));
    let alphanumeric = ('a'..='z').chain('0'..='9');
    tokens.extend(alphanumeric.flat_map(|c| [c.to_string(), format!("##{c}")]));
    tokens.extend("!?.,:;'\"()[]{}<>=+-*/#".chars().map(String::from));
    let vocabulary: serde_json::Map<String, Value> =
        tokens.into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    let special = |id: u32, content: &str| json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null,
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    tokenizer.to_string().into_bytes()
}

/// A Unigram tokenizer in the manner of XLM-RoBERTa with the same words.
pub(crate) fn unigram() -> Vec<u8> {
    let mut pieces =
        vec![json!(["<s>", 0.0]), json!(["<pad>", 0.0]), json!(["</s>", 0.0]), json!(["<unk>", 0.0])];
    pieces.extend((0..WORDS).map(|n| json!([format!("▁n{n}"), -5.0])));
    pieces.extend(["▁system", "▁user", "▁assistant", "▁tool", ":", "▁"].map(|piece| json!([piece, -6.0])));
    pieces.extend(('a'..='z').chain('0'..='9').map(|c| json!([c.to_string(), -9.0])));
    let special = |id: u32, content: &str| json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [special(0, "<s>"), special(1, "<pad>"), special(2, "</s>"), special(3, "<unk>")],
        "normalizer": {"type": "NFKC"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "post_processor": null,
        "decoder": null,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": pieces, "byte_fallback": false},
    });
    tokenizer.to_string().into_bytes()
}

/// Shape of the tiny encoder.
pub(crate) fn encoder() -> EncoderConfig {
    EncoderConfig {
        vocab: 1200,
        hidden: 32,
        layers: 2,
        heads: 4,
        intermediate: 64,
        max_positions: 128,
        type_vocab: 2,
        layer_norm_eps: 1e-12,
    }
}

/// Every tensor of the model, with values that only depend on its name.
pub(crate) fn tensors() -> Tensors {
    let variables = VarMap::new();
    let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    Model::new(&encoder(), Vocabulary::standard().len(), &[0, 2], &vb)
        .expect("the variables have the shapes it asks for");
    let data = variables.data().lock().expect("not poisoned");
    data.iter()
        .map(|(name, variable)| {
            let seed =
                name.bytes().fold(0x9E37_79B9, |hash: u32, byte| hash.wrapping_mul(31) ^ u32::from(byte));
            let offset = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let values: Vec<f32> =
                noise(seed).take(variable.elem_count()).map(|v| v * 0.3 + offset).collect();
            let tensor =
                Tensor::from_vec(values, variable.shape(), &Device::Cpu).expect("as many as the shape has");
            (name.clone(), tensor)
        })
        .collect()
}

/// Numbers from −1 to 1 (the linear congruential generator of Numerical Recipes).
fn noise(mut state: u32) -> impl Iterator<Item = f32> {
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).expect("16 bits")) / 32_768.0 - 1.0
    })
}

/// The card; its hashes are set by [`ModelFiles::new`].
pub(crate) fn card() -> Card {
    Card {
        name: "tiny".to_owned(),
        version: "0.1.0".to_owned(),
        tagging: Tagging::Labels1,
        licence: "MIT".to_owned(),
        window: WINDOW,
        encoder: encoder(),
        difficulty_layers: vec![0, 2],
        difficulty_counts: pointsman_classifier::CountWeights::default(),
        pooling: Pooling::Mean,
        vocabulary: Vocabulary::standard(),
        calibration: Calibration::default(),
        scripts: Vec::new(),
        languages: Vec::new(),
        backbone: Backbone {
            name: "none".to_owned(),
            source: "random numbers".to_owned(),
            licence: "MIT".to_owned(),
            attribution: "nobody".to_owned(),
        },
        files: FileHashes::of(b"", b""),
        recipe: toml::Table::new(),
        data: toml::Table::new(),
        scores: toml::Table::new(),
        gates: Vec::new(),
    }
}

/// The files of a model with `card` and the tiny weights.
pub(crate) fn files_with(card: Card) -> ModelFiles {
    files_of(card, &tensors())
}

/// The files of a model with `card` and these weights.
pub(crate) fn files_of(card: Card, tensors: &Tensors) -> ModelFiles {
    let weights = weights::quantize(tensors).expect("finite");
    ModelFiles::new(card, word_piece(), weights).expect("the card is valid")
}

/// The files of the tiny model.
pub(crate) fn files() -> ModelFiles {
    files_with(card())
}

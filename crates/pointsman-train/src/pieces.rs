//! Pruning the vocabulary of a multilingual backbone.
//!
//! XLM-RoBERTa's 250,000 pieces serve a hundred languages, and their embeddings are four fifths of a small multilingual model. A
//! Unigram vocabulary says with each piece how probable it is, so the pieces that are needed least are known. What was one piece
//! becomes several more common ones (Kudo 2018); pieces of one character all stay, so that no text becomes unknown.

use std::collections::HashSet;

use candle_core::{Device, Tensor};
use serde_json::{Value, json};

use crate::backbone::Backbone;
use crate::error::TrainError;

/// Name of the matrix with one row per piece.
const EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

/// Mark of a word's start.
const WORD_START: char = '▁';

/// `backbone` with about `count` pieces: special ones, those of one character, and the most probable others.
///
/// # Errors
/// When the tokenizer is not of the Unigram kind, or has other tokens than the embeddings have rows for.
pub(crate) fn prune(mut backbone: Backbone, count: usize) -> Result<Backbone, TrainError> {
    let refuse = |message: String| TrainError::Data { message: format!("backbone.pieces: {message}") };
    let mut tokenizer: Value =
        serde_json::from_slice(&backbone.tokenizer).map_err(|error| refuse(error.to_string()))?;
    let pieces = pieces(&tokenizer).ok_or_else(|| {
        refuse("only tokenizers of the type Unigram can be pruned; leave the key out".to_owned())
    })?;
    let rows =
        backbone.tensors.get(EMBEDDINGS).map_or(0, |tensor| tensor.dims().first().copied().unwrap_or(0));
    if rows < pieces.len() {
        return Err(refuse(format!("there are {} pieces and {rows} embeddings", pieces.len())));
    }
    let kept = kept(&pieces, &special_ids(&tokenizer), count);

    let position = |old: u64| kept.binary_search(&usize::try_from(old).unwrap_or(usize::MAX)).ok();
    remap(&mut tokenizer, "/model/unk_id", position);
    for token in tokenizer["added_tokens"].as_array_mut().into_iter().flatten() {
        remap(token, "/id", position);
    }
    // Ids in the template are not used: the layout puts its own tokens around a text.
    tokenizer["post_processor"] = Value::Null;
    tokenizer["model"]["vocab"] =
        kept.iter().map(|old| json!([pieces[*old].text, pieces[*old].score])).collect();

    backbone.tokenizer = serde_json::to_vec(&tokenizer).map_err(|error| refuse(error.to_string()))?;
    backbone.config.vocab = kept.len();
    let indices: Vec<u32> = kept.iter().map(|old| u32::try_from(*old).unwrap_or(u32::MAX)).collect();
    let indices = Tensor::new(indices, &Device::Cpu)?;
    if let Some(embeddings) = backbone.tensors.get_mut(EMBEDDINGS) {
        *embeddings = embeddings.index_select(&indices, 0)?;
    }
    Ok(backbone)
}

/// One entry of a Unigram vocabulary.
#[derive(Debug, Clone)]
struct Piece {
    text: String,
    /// Natural logarithm of its probability.
    score: f64,
}

fn pieces(tokenizer: &Value) -> Option<Vec<Piece>> {
    let model = &tokenizer["model"];
    if model["type"] != "Unigram" {
        return None;
    }
    let piece = |entry: &Value| {
        Some(Piece { text: entry.get(0)?.as_str()?.to_owned(), score: entry.get(1)?.as_f64()? })
    };
    model["vocab"].as_array()?.iter().map(piece).collect()
}

/// Ids of added tokens and of the unknown one.
fn special_ids(tokenizer: &Value) -> HashSet<usize> {
    let added = tokenizer["added_tokens"].as_array().into_iter().flatten().map(|token| &token["id"]);
    added
        .chain([&tokenizer["model"]["unk_id"]])
        .filter_map(Value::as_u64)
        .filter_map(|id| usize::try_from(id).ok())
        .collect()
}

/// Ids of the pieces that stay, in their order.
fn kept(pieces: &[Piece], special: &HashSet<usize>, count: usize) -> Vec<usize> {
    let needed = |id: &usize| {
        special.contains(id) || pieces[*id].text.trim_start_matches(WORD_START).chars().nth(1).is_none()
    };
    let (mut kept, mut others): (Vec<usize>, Vec<usize>) = (0..pieces.len()).partition(needed);
    others.sort_by(|a, b| pieces[*b].score.total_cmp(&pieces[*a].score).then(a.cmp(b)));
    others.truncate(count.saturating_sub(kept.len()));
    kept.extend(others);
    kept.sort_unstable();
    kept
}

fn remap(value: &mut Value, pointer: &str, position: impl Fn(u64) -> Option<usize>) {
    if let Some(id) = value.pointer_mut(pointer)
        && let Some(new) = id.as_u64().and_then(position)
    {
        *id = new.into();
    }
}

#[cfg(test)]
mod tests {
    use pointsman_classifier::{EncoderConfig, Tokenizer};

    use super::*;

    const WINDOW: usize = 32;

    fn backbone(kind: &str) -> Backbone {
        let pieces = json!([
            ["<s>", 0.0],
            ["<pad>", 0.0],
            ["</s>", 0.0],
            ["<unk>", 0.0],
            ["▁rarely", -13.0],
            ["▁often", -5.0],
            ["rare", -9.0],
            ["ly", -8.0],
            ["▁", -4.0],
            ["r", -11.0],
            ["漢", -20.0],
            ["▁never", -19.0],
            [":", -6.0],
            ["<mask>", 0.0]
        ]);
        let special = |id: u32, content: &str| json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false});
        let tokenizer = json!({
            "version": "1.0",
            "added_tokens": [special(0, "<s>"), special(1, "<pad>"), special(2, "</s>"), special(3, "<unk>"), special(13, "<mask>")],
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
            "model": {"type": kind, "unk_id": 3, "vocab": pieces, "byte_fallback": false},
        });
        let values: Vec<f32> = (0u8..16).flat_map(|row| [f32::from(row); 2]).collect();
        let embeddings = Tensor::from_vec(values, (16, 2), &Device::Cpu).expect("the shape fits");
        Backbone {
            config: EncoderConfig {
                vocab: 16,
                hidden: 2,
                layers: 1,
                heads: 1,
                intermediate: 2,
                max_positions: WINDOW,
                type_vocab: 2,
                layer_norm_eps: 1e-12,
            },
            tokenizer: tokenizer.to_string().into_bytes(),
            difficulty_layers: vec![1],
            difficulty_counts: pointsman_classifier::CountWeights::default(),
            tensors: [(EMBEDDINGS.to_owned(), embeddings)].into(),
        }
    }

    /// The tokens of `text` by the rows of the embeddings that they had before anything was pruned.
    fn old_rows(backbone: &Backbone, text: &str) -> Vec<f32> {
        let tokenizer = Tokenizer::from_json(&backbone.tokenizer, WINDOW).expect("a tokenizer");
        let ids = tokenizer.encode(text).expect("tokenises");
        let ids = Tensor::new(ids, &Device::Cpu).expect("built");
        let rows = backbone.tensors[EMBEDDINGS].index_select(&ids, 0).expect("rows for all ids");
        rows.to_vec2::<f32>().expect("f32").into_iter().map(|row| row[0]).collect()
    }

    #[test]
    fn the_most_probable_and_all_characters_stay() {
        let whole = backbone("Unigram");
        assert_eq!(old_rows(&whole, "often rarely 漢"), [5.0, 4.0, 8.0, 10.0]);
        // Special: 5. One character: ▁ r 漢 and the colon. Then "▁often", "ly" and "rare".
        let pruned = prune(whole, 12).expect("Unigram");
        assert_eq!((pruned.config.vocab, pruned.tensors[EMBEDDINGS].dims()), (12, &[12, 2][..]));
        assert_eq!(old_rows(&pruned, "often rarely 漢"), [5.0, 8.0, 6.0, 7.0, 8.0, 10.0]);
        let special = Tokenizer::from_json(&pruned.tokenizer, WINDOW).expect("a tokenizer").special_ids();
        assert_eq!((special.start, special.padding, special.separator), (0, 1, 2));
    }

    #[test]
    fn what_is_needed_stays_even_beyond_the_count() {
        let pruned = prune(backbone("Unigram"), 0).expect("Unigram");
        assert_eq!(pruned.config.vocab, 9);
        assert_eq!(prune(backbone("Unigram"), 99).expect("Unigram").config.vocab, 14);
    }

    #[test]
    fn other_kinds_and_missing_embeddings_are_refused() {
        let message = |backbone| prune(backbone, 9).expect_err("refused").to_string();
        assert!(message(backbone("WordPiece")).contains("only tokenizers of the type Unigram"));
        let short = Backbone { tensors: [].into(), ..backbone("Unigram") };
        assert!(message(short).contains("14 pieces and 0 embeddings"));
    }
}

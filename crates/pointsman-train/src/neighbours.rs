//! Near-duplicates, so that no prompt of the training split has a twin in the test split.
//!
//! Texts are compared by the Jaccard similarity of their sets of word shingles, estimated by MinHash (Broder 1997) and
//! found by banded locality-sensitive hashing (Leskovec, Rajaraman & Ullman, *Mining of Massive Datasets*, ch. 3).

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

/// Words per shingle.
const SHINGLE_WORDS: usize = 4;
/// Hash functions in a signature.
const HASHES: usize = 64;
/// Rows per band: 16 bands of 4 find pairs of similarity 0.5 with probability 0.64, of 0.7 with 0.99.
const BAND_ROWS: usize = 4;

/// Groups of texts whose estimated similarity reaches `threshold` (0–1), directly or through others.
///
/// Returns, for each text, the index of the first text of its group.
#[must_use]
pub fn group(texts: &[String], threshold: f64) -> Vec<usize> {
    let signatures: Vec<[u64; HASHES]> = texts.iter().map(|text| signature(text)).collect();
    let mut forest: Vec<usize> = (0..texts.len()).collect();
    for band in 0..HASHES / BAND_ROWS {
        let rows = band * BAND_ROWS..(band + 1) * BAND_ROWS;
        let mut buckets: HashMap<&[u64], usize> = HashMap::new();
        for (i, signature) in signatures.iter().enumerate() {
            let first = *buckets.entry(&signature[rows.clone()]).or_insert(i);
            if first != i && similarity(&signatures[first], signature) >= threshold {
                join(&mut forest, first, i);
            }
        }
    }
    (0..texts.len()).map(|i| root(&mut forest, i)).collect()
}

/// Share of equal hashes, an unbiased estimate of the Jaccard similarity.
#[expect(clippy::cast_precision_loss, reason = "at most 64")]
fn similarity(a: &[u64; HASHES], b: &[u64; HASHES]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / HASHES as f64
}

fn signature(text: &str) -> [u64; HASHES] {
    let folded: String =
        text.nfkc().flat_map(char::to_lowercase).map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    let mut signature = [u64::MAX; HASHES];
    let mut add = |shingle: &[&str]| {
        let base = shingle.iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| fnv(hash, word));
        for (i, least) in signature.iter_mut().enumerate() {
            *least = (*least).min(mix(base ^ (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
    };
    if words.len() < SHINGLE_WORDS {
        add(&words);
    } else {
        words.windows(SHINGLE_WORDS).for_each(add);
    }
    signature
}

/// FNV-1a over the word and a separator.
fn fnv(hash: u64, word: &str) -> u64 {
    word.bytes().chain([0]).fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn root(forest: &mut [usize], mut i: usize) -> usize {
    while forest[i] != i {
        forest[i] = forest[forest[i]];
        i = forest[i];
    }
    i
}

/// The earlier root becomes the root of both, so that groups are named after their first text.
fn join(forest: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(forest, a), root(forest, b));
    forest[a.max(b)] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(texts: &[&str]) -> Vec<usize> {
        group(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>(), 0.5)
    }

    #[test]
    fn twins_share_a_group_and_strangers_do_not() {
        let recipe = "Write a recipe for a cake with three eggs, two cups of flour and one cup of sugar for my daughter";
        let same = "write a RECIPE for a cake with three eggs, two cups of flour and one cup of sugar for my daughter!!";
        let other = "Why does the moon look larger at the horizon than when it stands high in the winter sky at night?";
        assert_eq!(groups(&[recipe, other, same]), [0, 1, 0]);
    }

    #[test]
    fn short_texts_are_compared_as_a_whole() {
        assert_eq!(groups(&["hi there", "Hi, there!", "hi you", ""]), [0, 0, 2, 3]);
    }

    #[test]
    fn width_and_composition_do_not_matter() {
        assert_eq!(groups(&["ｃａｆé", "cafe\u{301}"]), [0, 0]);
    }
}

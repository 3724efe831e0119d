//! "Did you mean …?" for misspelt words.

/// The candidate closest to `word` by edit distance, when it is close enough to be what was meant: at most a third of
/// the longer word's characters differ (optimal string alignment distance, Damerau 1964).
///
/// Ties go to the earlier candidate.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().collect();
            let distance = alignment_distance(&word, &letters);
            let longest = word.len().max(letters.len());
            (distance * 3 <= longest).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
fn alignment_distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let substituted = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = substituted.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let words = ["math", "summarization", "code_editing", "code_completion"];
        assert_eq!(nearest("summarisation", words), Some("summarization"));
        assert_eq!(nearest("maht", words), Some("math"));
        assert_eq!(nearest("Code_Edit", words), Some("code_editing"));
        assert_eq!(nearest("poetry", words), None);
        assert_eq!(nearest("", words), None);
    }
}

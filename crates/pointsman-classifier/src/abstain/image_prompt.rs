//! Prompts for image generators: descriptions in the notation of Midjourney and Stable Diffusion, which ask a language
//! model for nothing.

/// Phrases that describe how a picture is made, not what somebody wants to be told.
const STYLES: [&str; 24] = [
    "8k",
    "4k",
    "uhd",
    "hdr",
    "masterpiece",
    "best quality",
    "highly detailed",
    "ultra detailed",
    "ultra-detailed",
    "intricate details",
    "hyperrealistic",
    "hyper realistic",
    "photorealistic",
    "photo-realistic",
    "octane render",
    "unreal engine",
    "trending on artstation",
    "artstation",
    "concept art",
    "digital painting",
    "cinematic lighting",
    "volumetric lighting",
    "bokeh",
    "sharp focus",
];

/// Options of image generators that stand after two dashes.
const OPTIONS: [&str; 9] =
    ["--ar", "--v", "--niji", "--stylize", "--chaos", "--q", "--style", "--seed", "--no"];

/// Whether `text` is a picture's description for an image generator: the command for one, its options or weights behind
/// the description, or a list of short phrases of which several are about style.
///
/// Whoever asks *about* such a prompt, or for one, uses a sentence: with a question mark or with hardly a comma.
pub(super) fn is_image_prompt(text: &str) -> bool {
    let lower = text.to_lowercase();
    if lower.starts_with("/imagine ") {
        return true;
    }
    if lower.contains(['?', '？']) {
        return false;
    }
    let phrases: Vec<&str> =
        lower.split([',', '\n', '，']).map(str::trim).filter(|p| !p.is_empty()).collect();
    let styles = phrases.iter().filter(|phrase| is_style(phrase)).count();
    let short = phrases.iter().filter(|phrase| phrase.split_whitespace().count() <= 5).count();
    let listed = phrases.len() >= 5 && short * 3 >= phrases.len() * 2;
    let signed =
        phrases.len() >= 3 && short == phrases.len() && phrases.iter().any(|phrase| is_signature(phrase));
    (phrases.len() >= 3 && has_notation(&lower)) || (listed && styles >= 2) || (signed && styles >= 1)
}

/// Whose manner a picture has, or with what it was made, as only such descriptions say it in a phrase of its own.
fn is_signature(phrase: &str) -> bool {
    phrase.starts_with("by ") || ["octane render", "unreal engine"].contains(&phrase)
}

/// A phrase of at most four words, one of [`STYLES`] among them.
fn is_style(phrase: &str) -> bool {
    phrase.split_whitespace().count() <= 4 && STYLES.iter().any(|style| contains_words(phrase, style))
}

/// `--ar 16:9`, `<lora:name:0.8>` or `(red hair:1.3)`.
fn has_notation(text: &str) -> bool {
    let mut words = text.split_whitespace().peekable();
    let mut options = 0;
    while let Some(word) = words.next() {
        let value = words.peek().is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()));
        options += usize::from(OPTIONS.contains(&word) && value);
    }
    let ratio = text.contains("--ar ") && options > 0;
    ratio || options >= 2 || text.contains("<lora:") || weighted(text) >= 2
}

/// How many `(…:1.2)` there are.
fn weighted(text: &str) -> usize {
    text.split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .filter_map(|(inside, _)| inside.rsplit_once(':'))
        .filter(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|weight| (0.0..=3.0).contains(&weight)))
        .count()
}

/// Whether `needle` stands in `text` with no letter or digit next to it.
fn contains_words(text: &str, needle: &str) -> bool {
    text.match_indices(needle).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + needle.len()..].chars().next();
        [before, after].iter().all(|c| c.is_none_or(|c| !c.is_alphanumeric()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_for_generators_are_known() {
        for text in [
            "/imagine a fox in a red coat reading by a window",
            "portrait of an old sailor, weathered skin, storm in the background, oil on canvas --ar 2:3 --v 6",
            "masterpiece, best quality, 1girl, silver hair, school uniform, cherry blossoms, sharp focus",
            "a quiet library on the moon, volumetric lighting, wide angle, octane render, 8k, pastel colours",
            "(castle:1.2), (fog:0.8), mountains at dawn, matte painting",
            "knight, <lora:armor_v2:0.7>, castle, sunset",
            "street in Lisbon after rain\nneon reflections\n35mm\nbokeh\ncinematic lighting\nhighly detailed",
        ] {
            assert!(is_image_prompt(text), "{text:?}");
        }
    }

    #[test]
    fn sentences_about_pictures_are_language() {
        for text in [
            "what does --ar 16:9 mean, and --v 6, in a midjourney prompt?",
            "Write a Midjourney prompt for a cosy reading nook in autumn, warm light, with a cat.",
            "Run it with --seed 42 --no 3 and tell me what it prints",
            "Translate into German: masterpiece, best quality",
            "Compare 4k and 8k televisions, prices, brands and sizes",
            "milk, eggs, flour, sugar, butter, vanilla",
            "I bought a 4k monitor, a keyboard, a mouse and a lamp, which of these can I deduct from my taxes this year",
            "def f(a, b, c, d, e): return (a, b)",
            "ffmpeg -i in.mp4 --v 1 out.mp4",
            "",
        ] {
            assert!(!is_image_prompt(text), "{text:?}");
        }
    }

    #[test]
    fn how_often_a_word_stands_alone() {
        assert!(contains_words("shot in 8k", "8k") && !contains_words("48kb", "8k"));
        assert_eq!(weighted("(a:1.2) and (b: 0.5) and (c) and (d:9)"), 2);
    }
}

//! Prompts for image generators: descriptions in the notation of Midjourney and Stable Diffusion, which ask a language
//! model for nothing.

use super::request::is_request;

/// Phrases that hardly anything but a prompt for an image generator has on its own.
const STYLES: [&str; 18] = [
    "masterpiece",
    "highly detailed",
    "ultra detailed",
    "ultra-detailed",
    "hyper-detailed",
    "intricate details",
    "hyperrealistic",
    "hyper realistic",
    "photorealistic",
    "photo-realistic",
    "octane render",
    "trending on artstation",
    "cinematic lighting",
    "volumetric lighting",
    "pixar style",
    "ghibli style",
    "anime style",
    "disney style",
];

/// Phrases that say how a picture is made, but are also skills, goods and settings of cameras: they count beside one of
/// [`STYLES`].
const MANNERS: [&str; 24] = [
    "8k",
    "4k",
    "uhd",
    "hdr",
    "best quality",
    "unreal engine",
    "artstation",
    "concept art",
    "digital painting",
    "digital art",
    "oil painting",
    "oil on canvas",
    "3d render",
    "bokeh",
    "sharp focus",
    "depth of field",
    "wide angle",
    "film grain",
    "soft light",
    "soft lighting",
    "studio lighting",
    "dramatic lighting",
    "rim light",
    "golden hour",
];

/// Options of image generators that stand after two dashes.
const OPTIONS: [&str; 13] = [
    "--ar",
    "--niji",
    "--stylize",
    "--chaos",
    "--weird",
    "--s",
    "--v",
    "--q",
    "--style",
    "--seed",
    "--no",
    "--iw",
    "--tile",
];

/// Those of [`OPTIONS`] that few other programs have.
const OWN_OPTIONS: [&str; 5] = ["--ar", "--niji", "--stylize", "--chaos", "--weird"];

/// What no description ends with, but a sentence about options does: "pictures with --ar 16:9".
const LINKS: [&str; 25] = [
    "a", "the", "of", "with", "for", "and", "or", "to", "is", "in", "on", "by", "like", "from", "than",
    "mit", "und", "für", "von", "de", "con", "avec", "et", "и", "с",
];

/// Whether `text` is a picture's description for an image generator: the command for one, its options or weights behind
/// the description, or a list of short phrases of which several are about style.
///
/// Whoever asks *about* such a prompt, or for one, says so: with a question mark, a heading or a word of request.
pub(super) fn is_image_prompt(text: &str) -> bool {
    let lower = text.to_lowercase();
    if lower.starts_with("/imagine ") {
        return true;
    }
    let phrases: Vec<&str> =
        lower.split([',', '\n', '，']).map(str::trim).filter(|phrase| !phrase.is_empty()).collect();
    let is_description =
        ends_in_options(&lower) || (phrases.len() >= 3 && has_notation(&lower)) || is_style_list(&phrases);
    is_description && !is_request(&lower)
}

/// At least three phrases, one of them of [`STYLES`]: five of which two are about style, or fewer if all are short and
/// either nothing but style in two or in somebody's manner in one.
fn is_style_list(phrases: &[&str]) -> bool {
    let all = || phrases.iter().copied();
    // Most texts are done here, before anything is counted.
    if phrases.len() < 3 || !all().any(|phrase| mentions(phrase, &STYLES)) {
        return false;
    }
    let short = all().filter(|phrase| phrase.split_whitespace().count() <= 5).count();
    let styled = all().filter(|phrase| mentions(phrase, &STYLES) || is_manner(phrase)).count();
    let bare = all().filter(|phrase| STYLES.contains(phrase) || is_bare_manner(phrase)).count();
    let has_bare_style = all().any(|phrase| STYLES.contains(&phrase));
    let long_list = phrases.len() >= 5 && short * 3 >= phrases.len() * 2 && styled >= 2;
    let short_list = has_bare_style && bare >= 2 && bare < phrases.len();
    long_list || (short == phrases.len() && (short_list || all().any(|phrase| phrase.starts_with("by "))))
}

/// A phrase of at most four words, one of `styles` among them.
fn mentions(phrase: &str, styles: &[&str]) -> bool {
    phrase.split_whitespace().count() <= 4 && styles.iter().any(|style| contains_words(phrase, style))
}

fn is_manner(phrase: &str) -> bool {
    mentions(phrase, &MANNERS) || is_lens(phrase)
}

fn is_bare_manner(phrase: &str) -> bool {
    MANNERS.contains(&phrase) || is_lens(phrase)
}

/// `85mm` or `f/1.4`.
fn is_lens(phrase: &str) -> bool {
    let length = phrase.strip_suffix("mm").unwrap_or_default();
    let aperture = phrase.strip_prefix("f/").unwrap_or_default();
    (!length.is_empty() && length.bytes().all(|b| b.is_ascii_digit())) || starts_with_digit(aperture)
}

/// A description of at least three words with nothing but options behind it: `--ar 16:9`, or two of which one is an
/// image generator's own.
fn ends_in_options(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_name = |word: &str| word.starts_with("--");
    let end = words.iter().position(|word| is_name(word)).unwrap_or(words.len());
    let (description, options) = words.split_at(end);
    let names: Vec<&str> = options.iter().copied().filter(|word| is_name(word)).collect();
    let nothing_else = options.len() <= 2 * names.len() || names.contains(&"--no");
    let valued =
        || options.windows(2).filter(|pair| OPTIONS.contains(&pair[0]) && starts_with_digit(pair[1]));
    let ratio = valued().any(|pair| pair[0] == "--ar" && is_ratio(pair[1]));
    let several = valued().count() >= 2 && valued().any(|pair| OWN_OPTIONS.contains(&pair[0]));
    nothing_else
        && names.iter().all(|name| OPTIONS.contains(name))
        && is_description(description)
        && (ratio || several)
}

/// At least three words, no files, paths or flags among them and no link at the end.
fn is_description(words: &[&str]) -> bool {
    let is_of_command = |word: &str| {
        word.starts_with('-') || word.contains(['=', '/']) || word.trim_end_matches('.').contains('.')
    };
    words.len() >= 3
        && !words.iter().any(|word| is_of_command(word))
        && words.last().is_some_and(|last| !LINKS.contains(last))
}

/// `16:9`.
fn is_ratio(word: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    word.split_once(':').is_some_and(|(width, height)| is_number(width) && is_number(height))
}

fn starts_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// `--ar 16:9`, `<lora:name:0.8>` or `(red hair:1.3)`.
fn has_notation(text: &str) -> bool {
    let mut words = text.split_whitespace().peekable();
    let mut options = 0;
    while let Some(word) = words.next() {
        let value = words.peek().is_some_and(|next| starts_with_digit(next));
        options += usize::from(OPTIONS.contains(&word) && value);
    }
    let ratio = text.contains("--ar ") && options > 0;
    ratio || options >= 2 || text.contains("<lora:") || weighted(text) >= 2
}

/// How many `(…:1.2)` there are. Whole numbers are no weights but data.
fn weighted(text: &str) -> usize {
    text.split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .filter_map(|(inside, _)| inside.rsplit_once(':'))
        .filter(|(_, weight)| weight.contains('.'))
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
            "/imagine prompt: cathedral of frozen breath, monks in amber coats, volumetric light --ar 16:9 --v 6",
            "a cat astronaut on mars --ar 16:9 --v 6",
            "a fox in the snow --ar 3:2 --no text people",
            "grandma riding a motorcycle in the desert --v 6 --stylize 400",
            "isometric cutaway of a beehive as a medieval city, tiny bee guards, octane render --ar 3:2 --s 250 --no people",
            "beautiful woman in red dress, soft light, 85mm, f/1.4, photorealistic",
            "cute corgi wearing sunglasses, pixar style, 3d render, soft lighting",
            "portrait of an old sailor, weathered skin, storm in the background, oil on canvas --ar 2:3 --v 6",
            "masterpiece, best quality, 1girl, silver hair, school uniform, cherry blossoms, sharp focus",
            "a quiet library on the moon, volumetric lighting, wide angle, octane render, 8k, pastel colours",
            "portrait of a wizard, by greg rutkowski, trending on artstation",
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
            "the meaning of --ar 16:9",
            "the difference between --ar 16:9 and --ar 3:2",
            "all pictures with --ar 16:9",
            "Write a Midjourney prompt for a cosy reading nook in autumn, warm light, with a cat.",
            "Translate this image prompt into English: castle in fog, masterpiece, 8k, best quality",
            "Translate this image prompt into English and leave the parameters as they are:\n\nEin Riesenrad im Nebel, \
             Herbstlaub, filmisches Licht, Weitwinkel --ar 21:9 --style raw --v 6",
            "improve this prompt: a castle, masterpiece, 8k, highly detailed",
            "besser machen: a castle, masterpiece, 8k, highly detailed",
            "a castle, masterpiece, 8k, highly detailed\n\ntranslate into German",
            "improve on this and give me 3 variants: /imagine old woman knitting the northern lights --ar 2:3",
            "Run it with --seed 42 --no 3 and tell me what it prints",
            "Translate into German: masterpiece, best quality",
            "Compare 4k and 8k televisions, prices, brands and sizes",
            "4k monitor, HDR, 144hz, IPS, 27 inch",
            "4k tv, best quality, cheap, HDR, under $500",
            "concept art, digital painting, Photoshop, Blender, Unreal Engine",
            "Canon R5, 85mm, f/1.4, 1/200s, ISO 100",
            "I love photorealistic games, highly detailed worlds, and good stories",
            "milk, eggs, flour, sugar, butter, vanilla",
            "I bought a 4k monitor, a keyboard, a mouse and a lamp, which of these can I deduct from my taxes this year",
            "def f(a, b, c, d, e): return (a, b)",
            "points (a:1), (b:2), (c:3)",
            "ffmpeg -i in.mp4 --v 1 out.mp4",
            "ffmpeg -i in.mp4 --ar 16:9",
            "python train.py --seed 42 --chaos 3",
            "cargo bench --seed 42 --chaos 3",
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

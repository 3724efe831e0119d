//! Whether a text asks for something, judged by words that descriptions of pictures lack.

/// Words of request and of talk in small letters, anywhere in the text. What they let through wrongly is left to the model.
const WORDS: &str = "
    i me my you your we our
    how what why which who can could would should please want need help
    act add analyse analyze answer change check choose classify compare convert correct count create describe difference
    expand explain extract find fix generate give improve label make meaning midjourney optimise optimize prompt prompter
    prompts rate remove rephrase replace rewrite run score shorten simplify sort split suggest summarise summarize tell
    translate turn use vs write
    bitte wie was warum ändere beschreibe erkläre erstelle gib mach mache schreib schreibe übersetze übersetzen verbessere
    zeig
    comment pourquoi améliore crée décris donne écris explique fais génère traduire traduis
    qué cómo crea dame describe escribe explica genera haz mejora traduce traducir
    come dammi descrivi fammi migliora scrivi spiega tradurre traduci
    como crie escreva explique faça gere melhore traduza
    maak schrijf verbeter vertaal
    napisz opisz popraw przetłumacz stwórz
    açıkla çevir yaz
    как почему что исправь напиши объясни опиши переведи перепиши промпт сделай создай сократи улучши
";

/// The same where words are not set apart by spaces.
const UNSPACED: [&str; 15] = [
    "翻译",
    "翻譯",
    "提示词",
    "帮我",
    "请",
    "請",
    "什么",
    "改",
    "写",
    "翻訳",
    "ください",
    "教えて",
    "번역",
    "해줘",
    "주세요",
];

/// Verbs that descriptions have as well, but not at the beginning.
const FIRST: [&str; 4] = ["draw", "paint", "design", "sketch"];

/// Whether `lower`, a text in small letters, has a question mark, a heading with a colon, or a word of request.
pub(super) fn is_request(lower: &str) -> bool {
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    lower.contains(['?', '？'])
        || has_heading(lower)
        || words.peek().is_some_and(|word| FIRST.contains(word))
        || UNSPACED.iter().any(|asked| lower.contains(*asked))
        || words.any(|word| WORDS.split_whitespace().any(|request| request == word))
}

/// A colon, and white space behind it, before the first comma and the end of the first line.
fn has_heading(text: &str) -> bool {
    let first = text.trim_start().split([',', '\n', '，']).next().unwrap_or_default().trim_end();
    first.contains(": ") || first.ends_with(':') || first.contains('：')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_descriptions() {
        for text in [
            "a castle?",
            "improve: a castle",
            "a castle\nbitte auf deutsch",
            "城堡，翻译成英文",
            "draw a castle",
        ] {
            assert!(is_request(text), "{text:?}");
        }
        for text in ["a castle, (fog:1.2)", "castle in a charcoal draw style", "promptly lit castle", ""] {
            assert!(!is_request(text), "{text:?}");
        }
    }
}

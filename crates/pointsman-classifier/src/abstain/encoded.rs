//! Bytes written out as text: base64, hexadecimal, PEM blocks, data URLs, dumps.

use super::share;

/// Share of visible characters in encoded blobs from which a text is nothing but encoded data.
const BLOB_SHARE: f64 = 0.8;

/// The same between the two lines of a PEM block, where headers may stand.
const BODY_SHARE: f64 = 0.5;

/// Encoded data without a word beside it: any word may say what to do with the data.
pub(super) fn is_encoded(text: &str) -> bool {
    is_short_base64(text) || is_data_url(text) || is_pem(text) || is_dump(text) || is_all_blobs(text)
}

fn is_all_blobs(text: &str) -> bool {
    blob_share(text) > BLOB_SHARE && !text.split_whitespace().any(is_word)
}

/// Share of the visible bytes of `text` that stand in blobs.
fn blob_share(text: &str) -> f64 {
    let visible: usize = text.split_whitespace().map(str::len).sum();
    let blobs: usize = text.split_whitespace().filter(|word| is_blob(word)).map(str::len).sum();
    share(blobs, visible)
}

/// Two letters, or one of a script beyond ASCII, that are neither a blob nor the short end of one.
fn is_word(word: &str) -> bool {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    let has_letters = letters().nth(1).is_some() || letters().any(|c| !c.is_ascii());
    has_letters && !is_blob(word) && !is_short_base64(word) && !is_padded(word)
}

/// The last groups of four of base64, filled up with `=`.
fn is_padded(word: &str) -> bool {
    let data = word.trim_end_matches('=');
    word.len() >= 8 && word.len().is_multiple_of(4) && data.len() < word.len() && is_mixed(data.as_bytes())
}

/// `data:image/png;base64,…` and nothing else.
fn is_data_url(text: &str) -> bool {
    let parts = text.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    parts.is_some_and(|(kind, data)| {
        let data = data.trim_end_matches('…');
        let in_alphabet = data.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=-_%".contains(&b));
        in_alphabet && !data.is_empty() && !kind.contains(char::is_whitespace)
    })
}

/// Certificates and keys between `-----BEGIN …-----` and `-----END …-----`, with nothing around them. The last may be cut.
fn is_pem(text: &str) -> bool {
    let (mut is_open, mut blocks) = (false, 0);
    for part in text.split("-----").map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("BEGIN ") {
            is_open = true;
        } else if part.starts_with("END ") {
            is_open = false;
        } else if is_open && blob_share(part) > BODY_SHARE {
            blocks += 1;
        } else {
            return false;
        }
    }
    blocks > 0
}

/// Bytes written out: at least four of `0x7f`, `7f` or `01100001`, or percent-encoding, and nothing else. Numbers alone are left
/// to the model, for two digits may be anything, and so are the squares of a chessboard.
fn is_dump(text: &str) -> bool {
    let words = || text.split([' ', '\n', '\t', ',']).filter(|word| !word.is_empty());
    let is_square = |word: &str| matches!(word.as_bytes(), [b'a'..=b'h', b'1'..=b'8']);
    let has_letters = |word: &str| word.bytes().any(|b| b.is_ascii_alphabetic());
    let bytes = || words().all(is_byte) && words().any(has_letters) && !words().all(is_square);
    let listed = words().nth(3).is_some() && (bytes() || words().all(is_bits));
    let escapes = text.matches('%').count() * 3;
    listed || (escapes >= 12 && share(escapes, text.len()) > 0.6 && !text.contains(char::is_whitespace))
}

/// Two hexadecimal digits, perhaps with what says that they are.
fn is_byte(word: &str) -> bool {
    let digits = word.strip_prefix("0x").or(word.strip_prefix("\\x")).unwrap_or(word);
    digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_bits(word: &str) -> bool {
    word.len() == 8 && word.bytes().all(|b| matches!(b, b'0' | b'1'))
}

/// Nothing but one word of base64 that is too short for [`is_blob`]: whole groups of four, the last filled up with `=` or a
/// digit in it, and capitals and small letters changing as they do in no name.
fn is_short_base64(text: &str) -> bool {
    let word = text.trim_end_matches('=').as_bytes();
    let is_whole =
        text.len().is_multiple_of(4) && (12..40).contains(&text.len()) && text.len() - word.len() <= 2;
    let in_alphabet = word.iter().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(b));
    let marked = text.len() > word.len() || word.iter().any(u8::is_ascii_digit);
    is_whole && in_alphabet && marked && is_mixed(word)
}

/// A run of at least 20 characters of the base64 alphabet that changes between capitals, small letters and digits more
/// often than names do, or at least 32 hexadecimal digits, some of them letters.
pub(super) fn is_blob(word: &str) -> bool {
    let bytes = word.trim_end_matches(['=', ',', ';', '"']).trim_start_matches('"').as_bytes();
    if bytes.len() < 20 || !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(b)) {
        return false;
    }
    let hexadecimal = bytes.iter().all(u8::is_ascii_hexdigit);
    if hexadecimal {
        return bytes.len() >= 32 && bytes.iter().any(|b| !b.is_ascii_digit());
    }
    is_mixed(bytes) && !is_camel_case(bytes)
}

/// `NumericValueOutOfRange`: letters alone, no two capitals next to each other.
fn is_camel_case(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_alphabetic)
        && !bytes.windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase))
}

/// Capitals and small letters that change, with digits, more often than in two of five places.
fn is_mixed(bytes: &[u8]) -> bool {
    let kind = |b: &u8| (b.is_ascii_uppercase(), b.is_ascii_lowercase(), b.is_ascii_digit());
    let changes = bytes.windows(2).filter(|pair| kind(&pair[0]) != kind(&pair[1])).count();
    let mixed = [u8::is_ascii_uppercase, u8::is_ascii_lowercase].iter().all(|of| bytes.iter().any(of));
    mixed && share(changes, bytes.len() - 1) > 0.4
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 132 random bytes in the form of a certificate.
    const PEM: &str = "-----BEGIN CERTIFICATE-----
eUK98iEG8IR3YvDzy012TccHIFEVmg+J8sbayuNEuzESRf1vhN+a18Wz0HasDo9T
pzVsiJE/IPb3LbAi0k0KltrUPBYXwamOeBKeAyc3EGXQlYZPFa2guEbBwOvFNIrc
eZrfhJutBdShCsBEHqrutLSO+gsfCr2A6ZijWrpeoL2HmcE1
-----END CERTIFICATE-----";

    #[test]
    fn data_alone_is_known() {
        for text in [
            PEM,
            &PEM.replace('\n', " "),
            PEM.trim_end_matches("-----END CERTIFICATE-----"),
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
            "data:image/png;base64,iVBOR…",
            "aGVsbG8gd29ybGQsIHRoaXMgaXMg\nYSBsb25nZXIgdGV4dCB0aGF0IHdh\ndGV4dA==",
        ] {
            assert!(is_encoded(text), "{text:?}");
        }
    }

    #[test]
    fn a_word_beside_data_is_a_request() {
        for text in [
            "decode aGVsbG8gd29ybGQgdGhpcyBpcyBhIGxvbmdlciBzdHJpbmc=",
            "hash 5d41402abc4b2a76b9719d911017c592",
            "md5 5d41402abc4b2a76b9719d911017c592",
            "解 U2FsdGVkX1+vupppZksvRf5pq5g5XjFRIipRkwB0K1Y96Qsv2Lm",
            "data:image/png;base64,iVBORw0KGgo what is this",
            &format!("{PEM}\nwhen does it expire"),
            &format!("check this\n{PEM}"),
            "-----BEGIN NOTE-----\nbuy milk\n-----END NOTE-----",
            "NumericValueOutOfRange",
        ] {
            assert!(!is_encoded(text), "{text:?}");
        }
    }
}

//! Shortens text from requests before it is repeated in logs and answers.

use std::borrow::Cow;

/// How much of a value from a request goes into a log line or an answer, in bytes. Every valid id fits, and a longer
/// value can still be recognised.
const VALUE: usize = 96;
/// How much of a sentence that may quote such a value goes there, in bytes: the longest sentence of serde with a value
/// of [`VALUE`] fits.
const SENTENCE: usize = 320;

/// The start of a value, and `…` if that is not all of it.
pub(crate) fn value(text: &str) -> Cow<'_, str> {
    clip(text, VALUE)
}

/// The start of a sentence that may quote a value.
pub(crate) fn sentence(text: &str) -> Cow<'_, str> {
    clip(text, SENTENCE)
}

fn clip(text: &str, most: usize) -> Cow<'_, str> {
    let length = text.floor_char_boundary(most);
    if length == text.len() { Cow::Borrowed(text) } else { Cow::Owned(format!("{}…", &text[..length])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_repeated_unchanged_and_long_text_is_cut() {
        assert_eq!(value(&"n".repeat(96)), "n".repeat(96));
        assert_eq!(value(&"n".repeat(97)), format!("{}…", "n".repeat(96)));
        assert_eq!(value(&"ö".repeat(9_000)).len(), 96 + "…".len(), "text is cut between two characters");
        assert_eq!(sentence(&"s".repeat(9_000)).len(), 320 + "…".len());
    }
}

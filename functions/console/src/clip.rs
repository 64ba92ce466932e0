//! What somebody else wrote, as far as it may be repeated.

use std::borrow::Cow;

/// How much of a value that somebody else chose goes into a line of the log or into an answer, in bytes: every id that is
/// one fits, with room to see how another one goes on.
const VALUE: usize = 96;
/// How much of a sentence that may quote such a value, in bytes: the longest of serde's with a value of [`VALUE`].
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
    let kept = text.floor_char_boundary(most);
    if kept == text.len() { Cow::Borrowed(text) } else { Cow::Owned(format!("{}…", &text[..kept])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_repeated_as_it_is_and_what_is_long_from_its_start() {
        assert_eq!(value(&"n".repeat(96)), "n".repeat(96));
        assert_eq!(value(&"n".repeat(97)), format!("{}…", "n".repeat(96)));
        assert_eq!(value(&"ö".repeat(9_000)).len(), 96 + "…".len(), "between two characters");
        assert_eq!(sentence(&"s".repeat(9_000)).len(), 320 + "…".len());
    }
}

//! The parts of JSON as text, without reading numbers.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of a name or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Whether all of it is valid: half a surrogate pair (`"\ud800"`) is no character, and is replaced.
    pub(crate) is_whole: bool,
}

/// The fields of a JSON object in their order. A name that is there twice is in the list twice.
pub(crate) struct Entries<'a>(pub(crate) Vec<(Text, &'a RawValue)>);

/// The fields of a JSON object.
///
/// # Errors
/// If the text is not a JSON object.
pub(crate) fn entries(text: &str) -> Result<Vec<(Text, &RawValue)>, serde_json::Error> {
    serde_json::from_str(text).map(|Entries(entries)| entries)
}

/// The text in a JSON value; `None` if the value is not text.
pub(crate) fn text(value: &str) -> Option<Text> {
    if !value.starts_with('"') {
        return None;
    }
    serde_json::from_str(value).ok()
}

/// How deeply brackets outside of text are nested. The text need not be valid JSON.
pub(crate) fn levels(text: &str) -> usize {
    let (mut level, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_text => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes, since reading text with half a surrogate pair as text is an error.
        deserializer.deserialize_bytes(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text { text: text.to_owned(), is_whole: true })
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
        let is_whole = std::str::from_utf8(bytes).is_ok();
        Ok(Text { text: String::from_utf8_lossy(bytes).into_owned(), is_whole })
    }
}

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = vec![];
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

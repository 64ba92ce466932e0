//! JSON that is kept as text, so that its numbers are never changed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::raw::{entries, levels, text};

/// How much of the place of a mistake an error shows, in bytes.
const PLACE_BYTES: usize = 128;

/// A JSON value as it was written. It is kept as text, because no number type holds every number of JSON (`1e400`,
/// `0.1000`, twenty digits). Two values are equal if their texts are.
///
/// It can be read and written by `serde_json` only, and not inside a type with `#[serde(tag)]` or `#[serde(flatten)]`,
/// which would round its numbers first.
#[derive(Clone, Debug, Default)]
pub struct Json(Box<RawValue>);

/// Why text is refused as JSON. The caller puts the name of what was read (a document, a body) before the message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text has another encoding.
    #[error("is {0}, must be UTF-8")]
    Encoding(&'static str),
    /// The bytes are not UTF-8, and no other encoding is recognised.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The text is not JSON.
    #[error("is not JSON: {0}")]
    Syntax(#[source] serde_json::Error),
    /// The JSON has more than this many levels.
    #[error("is nested too deeply: at most {0} levels are allowed")]
    TooDeep(usize),
    /// An object has a name twice. Some readers take the first value, some the last. The place is a JSON Pointer (RFC
    /// 6901).
    #[error("has a name twice, at {0}")]
    NameTwice(String),
    /// A text contains half a surrogate pair (as in `"\ud800"`), which is no character.
    #[error("has half a surrogate pair in its text, at {0}")]
    HalfPair(String),
}

impl Json {
    /// Reads JSON and keeps its text, without the space around it.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        serde_json::from_str(text).map(Self).map_err(JsonError::Syntax)
    }

    /// The JSON as text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Whether the value is `null`. A value that is left out is read as `null`, too.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// Reads the value as a type. Types that hold numbers round them or refuse them.
    ///
    /// # Errors
    /// If the value does not fit the type.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.text())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        // Writing a `Value` never fails.
        Self(serde_json::value::to_raw_value(&value).unwrap_or_default())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::deserialize(deserializer).map(Self)
    }
}

/// Reads bytes as UTF-8, and drops the byte order mark that some editors put in front.
///
/// # Errors
/// If the bytes are not UTF-8. The error names the encoding, if it is recognised.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    let encoding = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => Some("UTF-32"),
        // JSON begins with an ASCII character. In UTF-16 without a byte order mark, one of its two bytes is zero.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => Some("UTF-16"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(JsonError::Encoding(encoding));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Checks that text is JSON without a name that is there twice, and with at most this many levels. Returns its
/// canonical form: no space between tokens, names in order, text escaped the shortest way, numbers as they were
/// written.
///
/// # Errors
/// If it is not.
pub fn canonical(text: &str, most_levels: usize) -> Result<String, JsonError> {
    let text = utf8(text.as_bytes())?;
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Err(JsonError::Empty);
    }
    if levels(text) > most_levels {
        return Err(JsonError::TooDeep(most_levels));
    }
    let value: &RawValue = serde_json::from_str(text).map_err(JsonError::Syntax)?;
    let mut canonical = Canonical { out: String::with_capacity(text.len()), place: vec![] };
    canonical.write(value.get())?;
    Ok(canonical.out)
}

/// Writes values in their canonical form.
struct Canonical {
    out: String,
    /// The names and indices that lead to the value that is being written.
    place: Vec<String>,
}

impl Canonical {
    fn write(&mut self, value: &str) -> Result<(), JsonError> {
        match value.as_bytes().first() {
            Some(b'{') => self.write_object(value)?,
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(value).map_err(JsonError::Syntax)?;
                self.out.push('[');
                for (index, value) in items.iter().enumerate() {
                    self.out.push_str(if index == 0 { "" } else { "," });
                    self.below(index.to_string(), value)?;
                }
                self.out.push(']');
            }
            Some(b'"') => {
                let text = text(value).filter(|text| text.is_whole).ok_or_else(|| JsonError::HalfPair(self.here()))?;
                self.write_text(&text.text)?;
            }
            _ => self.out.push_str(value),
        }
        Ok(())
    }

    fn write_object(&mut self, value: &str) -> Result<(), JsonError> {
        let mut fields = BTreeMap::new();
        for (name, value) in entries(value).map_err(JsonError::Syntax)? {
            let at = |mut canonical: Vec<String>, name: &str| {
                canonical.push(name.to_owned());
                pointer(&canonical)
            };
            if !name.is_whole {
                return Err(JsonError::HalfPair(at(self.place.clone(), &name.text)));
            }
            if fields.contains_key(&name.text) {
                return Err(JsonError::NameTwice(at(self.place.clone(), &name.text)));
            }
            fields.insert(name.text, value);
        }
        self.out.push('{');
        for (index, (name, value)) in fields.into_iter().enumerate() {
            self.out.push_str(if index == 0 { "" } else { "," });
            self.write_text(&name)?;
            self.out.push(':');
            self.below(name, value)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn below(&mut self, name: String, value: &RawValue) -> Result<(), JsonError> {
        self.place.push(name);
        self.write(value.get())?;
        self.place.pop();
        Ok(())
    }

    fn write_text(&mut self, text: &str) -> Result<(), JsonError> {
        self.out.push_str(&serde_json::to_string(text).map_err(JsonError::Syntax)?);
        Ok(())
    }

    fn here(&self) -> String {
        pointer(&self.place)
    }
}

/// A JSON Pointer (RFC 6901), clipped; `/` for the whole document.
fn pointer(place: &[String]) -> String {
    let names = place.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
    let pointer = names.collect::<String>();
    let clipped = &pointer[..pointer.floor_char_boundary(PLACE_BYTES)];
    if clipped.is_empty() { "/".to_owned() } else { clipped.to_owned() }
}

/// JSON with one line for each value, formatted as `serde_json` does it, with every number as it was.
pub fn pretty(json: &str) -> String {
    let (mut out, mut level, mut in_text, mut escaped) = (String::with_capacity(json.len() * 2), 0_usize, false, false);
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    };
    for character in json.chars() {
        match character {
            _ if in_text => {
                out.push(character);
                in_text = escaped || character != '"';
                escaped = character == '\\' && !escaped;
                continue;
            }
            ' ' | '\t' | '\r' | '\n' => continue,
            ']' | '}' => {
                level = level.saturating_sub(1);
                if !out.ends_with(['[', '{']) {
                    line(&mut out, level);
                }
            }
            // The first value of an array or object that is not empty.
            _ if out.ends_with(['[', '{']) => line(&mut out, level),
            _ => {}
        }
        out.push(character);
        match character {
            '"' => in_text = true,
            '[' | '{' => level += 1,
            ',' => line(&mut out, level),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests;

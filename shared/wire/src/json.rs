//! JSON whose numbers are never read: bytes in, same bytes out.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::raw::{entries, levels, text};

/// The longest place that an error names, in bytes.
const PLACE_BYTES: usize = 128;

/// A JSON value as it was written. No type of ours holds every number of JSON (`1e400`, `0.1000`, twenty digits), so that
/// this one is text. Two are equal if their texts are.
///
/// It is read and written by `serde_json` only, and not inside of a type with `#[serde(tag)]` or `#[serde(flatten)]`, which
/// would round its numbers before.
#[derive(Clone, Debug, Default)]
pub struct Json(Box<RawValue>);

/// Why text is not taken as JSON. What it is (a document, a body) comes before these words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// There is nothing.
    #[error("is empty")]
    Empty,
    /// It is text of another encoding.
    #[error("is {0}, must be UTF-8")]
    Encoding(&'static str),
    /// It is no text of any encoding that is known here.
    #[error("is not UTF-8")]
    NotUtf8,
    /// It is not JSON.
    #[error("is not JSON: {0}")]
    Syntax(#[source] serde_json::Error),
    /// It is nested more deeply than this.
    #[error("is nested too deeply: at most {0} levels are taken")]
    TooDeep(usize),
    /// An object has a name twice. Some readers take the first, some the last. The place is a JSON Pointer (RFC 6901).
    #[error("has a name twice, at {0}")]
    NameTwice(String),
    /// A text has half a surrogate pair in it (as in `"\ud800"`), which is no character.
    #[error("has half a surrogate pair in its text, at {0}")]
    HalfPair(String),
}

impl Json {
    /// Takes text as it is, apart from the space around it.
    ///
    /// # Errors
    /// If it is not JSON.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        serde_json::from_str(text).map(Self).map_err(JsonError::Syntax)
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Whether it is `null`, which is how it looks if it is left out.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// Reads what it says. Types that hold numbers round them or refuse them.
    ///
    /// # Errors
    /// If it does not say such a thing.
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
        // A value always can be written.
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

/// Reads bytes as UTF-8, without the byte order mark that some editors put in front.
///
/// # Errors
/// If they are something else: which, if it can be told.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    let encoding = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => Some("UTF-32"),
        // Without a mark, one byte of two is zero: no text of ours begins with a character that is none.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => Some("UTF-16"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(JsonError::Encoding(encoding));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Checks that text is JSON that says one thing: no name twice, and no more levels than this. Returns it in its one form:
/// no space between tokens, names in order, text escaped the shortest way, numbers as they were written.
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

/// Writes values in their one form.
struct Canonical {
    out: String,
    /// The names and indices that lead to where it is.
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

/// A JSON Pointer (RFC 6901), clipped; `/` alone if it is to the whole.
fn pointer(place: &[String]) -> String {
    let names = place.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
    let pointer = names.collect::<String>();
    let clipped = &pointer[..pointer.floor_char_boundary(PLACE_BYTES)];
    if clipped.is_empty() { "/".to_owned() } else { clipped.to_owned() }
}

/// JSON with a line for each value, as `serde_json` writes it, and with every number as it was.
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
            // The first value of a container, which is not empty.
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

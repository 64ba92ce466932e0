//! The fields of an object in a node's message. Fields that something depends on are read strictly, others leniently.

use serde_json::value::RawValue;

use crate::raw::{Text, entries, text};

/// How much of a wrong value an error shows, in bytes.
const SHOWN_BYTES: usize = 32;

/// The result of reading a lenient value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// The value is valid.
    Whole(T),
    /// The value was changed to be valid, by clipping for example.
    Changed(T),
    /// The value can't be used.
    Dropped,
}

/// The fields of an object.
pub(crate) struct Fields<'a> {
    /// The path of the object in the message, with a dot at its end.
    path: String,
    fields: Vec<(Text, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// The fields of a message.
    ///
    /// # Errors
    /// If the text is not a JSON object.
    pub(crate) fn of_message(text: &'a str) -> Result<Self, serde_json::Error> {
        Ok(Self { path: String::new(), fields: entries(text)? })
    }

    /// The fields of a value in a message; `None` if the value is not an object.
    pub(crate) fn of_value(path: &str, value: &'a str) -> Option<Self> {
        Some(Self { path: format!("{path}."), fields: entries(value).ok()? })
    }

    /// A value; `None` if it is left out or `null`.
    ///
    /// # Errors
    /// If the name is there twice. Names that are never read may be there twice.
    pub(crate) fn find(&self, name: &str) -> Result<Option<&'a str>, String> {
        let mut found = self.fields.iter().filter(|(found, _)| found.text == name);
        let value = found.next().map(|(_, value)| value.get());
        if found.next().is_some() {
            return Err(format!("{}: is there twice", self.path_of(name)));
        }
        Ok(value.filter(|value| *value != "null"))
    }

    /// A value that may be left out. `must_be` says in words what it must be.
    ///
    /// # Errors
    /// If `read` returns nothing, or the name is there twice.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        must_be: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.find(name)? else { return Ok(None) };
        let read = read(value).map(Some);
        read.ok_or_else(|| format!("{}: must be {must_be}, not {}", self.path_of(name), shown(value)))
    }

    /// A value that must be there. `must_be` says in words what it must be.
    ///
    /// # Errors
    /// If it is missing, `read` returns nothing, or the name is there twice.
    pub(crate) fn required<T>(
        &self,
        name: &str,
        must_be: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, String> {
        let value = self.optional(name, must_be, read)?;
        value.ok_or_else(|| format!("{}: is missing: it must be {must_be}", self.path_of(name)))
    }

    /// A value that nothing depends on. If it is changed or dropped, `dropped` is raised.
    pub(crate) fn lenient<T>(
        &self,
        name: &str,
        dropped: &mut u32,
        read: impl FnOnce(&'a str) -> Taken<T>,
    ) -> Option<T> {
        let (value, is_whole) = match self.find(name).map(|value| value.map(read)) {
            Ok(None) => return None,
            Ok(Some(Taken::Whole(value))) => (Some(value), true),
            Ok(Some(Taken::Changed(value))) => (Some(value), false),
            Ok(Some(Taken::Dropped)) | Err(_) => (None, false),
        };
        *dropped += u32::from(!is_whole);
        value
    }

    /// The path of a field in the message.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }
}

/// Text that something depends on; `None` if the value is not text, or not all of it is valid.
pub(crate) fn exact_text(value: &str) -> Option<String> {
    text(value).filter(|text| text.is_whole).map(|text| text.text)
}

/// Text that only describes the node. A value that is not text is dropped.
pub(crate) fn lenient_text(value: &str) -> Taken<String> {
    match text(value) {
        Some(Text { text, is_whole: true }) => Taken::Whole(text),
        Some(Text { text, is_whole: false }) => Taken::Changed(text),
        None => Taken::Dropped,
    }
}

/// Text for people. A value that is not text is kept as its JSON, so that nothing that a node reports is lost.
pub(crate) fn text_for_people(value: &str, most_bytes: usize) -> Taken<String> {
    let text = match lenient_text(value) {
        Taken::Whole(text) if text.len() <= most_bytes => return Taken::Whole(text),
        Taken::Whole(text) | Taken::Changed(text) => text,
        Taken::Dropped => value.to_owned(),
    };
    Taken::Changed(text[..text.floor_char_boundary(most_bytes)].to_owned())
}

fn shown(value: &str) -> String {
    let clipped = &value[..value.floor_char_boundary(SHOWN_BYTES)];
    format!("{clipped}{}", if clipped.len() < value.len() { "…" } else { "" })
}

//! JSON objects, with a check for names that are there twice: readers differ in which of the two values they take.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The members of an object.
pub(crate) struct Object {
    members: BTreeMap<String, Value>,
    has_twins: bool,
}

impl Object {
    /// Reads an object in which no name is there twice.
    ///
    /// # Errors
    /// What is wrong with it, without repeating anything of it.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let object: Self = serde_json::from_slice(text).map_err(|_| "is not a JSON object")?;
        if object.has_twins { Err("has a name twice") } else { Ok(object) }
    }

    /// A member; `None` if it is absent or `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// Whether there is a member with this name, `null` or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether a name is there twice.
    pub(crate) fn has_twins(&self) -> bool {
        self.has_twins
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object, M::Error> {
        let mut object = Object { members: BTreeMap::new(), has_twins: false };
        while let Some((name, value)) = map.next_entry()? {
            object.has_twins |= object.members.insert(name, value).is_some();
        }
        Ok(object)
    }
}

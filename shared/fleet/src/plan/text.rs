//! How ids and words of the rules are written in a plan's JSON.

/// A value that is written as it is displayed, and read with [`std::str::FromStr`].
pub(super) mod from_str {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::plan) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in crate::plan) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Which nodes may connect: `open` or `closed`.
pub(super) mod registration {
    use rollcall_core::Registration;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(in crate::plan) fn serialize<S: Serializer>(value: &Registration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match value {
            Registration::Open => "open",
            Registration::Closed => "closed",
        })
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Registration, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "open" => Ok(Registration::Open),
            "closed" => Ok(Registration::Closed),
            other => Err(D::Error::custom(format!("registration is open or closed, not {other:?}"))),
        }
    }
}

//! Places in a request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place in a request, such as `query:mac` or `json:/device/id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// `path:NAME`: a variable of the path.
    Path(String),
    /// `query:NAME`: a parameter of the query.
    Query(String),
    /// `header:NAME`: a header.
    Header(String),
    /// `form:NAME`: a field of a form in the body (`application/x-www-form-urlencoded`).
    Form(String),
    /// `json:POINTER`: a value in a JSON body, by its JSON Pointer (RFC 6901).
    Json(String),
    /// `basic:user`: the user of HTTP Basic authentication.
    User,
    /// `basic:password`: its password.
    Password,
}

/// Why a text is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no place: it must be path:NAME, query:NAME, header:NAME, form:NAME, json:/POINTER, basic:user or basic:password"
)]
pub struct InvalidPlace(String);

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let invalid = || InvalidPlace(text.chars().take(80).collect());
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty()).ok_or_else(invalid)?;
        let named = name.to_owned();
        match (kind, name) {
            ("path", _) => Ok(Self::Path(named)),
            ("query", _) => Ok(Self::Query(named)),
            ("header", _) if name.parse::<http::HeaderName>().is_ok() => Ok(Self::Header(named.to_ascii_lowercase())),
            ("form", _) => Ok(Self::Form(named)),
            ("json", _) if name.starts_with('/') => Ok(Self::Json(named)),
            ("basic", "user") => Ok(Self::User),
            ("basic", "password") => Ok(Self::Password),
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = InvalidPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlace> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) => write!(f, "path:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Form(name) => write!(f, "form:{name}"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
            Self::User => f.write_str("basic:user"),
            Self::Password => f.write_str("basic:password"),
        }
    }
}

#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Place {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, Type};

        let pattern = "^(path:.+|query:.+|header:.+|form:.+|json:/.*|basic:(user|password))$";
        let description = "A place in a request, such as `query:mac` or `json:/device/id`.";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).description(Some(description)).into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Place {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for text in
            ["path:mac", "query:fw", "header:x-device", "form:id", "json:/a/0/b", "basic:user", "basic:password"]
        {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("header:X-Device".parse(), Ok(Place::Header("x-device".to_owned())), "headers have no case");
        for wrong in ["", "mac", "query:", "json:a", "basic:secret", "cookie:id", "header:a b", "Query:a", ":a"] {
            let error = wrong.parse::<Place>().expect_err(wrong).to_string();
            assert!(error.starts_with(&format!("{wrong:?}")) && error.contains("query:NAME"), "{error}");
        }
    }
}

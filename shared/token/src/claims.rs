//! What a token says.

use rollcall_core::{CredentialVersion, NodeId, Timestamp};
use serde_json::Value;

use crate::json::Object;
use crate::verifier::TokenError;

/// The end of the year 9999, in seconds since 1970. A later time is a mistake: milliseconds instead of seconds, for
/// example.
const LAST_S: f64 = 253_402_300_799.0;

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The node that the token is for (`sub`).
    pub node: NodeId,
    /// The version of the node's credentials (`cv`).
    pub credentials: CredentialVersion,
    /// From when on the token is no longer valid (`exp`).
    pub expires_at: Timestamp,
    /// From when on the token is valid (`nbf`), if it says so.
    pub not_before: Option<Timestamp>,
    /// When the token was made (`iat`), if it says so.
    pub issued_at: Option<Timestamp>,
    /// The audience that the token is for (`aud`), if it says so.
    pub audience: Option<Vec<String>>,
}

impl Claims {
    /// Reads a payload.
    ///
    /// # Errors
    /// If a claim is missing or not valid.
    pub(crate) fn read(payload: &Object) -> Result<Self, TokenError> {
        let malformed = TokenError::Malformed;
        let instant = |name: &str, wrong: &'static str| {
            payload.get(name).map(|value| instant(value).ok_or(malformed(wrong))).transpose()
        };
        let node = payload.get("sub").and_then(Value::as_str).ok_or(malformed("its sub is missing or not text"))?;
        let credentials = payload.get("cv").and_then(whole).ok_or(malformed("its cv is missing or not a version"))?;
        let expires_at = instant("exp", "its exp is not a time in seconds")?.ok_or(malformed("its exp is missing"))?;
        Ok(Self {
            node: node.parse().map_err(TokenError::WrongSubject)?,
            credentials: CredentialVersion(credentials),
            expires_at,
            not_before: instant("nbf", "its nbf is not a time in seconds")?,
            issued_at: instant("iat", "its iat is not a time in seconds")?,
            audience: payload.get("aud").map(audience),
        })
    }
}

/// A `NumericDate` (RFC 7519, section 2), to the millisecond.
fn instant(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_S).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    let milliseconds = (seconds * 1000.0).round() as u64;
    Some(Timestamp(milliseconds))
}

/// A whole number, however it is written: `1.0` is 1 (RFC 8259, section 6).
fn whole(value: &Value) -> Option<u32> {
    let number =
        value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
    let number = number as u32;
    Some(number)
}

/// The audience in a claim: a text, or a list of texts. Any other value names no audience.
fn audience(value: &Value) -> Vec<String> {
    let texts = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    texts.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

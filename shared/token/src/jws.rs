//! A signed token, taken apart (RFC 7515, section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::json::Object;
use crate::verifier::TokenError;

/// The longest token that is read, in bytes. API Gateway takes 10,240 bytes of headers in all (Amazon API Gateway quotas).
pub const TOKEN_BYTES: usize = 8192;

/// A token's parts. Nothing of it is checked but its form.
pub(crate) struct Jws<'a> {
    /// What its header calls the algorithm.
    pub(crate) algorithm: String,
    /// The name of its key.
    pub(crate) kid: String,
    /// The payload.
    pub(crate) payload: Object,
    /// What is signed.
    pub(crate) signed: &'a str,
    /// The signature, as it is written.
    pub(crate) signature: &'a str,
}

impl<'a> Jws<'a> {
    /// Takes a token apart. What is no part of base64url is not skipped: two texts are never the same token.
    ///
    /// # Errors
    /// If it has not this form, or demands what is not done here.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = check_form(token).map_err(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed("it has not three parts"))?;
        let [header, payload, _] = [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part));
        let not_base64url = |_| TokenError::Malformed("a part of it is not base64url (RFC 4648, section 5)");
        let (header, payload) = (header.map_err(not_base64url)?, payload.map_err(not_base64url)?);
        URL_SAFE_NO_PAD.decode(signature).map_err(not_base64url)?;

        let header = Object::parse(&header).map_err(|_| TokenError::Malformed("its header is not one JSON object"))?;
        refuse_demands(&header)?;
        let algorithm = text(&header, "alg")?.ok_or(TokenError::Malformed("its header has no alg"))?;
        let kid = text(&header, "kid")?.filter(|kid| !kid.is_empty()).ok_or(TokenError::NoKey)?;
        let payload =
            Object::parse(&payload).map_err(|_| TokenError::Malformed("its payload is not one JSON object"))?;
        Ok(Self { algorithm, kid, payload, signed, signature })
    }
}

/// What is signed, and the signature.
fn check_form(token: &str) -> Result<(&str, &str), &'static str> {
    if token.len() > TOKEN_BYTES {
        return Err("it is longer than 8192 bytes");
    }
    if token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("it has white space or control characters in it");
    }
    if token.contains('=') {
        return Err("it is padded with =, which base64url in a JWT is not (RFC 7515, section 2)");
    }
    match token.split('.').count() {
        3 => token.rsplit_once('.').ok_or("it has not three parts"),
        5 => Err("it is encrypted"),
        _ => Err("it has not three parts with dots between them"),
    }
}

/// A header may demand that whoever does not understand it refuses it. Nothing that can be demanded is understood here.
fn refuse_demands(header: &Object) -> Result<(), TokenError> {
    // Its form does not matter either: an empty list, or names that are not there, are no better (section 4.1.11).
    if header.has("crit") {
        return Err(TokenError::Critical);
    }
    // What leaves the payload as it is must say so in `crit` (RFC 7797, section 6).
    if header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
        return Err(TokenError::Critical);
    }
    let nested = |kind: &str| kind.eq_ignore_ascii_case("JWT") || kind.eq_ignore_ascii_case("application/jwt");
    match text(header, "cty")? {
        Some(kind) if nested(&kind) => Err(TokenError::Nested),
        _ => Ok(()),
    }
}

fn text(header: &Object, name: &str) -> Result<Option<String>, TokenError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenError::Malformed("alg, kid or cty in its header is not text")),
    }
}

//! Splits a signed token into its parts (RFC 7515, section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::json::Object;
use crate::verifier::TokenError;

/// The longest token that is read, in bytes. API Gateway accepts 10,240 bytes of headers in all (Amazon API Gateway
/// quotas).
pub const TOKEN_BYTES: usize = 8192;

/// The parts of a token. Only the form of the token has been checked.
pub(crate) struct Jws<'a> {
    /// The name of the algorithm in the header.
    pub(crate) algorithm: String,
    /// The `kid` of the key.
    pub(crate) kid: String,
    /// The payload.
    pub(crate) payload: Object,
    /// The part of the token that is signed.
    pub(crate) signed: &'a str,
    /// The signature, in base64url.
    pub(crate) signature: &'a str,
}

impl<'a> Jws<'a> {
    /// Splits a token into its parts. Characters that base64url does not have are refused and not skipped, so that
    /// every token has only one text.
    ///
    /// # Errors
    /// If the token does not have this form, or its header demands an extension.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = check_form(token).map_err(TokenError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Malformed("it does not have three parts"))?;
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

/// The part of a token that is signed, and its signature.
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
        3 => token.rsplit_once('.').ok_or("it does not have three parts"),
        5 => Err("it is encrypted"),
        _ => Err("it does not have three parts with dots between them"),
    }
}

/// A header may demand that a token is refused by a reader that does not understand an extension. No extension is
/// supported here.
fn refuse_demands(header: &Object) -> Result<(), TokenError> {
    // The value does not matter: an empty list, or names that are absent from the header, are no better (section
    // 4.1.11).
    if header.has("crit") {
        return Err(TokenError::Critical);
    }
    // A header that leaves the payload unencoded must also list that in `crit` (RFC 7797, section 6).
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

//! The keys that tokens are checked with (RFC 7517, RFC 7518, RFC 8037).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use rollcall_core::Clipped;
use serde::Deserialize;
use serde_json::Value;

use crate::json::Object;

/// The members of a private key (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];
/// The longest `kid` of a key, in bytes. The limit is Rollcall's own, so that a token with the `kid` stays short.
const KID_BYTES: usize = 256;
/// The length of a coordinate of P-256 and of a public key of Ed25519, in bytes.
const COORDINATE: usize = 32;
/// The shortest secret for HS256, in bytes (RFC 7518, section 3.2).
const SECRET: usize = 32;

/// Why a key set can't be used. The error names the key and the mistake, and repeats nothing of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is not a JWK set.
    #[error("not a JWK set (RFC 7517): {0}")]
    Malformed(String),
    /// It has no keys.
    #[error("the key set is empty")]
    Empty,
    /// A key has no `kid`.
    #[error("key {position} has no kid")]
    NoId {
        /// The key's place in the set, from 1.
        position: usize,
    },
    /// Two keys have the same `kid`.
    #[error("two keys are called \"{}\"", Clipped(.0))]
    SameId(String),
    /// A key contains its private part.
    #[error(
        "key \"{}\" has its private part with it ({member}): whoever reads it could sign tokens; give its public part \
         alone, and if it was kept anywhere, exchange it",
        Clipped(.kid)
    )]
    Private {
        /// The key's `kid`.
        kid: String,
        /// The private member.
        member: &'static str,
    },
    /// A key can't be used.
    #[error("key \"{}\" {reason}", Clipped(.kid))]
    Unusable {
        /// The key's `kid`.
        kid: String,
        /// Why the key can't be used.
        reason: &'static str,
    },
}

/// A key, and the only algorithm that it is used for.
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

impl Key {
    /// Whether the key can sign tokens as well as check them.
    pub(crate) fn is_symmetric(&self) -> bool {
        self.algorithm == Algorithm::HS256
    }

    /// The algorithm's name in a token's header.
    pub(crate) fn algorithm_name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::ES256 => "ES256",
            Algorithm::HS256 => "HS256",
            _ => "EdDSA",
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Object>,
}

/// Reads a JWK set into a map from the `kid` to the key.
///
/// # Errors
/// The first mistake in the set.
pub(crate) fn read(jwks: &str) -> Result<BTreeMap<String, Key>, KeysError> {
    let set: Set = serde_json::from_str(jwks.trim_start_matches('\u{feff}')).map_err(|error| {
        // Not with the error's own text, which quotes the value that it refuses.
        let (line, column) = (error.line(), error.column());
        KeysError::Malformed(format!(
            "it must be {{\"keys\": [{{…}}, …]}}; the first mistake is at line {line}, column {column}"
        ))
    })?;
    if set.keys.is_empty() {
        return Err(KeysError::Empty);
    }
    let mut keys = BTreeMap::new();
    for (position, jwk) in (1..).zip(&set.keys) {
        let kid = kid(position, jwk)?;
        let key = key(&kid, jwk)?;
        if keys.contains_key(&kid) {
            return Err(KeysError::SameId(kid));
        }
        keys.insert(kid, key);
    }
    Ok(keys)
}

fn kid(position: usize, jwk: &Object) -> Result<String, KeysError> {
    let wrong = |reason: &str| KeysError::Malformed(format!("key {position} {reason}"));
    match jwk.get("kid") {
        None => Err(KeysError::NoId { position }),
        Some(Value::String(kid)) if kid.is_empty() => Err(KeysError::NoId { position }),
        Some(Value::String(kid)) if kid.len() > KID_BYTES => Err(wrong("has a kid of more than 256 bytes")),
        Some(Value::String(kid)) if kid.contains(char::is_control) => Err(wrong("has control characters in its kid")),
        Some(Value::String(kid)) => Ok(kid.clone()),
        Some(_) => Err(wrong("has a kid that is not text")),
    }
}

fn key(kid: &str, jwk: &Object) -> Result<Key, KeysError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let private = PRIVATE.into_iter().find(|member| jwk.get(member).is_some());
    let private = private.or_else(|| (text("kty") != Some("oct") && jwk.get("k").is_some()).then_some("k"));
    if let Some(member) = private {
        return Err(KeysError::Private { kid: kid.to_owned(), member });
    }
    let parsed = purpose(jwk).and_then(|()| match (text("kty"), text("alg")) {
        (Some("OKP"), Some("EdDSA")) => ed25519(jwk).map(|key| (Algorithm::EdDSA, key)),
        (Some("EC"), Some("ES256")) => p256(jwk).map(|key| (Algorithm::ES256, key)),
        (Some("oct"), Some("HS256")) => secret(jwk).map(|key| (Algorithm::HS256, key)),
        (Some("OKP" | "EC" | "oct"), None) => Err("must have an alg: EdDSA, ES256 or HS256"),
        (Some("OKP" | "EC" | "oct"), Some("EdDSA" | "ES256" | "HS256")) => {
            Err("has an alg that is not for its kty: EdDSA is for OKP, ES256 for EC, HS256 for oct")
        }
        (Some("OKP" | "EC" | "oct"), Some(_)) => Err("must have another alg: EdDSA, ES256 or HS256"),
        _ => Err("must have another kty: OKP (with alg EdDSA), EC (ES256) or oct (HS256)"),
    });
    let (algorithm, key) = parsed.map_err(|reason| KeysError::Unusable { kid: kid.to_owned(), reason })?;
    Ok(Key { algorithm, key })
}

/// Checks that the key may be used to check signatures.
fn purpose(jwk: &Object) -> Result<(), &'static str> {
    if jwk.has_twins() {
        return Err("has a member twice");
    }
    if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err("is not for signatures (its use is not sig)");
    }
    let verifies = |operations: &Value| operations.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"));
    if jwk.get("key_ops").is_some_and(|operations| !verifies(operations)) {
        return Err("is not for checking signatures (its key_ops lack verify)");
    }
    Ok(())
}

fn ed25519(jwk: &Object) -> Result<DecodingKey, &'static str> {
    curve(jwk, "Ed25519", "must have the crv Ed25519, which its alg is for")?;
    let x = coordinate(jwk, "x", "has an x that is not 32 bytes in base64url without padding")?;
    let point = ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| "has an x that is no point of Ed25519")?;
    if point.is_weak() {
        return Err("has an x that anybody can sign for (a point of small order)");
    }
    Ok(DecodingKey::from_ed_der(&x))
}

fn p256(jwk: &Object) -> Result<DecodingKey, &'static str> {
    curve(jwk, "P-256", "must have the crv P-256, which its alg is for")?;
    let x = coordinate(jwk, "x", "has an x that is not 32 bytes in base64url without padding")?;
    let y = coordinate(jwk, "y", "has a y that is not 32 bytes in base64url without padding")?;
    // Uncompressed (SEC 1, section 2.3.3).
    let point = [&[4], &x[..], &y[..]].concat();
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&point)
        .map_err(|_| "has an x and a y that are no point of P-256: are they in each other's place?")?;
    Ok(DecodingKey::from_ec_der(&point))
}

fn secret(jwk: &Object) -> Result<DecodingKey, &'static str> {
    let secret = bytes(jwk, "k").ok_or("has a k that is not base64url without padding")?;
    if secret.len() < SECRET {
        return Err("is shorter than the 256 bits that HS256 needs (RFC 7518, section 3.2)");
    }
    Ok(DecodingKey::from_secret(&secret))
}

fn curve(jwk: &Object, expected: &str, wrong: &'static str) -> Result<(), &'static str> {
    jwk.get("crv").is_some_and(|curve| curve == expected).then_some(()).ok_or(wrong)
}

fn coordinate(jwk: &Object, name: &str, wrong: &'static str) -> Result<[u8; COORDINATE], &'static str> {
    bytes(jwk, name).and_then(|bytes| bytes.try_into().ok()).ok_or(wrong)
}

fn bytes(jwk: &Object, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}

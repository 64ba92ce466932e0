//! Checking tokens.

use std::collections::BTreeMap;
use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rollcall_core::{CredentialVersion, InvalidId, NodeId, Timestamp};
use serde::Deserialize;

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose token it is.
    pub node: NodeId,
    /// The version of the node's credentials.
    pub credentials: CredentialVersion,
    /// From when on it is no longer valid.
    pub expires_at: Timestamp,
}

/// Why a token is not accepted. Never contains the token or a part of it, except for the name of its key.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWT, or its header or payload is not what ours are; an algorithm that is none (`none`) included.
    #[error("the token is malformed")]
    Malformed(#[source] jsonwebtoken::errors::Error),
    /// It names no key.
    #[error("the token names no key")]
    NoKey,
    /// It names a key that is not among ours.
    #[error("the token's key is unknown: {0:?}")]
    UnknownKey(String),
    /// Its algorithm is not the one that its key is for.
    #[error("the token's algorithm is not its key's")]
    WrongAlgorithm,
    /// Its signature is not its key's.
    #[error("the token's signature is wrong")]
    WrongSignature(#[source] jsonwebtoken::errors::Error),
    /// It is no longer valid.
    #[error("the token has expired")]
    Expired,
    /// Its subject is not a node id.
    #[error("the token's subject is no node id")]
    WrongSubject(#[source] InvalidId),
}

/// A key set that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It is not a JWK set.
    #[error("not a JWK set (RFC 7517)")]
    Malformed(#[source] serde_json::Error),
    /// It has no keys.
    #[error("the key set is empty")]
    Empty,
    /// A key has no `kid`.
    #[error("key {position} has no kid")]
    NoId {
        /// Its place, from 1.
        position: usize,
    },
    /// Two keys have the same `kid`.
    #[error("two keys are called {0:?}")]
    SameId(String),
    /// A key does not say which of the algorithms it is for.
    #[error("key {0:?} must have an alg: EdDSA, ES256 or HS256")]
    NoAlgorithm(String),
    /// An HS256 key is too short to be safe.
    #[error("key {0:?} is shorter than the 256 bits that HS256 needs (RFC 7518, section 3.2)")]
    TooShort(String),
    /// A key's material is unusable.
    #[error("key {kid:?} is unusable")]
    Unusable {
        /// Which.
        kid: String,
        /// Why.
        source: jsonwebtoken::errors::Error,
    },
}

/// Checks tokens against a set of keys.
pub struct Verifier {
    keys: BTreeMap<String, (Algorithm, DecodingKey)>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

#[derive(Deserialize)]
struct Payload {
    sub: String,
    cv: u32,
    exp: u64,
}

impl Verifier {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// If it is not one, or one of its keys can't be used safely.
    pub fn from_jwks(jwks: &str) -> Result<Self, KeysError> {
        let set: JwkSet = serde_json::from_str(jwks).map_err(KeysError::Malformed)?;
        if set.keys.is_empty() {
            return Err(KeysError::Empty);
        }
        let mut keys = BTreeMap::new();
        for (position, jwk) in (1..).zip(&set.keys) {
            let kid = jwk.common.key_id.clone().ok_or(KeysError::NoId { position })?;
            let key = usable(&kid, jwk)?;
            if keys.insert(kid.clone(), key).is_some() {
                return Err(KeysError::SameId(kid));
            }
        }
        Ok(Self { keys })
    }

    /// What a token says, if it is one of ours and valid now.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let header = decode_header(token).map_err(unreadable)?;
        let kid = header.kid.ok_or(TokenError::NoKey)?;
        let Some((algorithm, key)) = self.keys.get(&kid) else {
            return Err(TokenError::UnknownKey(kid));
        };
        if header.alg != *algorithm {
            return Err(TokenError::WrongAlgorithm);
        }
        let payload: Payload = decode(token, key, &signature_only(*algorithm)).map_err(unreadable)?.claims;
        let expires_at = Timestamp(payload.exp.saturating_mul(1000));
        if expires_at <= now {
            return Err(TokenError::Expired);
        }
        let node = payload.sub.parse().map_err(TokenError::WrongSubject)?;
        Ok(Claims { node, credentials: CredentialVersion(payload.cv), expires_at })
    }
}

/// The library would read the clock for the expiry; that is checked against the caller's.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

fn usable(kid: &str, jwk: &Jwk) -> Result<(Algorithm, DecodingKey), KeysError> {
    let algorithm = match jwk.common.key_algorithm {
        Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
        Some(KeyAlgorithm::ES256) => Algorithm::ES256,
        Some(KeyAlgorithm::HS256) => Algorithm::HS256,
        _ => return Err(KeysError::NoAlgorithm(kid.to_owned())),
    };
    let key = DecodingKey::from_jwk(jwk).map_err(|source| KeysError::Unusable { kid: kid.to_owned(), source })?;
    if key.family() != algorithm.family() {
        return Err(KeysError::NoAlgorithm(kid.to_owned()));
    }
    if algorithm == Algorithm::HS256 && key.try_get_as_bytes().is_ok_and(|secret| secret.len() < 32) {
        return Err(KeysError::TooShort(kid.to_owned()));
    }
    Ok((algorithm, key))
}

fn unreadable(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::WrongSignature(error),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::WrongAlgorithm
        }
        _ => TokenError::Malformed(error),
    }
}

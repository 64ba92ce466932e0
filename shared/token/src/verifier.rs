//! Checking tokens.

use std::collections::BTreeMap;
use std::fmt;

use jsonwebtoken::crypto;
use rollcall_core::{Clipped, InvalidId, Seconds, Timestamp};

use crate::claims::Claims;
use crate::jwk::{self, Key, KeysError};
use crate::jws::Jws;

/// How far the clock of the signer may be ahead, in seconds. A token that was made just now must be valid.
const LEEWAY_S: Seconds = 60;

/// Why a token is not accepted. The error never contains the token or a part of it, except for the beginning of its
/// key's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWT, or its header or payload is not valid.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// Its header has a `crit`, or says that the payload is not encoded.
    #[error("the token's header demands an extension that is not supported (crit)")]
    Critical,
    /// It contains another token.
    #[error("the token has another token in it (cty)")]
    Nested,
    /// It names no key.
    #[error("the token names no key")]
    NoKey,
    /// It names a key that is not in the key set.
    #[error("the token's key is unknown: \"{}\"", Clipped(.0))]
    UnknownKey(String),
    /// Its algorithm is not the one that its key is for, or is `none`.
    #[error("the token's algorithm does not match its key")]
    WrongAlgorithm,
    /// Its signature was not made with its key.
    #[error("the token's signature is wrong")]
    WrongSignature,
    /// It is no longer valid.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet (nbf)")]
    NotYet,
    /// It is for another audience, or names none.
    #[error("the token is for another audience, or for none (aud)")]
    WrongAudience,
    /// It is valid for longer than the configuration allows.
    #[error("the token is valid for too long (exp)")]
    TooLong,
    /// Its subject is not a node id.
    #[error("the token's subject is no node id")]
    WrongSubject(#[source] InvalidId),
}

/// What tokens must fulfil besides a valid signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    audience: Option<String>,
    life_max: Seconds,
}

impl Demands {
    /// Tokens must be for this audience, if one is given, and may be valid for at most `life_max`, if that is not 0.
    pub fn new(audience: Option<&str>, life_max: Seconds) -> Self {
        let audience = audience.map(str::trim).filter(|audience| !audience.is_empty());
        Self { audience: audience.map(str::to_owned), life_max }
    }

    fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
        if let Some(demanded) = &self.audience {
            let named = claims.audience.as_ref().is_some_and(|audience| audience.contains(demanded));
            named.then_some(()).ok_or(TokenError::WrongAudience)?;
        }
        // A token whose `iat` lies in the future does not live longer for it.
        let issued_at = claims.issued_at.map_or(now, |issued_at| issued_at.min(now.plus_seconds(LEEWAY_S)));
        if self.life_max > 0 && claims.expires_at > issued_at.plus_seconds(self.life_max) {
            return Err(TokenError::TooLong);
        }
        Ok(())
    }
}

/// Checks tokens against a set of keys.
pub struct Verifier {
    keys: BTreeMap<String, Key>,
    demands: Demands,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl Verifier {
    /// Reads a JWK set.
    ///
    /// # Errors
    /// If it is not a JWK set, or one of its keys is not safe to use or contains its private part.
    pub fn from_jwks(jwks: &str) -> Result<Self, KeysError> {
        Ok(Self { keys: jwk::read(jwks)?, demands: Demands::default() })
    }

    /// The same verifier with these demands.
    #[must_use]
    pub fn demanding(self, demands: Demands) -> Self {
        Self { demands, ..self }
    }

    /// The names of the symmetric keys, which can sign tokens as well as check them.
    pub fn symmetric(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|(_, key)| key.is_symmetric()).map(|(kid, _)| kid.as_str())
    }

    /// The claims of a token, if it is signed with one of the keys and valid now.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let jws = Jws::parse(token)?;
        let Some(key) = self.keys.get(&jws.kid) else { return Err(TokenError::UnknownKey(jws.kid)) };
        if jws.algorithm != key.algorithm_name() {
            return Err(TokenError::WrongAlgorithm);
        }
        let signed = crypto::verify(jws.signature, jws.signed.as_bytes(), &key.key, key.algorithm);
        if !signed.is_ok_and(|signed| signed) {
            return Err(TokenError::WrongSignature);
        }
        let claims = Claims::read(&jws.payload)?;
        claims.check_time(now)?;
        self.demands.check(&claims, now)?;
        Ok(claims)
    }
}

impl Claims {
    /// Checks whether the token is valid now: to the millisecond at its end, and with a minute's leeway at its
    /// beginning.
    ///
    /// # Errors
    /// If the token is not valid now.
    pub fn check_time(&self, now: Timestamp) -> Result<(), TokenError> {
        if self.expires_at <= now {
            return Err(TokenError::Expired);
        }
        match self.not_before {
            Some(not_before) if not_before > now.plus_seconds(LEEWAY_S) => Err(TokenError::NotYet),
            _ => Ok(()),
        }
    }
}

/// The claims of a token, without checking them. Only a [`Verifier`] tells whether they are true.
///
/// # Errors
/// If the token can't be read.
pub fn unverified(token: &str) -> Result<Claims, TokenError> {
    Claims::read(&Jws::parse(token)?.payload)
}

//! Checking tokens.

use std::collections::BTreeMap;
use std::fmt;

use jsonwebtoken::crypto;
use rollcall_core::{Clipped, InvalidId, Seconds, Timestamp};

use crate::claims::Claims;
use crate::jwk::{self, Key, KeysError};
use crate::jws::Jws;

/// How far the clocks of whoever signs tokens may be ahead, in seconds: a token that was made just now must be good.
const LEEWAY_S: Seconds = 60;

/// Why a token is not accepted. Never contains the token or a part of it, except for the beginning of its key's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWT, or its header or payload is not what ours are.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// Its header has a `crit`, or a payload that is not encoded.
    #[error("the token demands what is not understood (crit)")]
    Critical,
    /// It is a token in a token.
    #[error("the token has another token in it (cty)")]
    Nested,
    /// It names no key.
    #[error("the token names no key")]
    NoKey,
    /// It names a key that is not among ours.
    #[error("the token's key is unknown: \"{}\"", Clipped(.0))]
    UnknownKey(String),
    /// Its algorithm is not the one that its key is for, or none (`none`).
    #[error("the token's algorithm is not its key's")]
    WrongAlgorithm,
    /// Its signature is not its key's.
    #[error("the token's signature is wrong")]
    WrongSignature,
    /// It is no longer valid.
    #[error("the token has expired")]
    Expired,
    /// It is not valid yet.
    #[error("the token is not valid yet (nbf)")]
    NotYet,
    /// It is not for us, or does not say so.
    #[error("the token is for another audience, or for none (aud)")]
    WrongAudience,
    /// It is valid for longer than a token may be.
    #[error("the token is valid for too long (exp)")]
    TooLong,
    /// Its subject is not a node id.
    #[error("the token's subject is no node id")]
    WrongSubject(#[source] InvalidId),
}

/// What is demanded of tokens besides a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    audience: Option<String>,
    life_max: Seconds,
}

impl Demands {
    /// That they are for this audience, if there is one, and valid for at most so long, if that is not 0.
    pub fn new(audience: Option<&str>, life_max: Seconds) -> Self {
        let audience = audience.map(str::trim).filter(|audience| !audience.is_empty());
        Self { audience: audience.map(str::to_owned), life_max }
    }

    fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
        if let Some(wanted) = &self.audience {
            let named = claims.audience.as_ref().is_some_and(|audience| audience.contains(wanted));
            named.then_some(()).ok_or(TokenError::WrongAudience)?;
        }
        // Whoever says that a token will be made later does not make it live longer.
        let made = claims.issued_at.map_or(now, |issued_at| issued_at.min(now.plus_seconds(LEEWAY_S)));
        if self.life_max > 0 && claims.expires_at > made.plus_seconds(self.life_max) {
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
    /// If it is not one, or one of its keys can't be used safely, or could sign as well as it checks and need not.
    pub fn from_jwks(jwks: &str) -> Result<Self, KeysError> {
        Ok(Self { keys: jwk::read(jwks)?, demands: Demands::default() })
    }

    /// One that demands this as well.
    #[must_use]
    pub fn demanding(self, demands: Demands) -> Self {
        Self { demands, ..self }
    }

    /// The names of the keys that sign as well as they check.
    pub fn symmetric(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|(_, key)| key.is_symmetric()).map(|(kid, _)| kid.as_str())
    }

    /// What a token says, if it is one of ours and valid now.
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
    /// Whether it is valid now: to the millisecond at its end, and with a minute's leeway at its beginning.
    ///
    /// # Errors
    /// If it is not.
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

/// What a token says of itself. Whether that is true, only a [`Verifier`] knows.
///
/// # Errors
/// If it says nothing that can be read.
pub fn unverified(token: &str) -> Result<Claims, TokenError> {
    Claims::read(&Jws::parse(token)?.payload)
}

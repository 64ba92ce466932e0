//! Signing tokens, for local development and tests. In production, the application signs them.

use std::fmt;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rollcall_core::{CredentialVersion, NodeId, Timestamp};
use serde::Serialize;

/// Signs tokens with one key.
pub struct Signer {
    kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A token or a key set that can't be made with a signing key.
#[derive(Debug, thiserror::Error)]
#[error("can't use the signing key {kid:?}")]
pub struct SignerError {
    /// The key's `kid`.
    pub kid: String,
    /// Why it can't be made.
    pub source: jsonwebtoken::errors::Error,
}

/// The limits of a token besides its expiry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits<'a> {
    /// From when on the token is valid.
    pub not_before: Option<Timestamp>,
    /// The audience that the token is for.
    pub audience: Option<&'a str>,
}

#[derive(Serialize)]
struct Payload<'a> {
    sub: &'a str,
    cv: u32,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

impl Signer {
    /// Signs with HS256 and this secret, of at least 32 bytes.
    pub fn hs256(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), algorithm: Algorithm::HS256, key: EncodingKey::from_secret(secret) }
    }

    /// Signs with `EdDSA` and this private key (PKCS #8, DER).
    pub fn eddsa(kid: &str, pkcs8: &[u8]) -> Self {
        Self { kid: kid.to_owned(), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(pkcs8) }
    }

    /// Signs with ES256 and this private key (PKCS #8, DER).
    pub fn es256(kid: &str, pkcs8: &[u8]) -> Self {
        Self { kid: kid.to_owned(), algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(pkcs8) }
    }

    /// Signs a token for a node.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn sign(
        &self,
        node: &NodeId,
        credentials: CredentialVersion,
        expires_at: Timestamp,
    ) -> Result<String, SignerError> {
        self.sign_limited(node, credentials, expires_at, Limits::default())
    }

    /// Signs a token for a node, with further limits.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn sign_limited(
        &self,
        node: &NodeId,
        credentials: CredentialVersion,
        expires_at: Timestamp,
        limits: Limits<'_>,
    ) -> Result<String, SignerError> {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) };
        let payload = Payload {
            sub: node.as_str(),
            cv: credentials.0,
            exp: expires_at.0 / 1000,
            nbf: limits.not_before.map(|not_before| not_before.0 / 1000),
            aud: limits.audience,
        };
        encode(&header, &payload, &self.key).map_err(|source| self.unusable(source))
    }

    /// The JWK set with this key alone, for [`Verifier::from_jwks`](crate::Verifier::from_jwks). It is secret if the
    /// key is symmetric.
    ///
    /// # Errors
    /// If the key can't be written as a JWK.
    pub fn jwks(&self) -> Result<String, SignerError> {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).map_err(|source| self.unusable(source))?;
        jwk.common.key_id = Some(self.kid.clone());
        Ok(serde_json::json!({ "keys": [jwk] }).to_string())
    }

    fn unusable(&self, source: jsonwebtoken::errors::Error) -> SignerError {
        SignerError { kid: self.kid.clone(), source }
    }
}

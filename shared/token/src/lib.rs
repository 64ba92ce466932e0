//! Node tokens: JWTs (RFC 7519) that the monolith signs and Rollcall verifies.
//!
//! A token's header names its key (`kid`); its payload has the node (`sub`), the credential version (`cv`) and the
//! expiry (`exp`), and may have from when on it is valid (`nbf`) and for whom (`aud`). Keys are a JWK set (RFC 7517) in
//! which each key names the one algorithm that it is for, so that a token never chooses how it is checked. Several keys
//! are valid at once, so that they can rotate.

mod claims;
mod json;
mod jwk;
mod jws;
mod signer;
mod verifier;

pub use claims::Claims;
pub use jwk::KeysError;
pub use jws::TOKEN_BYTES;
pub use signer::{Limits, Signer, SignerError};
pub use verifier::{Demands, TokenError, Verifier, unverified};

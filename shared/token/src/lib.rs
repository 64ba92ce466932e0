//! Node tokens: JWTs (RFC 7519) that the application signs and Rollcall verifies.
//!
//! A token's header names its key (`kid`). Its payload has the node (`sub`), the credential version (`cv`) and the
//! expiry (`exp`), and may have the beginning of its validity (`nbf`) and its audience (`aud`). Keys are a JWK set (RFC
//! 7517) in which each key names the one algorithm that it is for, so that a token never chooses how it is checked.
//! Several keys are valid at once, so that they can be rotated.

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

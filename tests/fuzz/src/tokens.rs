//! Tokens and the keys that check them.

use std::cell::OnceCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rollcall_core::Timestamp;
use rollcall_token::{Claims, TOKEN_BYTES, TokenError, Verifier, unverified};
use serde_json::Value;

use crate::{Outcomes, kind};

/// When tokens are verified.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// How far the clock of the signer may be ahead, in milliseconds.
const LEEWAY_MS: u64 = 60_000;
const SECRET: [u8; 32] = [7; 32];
/// The secret as `h`, and two public keys whose private halves are those of the tests of `shared/token`.
const KEYS: &str = include_str!("tokens/keys.json");
/// The longest text of a refusal, in bytes. It goes into a log line.
const REFUSAL_BYTES: usize = 128;
/// How long a member of a key is at least that is looked for in texts: no word of ours is so long.
const MATERIAL_BYTES: usize = 20;

thread_local! {
    static VERIFIER: OnceCell<Verifier> = const { OnceCell::new() };
}

/// Bytes as a token; as the header and the payload of a token that is signed with a known key, each in a line; and as a
/// set of keys.
pub fn tokens(data: &[u8]) -> Outcomes {
    let text = String::from_utf8_lossy(data);
    let mut outcomes = vec![format!("token: {}", verified(&text)), format!("keys: {}", keys(&text))];
    if let Some((header, payload)) = text.split_once('\n') {
        outcomes.push(format!("signed: {}", verified(&signed(header, payload))));
    }
    outcomes
}

/// A token with exactly this header and this payload.
fn signed(header: &str, payload: &str) -> String {
    let message = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let key = EncodingKey::from_secret(&SECRET);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
    format!("{message}.{signature}")
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    VERIFIER.with(|verifier| {
        let read = || Verifier::from_jwks(KEYS).expect("keys");
        verifier.get_or_init(read).verify(token, NOW)
    })
}

fn verified(token: &str) -> String {
    match verify(token) {
        Ok(claims) => {
            assert!(token.len() <= TOKEN_BYTES && token.split('.').count() == 3, "{token}");
            assert_eq!(unverified(token).as_ref(), Ok(&claims), "the claims are those in the token");
            assert!(claims.expires_at > NOW, "{claims:?}");
            assert!(claims.not_before.is_none_or(|from| from.0 <= NOW.0 + LEEWAY_MS), "{claims:?}");
            let changed = changed(token);
            assert!(verify(&changed).is_err(), "{changed} is taken, and so is {token}");
            format!("valid {} {}", claims.not_before.is_some(), claims.audience.map_or(0, |audience| audience.len()))
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < REFUSAL_BYTES && !text.contains(char::is_control), "{text:?}");
            let names_its_key = matches!(error, TokenError::UnknownKey(_));
            let repeats = |part: &str| part.len() >= MATERIAL_BYTES && text.contains(part);
            assert!(names_its_key || !token.split('.').any(repeats), "{text}");
            kind(text.split('"').next().unwrap_or_default())
        }
    }
}

/// The token with another character in one place, which depends on the token.
fn changed(token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte)) % bytes.len();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ASCII")
}

fn keys(jwks: &str) -> String {
    let text = match Verifier::from_jwks(jwks) {
        Ok(verifier) => {
            let symmetric = verifier.symmetric().count();
            assert!(members(jwks).iter().all(|(name, _)| name != "d"), "a private key is taken: {jwks}");
            format!("taken, {symmetric} symmetric")
        }
        Err(error) => {
            let text = error.to_string();
            for (name, value) in members(jwks).iter().filter(|(name, _)| name != "kid") {
                let is_material = value.len() >= MATERIAL_BYTES && !value.contains(char::is_whitespace);
                assert!(!is_material || !text.contains(value), "{name} is repeated: {text}");
            }
            assert!(text.len() < 512 && !text.contains(char::is_control), "{text:?}");
            text
        }
    };
    kind(text.rsplit_once('"').map_or(&*text, |(_, reason)| reason))
}

/// The members of all keys in a set that are text and not named in a `kid`.
fn members(jwks: &str) -> Vec<(String, String)> {
    let set: Value = serde_json::from_str(jwks.trim_start_matches('\u{feff}')).unwrap_or_default();
    let keys = set["keys"].as_array().cloned().unwrap_or_default();
    let kids: Vec<String> = keys.iter().filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect();
    let members = keys.iter().filter_map(Value::as_object).flatten();
    let text = members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    text.filter(|(_, value)| !kids.iter().any(|kid| kid.contains(value.as_str()))).collect()
}

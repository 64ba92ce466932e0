//! Cursors: where the next page begins, in a form that only the console can make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rollcall_wire::console::{Problem, ProblemCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// How many bytes of the signature are in a cursor. They are enough, since every guess takes a request.
const SIGNATURE: usize = 16;

/// Makes the cursor that says where the next page of this list begins.
pub(crate) fn write(secret: &[u8; 32], list: &str, after: &impl Serialize) -> String {
    // A plain struct or a number can always be written as JSON.
    let mut bytes = serde_json::to_vec(after).unwrap_or_default();
    let signature = signing(secret, list, &bytes).finalize().into_bytes();
    bytes.extend_from_slice(&signature[..SIGNATURE]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads where a page of this list begins.
pub(crate) fn read<T: DeserializeOwned>(secret: &[u8; 32], list: &str, cursor: &str) -> Result<T, Problem> {
    let wrong = || {
        Problem::new(
            ProblemCode::InvalidCursor,
            "cursor: it is not from this list, or the keys have changed since: begin without a cursor",
        )
    };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    let (bytes, signature) = bytes.split_at_checked(bytes.len().wrapping_sub(SIGNATURE)).ok_or_else(wrong)?;
    signing(secret, list, bytes).verify_truncated_left(signature).map_err(|_| wrong())?;
    serde_json::from_slice(bytes).map_err(|_| wrong())
}

/// The list comes first, as a hash. The hash has a fixed length, so that no list and key can be mistaken for another
/// list and key.
pub(crate) fn signing(secret: &[u8; 32], list: &str, bytes: &[u8]) -> Hmac<Sha256> {
    let mut key = hmac::digest::Key::<Hmac<Sha256>>::default();
    key[..secret.len()].copy_from_slice(secret);
    Hmac::<Sha256>::new(&key).chain_update(Sha256::digest(list)).chain_update(bytes)
}

#[cfg(test)]
mod tests {
    use crate::store::PageKey;

    use super::*;

    #[test]
    fn a_cursor_is_valid_in_its_own_list_only() {
        let (secret, after) = ([7; 32], PageKey { pk: "node#ap-1".to_owned(), sk: "node".to_owned() });
        let cursor = write(&secret, "site=hq", &after);
        assert_eq!(read(&secret, "site=hq", &cursor), Ok(after));
        assert_eq!(read::<PageKey>(&secret, "site=lab", &cursor).map_err(|problem| problem.status), Err(400));
        assert!(read::<PageKey>(&[8; 32], "site=hq", &cursor).is_err(), "a cursor of another deployment");
        for position in 0..cursor.len() {
            let mut tampered = cursor.clone().into_bytes();
            tampered[position] = if tampered[position] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(tampered).expect("ASCII");
            assert!(read::<PageKey>(&secret, "site=hq", &tampered).is_err(), "{position}");
        }
        for text in ["", "A", "???", &"A".repeat(500)] {
            assert!(read::<PageKey>(&secret, "site=hq", text).is_err(), "{text}");
        }
    }
}

//! Identifiers in the same forms as those of AWS.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A connection id: eleven random bytes in base64, which always ends in one `=`.
///
/// # Errors
/// If the system provides no random bytes.
pub(crate) fn connection() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 11];
    getrandom::fill(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

/// A random name in hexadecimal that other processes on the same machine can't guess.
///
/// # Errors
/// If the system provides no random bytes.
pub(crate) fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// An id for one request or message, in the form of a connection id. It is unique, but can be guessed.
pub(crate) fn request() -> String {
    let (high, low) = (next(), next());
    let mut bytes = [0; 11];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes()[..3]);
    STANDARD.encode(bytes)
}

/// An id for one invocation, in the form of a version 4 UUID. It is unique, but can be guessed.
pub(crate) fn invocation() -> String {
    let (high, low) = (next(), next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    )
}

/// An X-Ray trace header for a request that arrived at `epoch_seconds`.
pub(crate) fn trace(epoch_seconds: u64) -> String {
    format!("Root=1-{epoch_seconds:08x}-{:016x}{:08x}", next(), next() >> 32)
}

/// A number that never repeats within a process, and is unlikely to repeat in another one: a counter with a random
/// start, mixed by a bijection. Random bytes from the system would cost a system call for every message.
fn next() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let start = *START.get_or_init(|| RandomState::new().hash_one(0));
    let mut mixed = start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ids_have_the_same_forms_as_those_of_aws() {
        for id in [connection().unwrap(), request()] {
            assert_eq!(id.len(), 16);
            assert!(id.ends_with('=') && !id.ends_with("=="), "{id}");
        }
        let uuid = invocation();
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(trace(0x65c6_6b40).split('-').map(str::len).collect::<Vec<_>>(), [6, 8, 24]);
        assert_eq!(secret().unwrap().len(), 32);
    }
}

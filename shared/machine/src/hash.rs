//! What a SHA-256 looks like.

/// Whether this is a SHA-256 in lower-case hexadecimal. Such a text is safe in a URL path and as a file name.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

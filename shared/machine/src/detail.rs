//! The length of the texts that a check-in carries.

/// How much of a reason is reported, in bytes. The server keeps less. The limit exists because a check-in must fit a
/// frame.
pub(crate) const DETAIL_BYTES: usize = 512;

/// The start of a reason, cut to the length that is reported.
pub(crate) fn clipped(text: &str) -> String {
    text[..text.floor_char_boundary(DETAIL_BYTES)].to_owned()
}

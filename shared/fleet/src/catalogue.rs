//! What plans name by number: documents, commands and firmware images.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

/// The firmware that every node runs at the start.
pub const FIRST_FIRMWARE: &str = "1.0";

/// The text of the n-th configuration document, in its canonical form. Every tenth is too large for a message, so that
/// nodes fetch it.
pub fn document(n: u32) -> String {
    let channel = [36, 40, 44, 48][n as usize % 4];
    let filling = if n % 10 == 9 { 26_000 } else { 10 + n as usize % 50 };
    format!("{{\"channel\":{channel},\"filling\":\"{}\",\"nth\":{n},\"power\":1.50}}", "x".repeat(filling))
}

/// What a node's program does for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It does it at once: `done`.
    AtOnce,
    /// It needs 1 to 120 s for it: `done`.
    Slowly,
    /// It can't do it: `failed`, with an output of several KB.
    Fails,
    /// It answers `done`, and restarts a moment later.
    Restarts,
    /// The power fails while it works, and is back 5 to 60 s later.
    PowerFails,
}

/// The name of the n-th kind of command.
pub fn command_name(n: u32) -> &'static str {
    ["locate", "scan", "calibrate", "reboot", "overload"][n as usize % 5]
}

/// What a node's program does for a command of this name.
pub fn command_act(name: &str) -> Act {
    match name {
        "scan" => Act::Slowly,
        "calibrate" => Act::Fails,
        "reboot" => Act::Restarts,
        "overload" => Act::PowerFails,
        _ => Act::AtOnce,
    }
}

/// The n-th firmware version.
pub fn firmware_version(n: u32) -> String {
    format!("2.{n}")
}

/// The key of an image's object in the bucket.
pub fn object_key(model: &str, version: &str) -> String {
    format!("{model}/{version}/image.bin")
}

/// The image of this version for this model, as it is in the bucket: 1 to 64 KiB.
pub fn image(model: &str, version: &str) -> Vec<u8> {
    let name = format!("{model} {version}");
    let seed = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = vec![0; rng.random_range(1_024..=65_536)];
    rng.fill(&mut bytes[..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_canonical_and_unlike_the_others() {
        let texts: std::collections::BTreeSet<_> = (0..100).map(document).collect();
        assert_eq!(texts.len(), 100);
        for text in texts {
            assert_eq!(rollcall_wire::canonical(&text, 32).expect("JSON"), text);
        }
        assert!(document(9).len() > rollcall_wire::DOCUMENT_IN_FRAME_BYTES, "some are fetched");
    }

    #[test]
    fn an_image_depends_on_its_model_and_its_version() {
        assert_eq!(image("a", "2.1"), image("a", "2.1"));
        assert_ne!(image("a", "2.1"), image("a", "2.2"));
        assert_ne!(image("a", "2.1"), image("b", "2.1"));
    }
}

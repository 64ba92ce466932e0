//! What plans name by number: documents, commands and firmware images.

use data_encoding::HEXLOWER;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use rollcall_core::NodeId;
use sha2::{Digest as _, Sha256};

use crate::plan::BadDelta;

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

/// What people call a node, once the application has registered it.
pub(crate) fn node_name(node: &str) -> String {
    format!("Node {node}, as the application calls it")
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

/// The n-th message of a misbehaving program: mostly check-ins, some questions, and some that can't be read. Very rarely
/// it is larger than a frame may be.
pub fn flood_text(n: u32) -> String {
    match n % 12 {
        _ if n % 197 == 196 => "x".repeat(40_000),
        _ if n % 50 == 49 => format!("{{\"type\":\"check-in\",\"seq\":{}1{}}}", "[".repeat(200), "]".repeat(200)),
        6 => "{\"type\":\"config\"}".to_owned(),
        7 => "{\"type\":\"firmware-url\",\"version\":\"0.0\"}".to_owned(),
        8 => "no JSON".to_owned(),
        9 => "{\"seq\":1}".to_owned(),
        10 => "{\"type\":\"reboot\"}".to_owned(),
        11 => "{\"type\":\"check-in\",\"seq\":\"first\"}".to_owned(),
        _ => format!("{{\"type\":\"check-in\",\"seq\":{}}}", n + 1),
    }
}

/// The n-th firmware version. The 0th is the one that every node runs at the start.
pub fn firmware_version(n: u32) -> String {
    if n == 0 {
        return FIRST_FIRMWARE.to_owned();
    }
    format!("2.{n}")
}

/// The key of an image's object in the bucket.
pub fn object_key(model: &str, version: &str) -> String {
    format!("{model}/{version}/image.bin")
}

/// The key of a delta's object in the bucket. The bytes of the object are those of the key, which say all that the program
/// of a node needs to make the image.
pub fn delta_key(model: &str, (version, from): (&str, &str), fault: Option<BadDelta>) -> String {
    let fault = match fault {
        None => "good",
        Some(BadDelta::WrongHash) => "wrong-hash",
        Some(BadDelta::WrongResult) => "wrong-result",
        Some(BadDelta::Unusable) => "unusable",
    };
    format!("{model}/{version}/{from}/{fault}.delta")
}

/// What the program of a node that has the image of `base` makes of a delta.
///
/// # Errors
/// If it can make nothing of it.
pub fn made_of(delta: &[u8], base: &str) -> Result<Vec<u8>, &'static str> {
    let key = std::str::from_utf8(delta).map_err(|_| "it is no delta")?;
    let [model, version, from, fault] = key.split('/').collect::<Vec<_>>()[..] else { return Err("it is no delta") };
    if fault == "unusable.delta" {
        return Err("it does not fit");
    }
    let mut made = image(model, version);
    // On another image than that which it is from, a delta makes something else.
    if fault == "wrong-result.delta" || from != base {
        made[0] ^= 1;
    }
    Ok(made)
}

/// Whether the program of a node has the image of what it runs, and can apply deltas: that of three nodes in four has.
pub fn has_base_image(node: &NodeId) -> bool {
    !hash(node.as_str()).is_multiple_of(4)
}

fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// The image of this version for this model, as it is in the bucket: 1 to 64 KiB.
pub fn image(model: &str, version: &str) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(hash(&format!("{model} {version}")));
    let mut bytes = vec![0; rng.random_range(1_024..=65_536)];
    rng.fill(&mut bytes[..]);
    bytes
}

/// The SHA-256 of that image, in lower-case hexadecimal.
pub fn image_sha256(model: &str, version: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(image(model, version)))
}

/// The name of the application's key. Events that the application causes name it.
pub const ACTOR: &str = "simulated";

/// The schedule of deliveries in a world with this seed (`rollcall_core`'s `Schedule`). Most are longer than any endpoint
/// is down, with pauses that the calm at the end has room for. Under the others, events are given up.
pub const fn delivery_schedule(seed: u64) -> &'static str {
    if seed.is_multiple_of(4) {
        return "0,5,60,600";
    }
    "0,5,30,120,600,1200,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800,1800"
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
    fn a_flood_has_messages_of_every_kind() {
        let errors: std::collections::BTreeSet<_> = (0..200)
            .map(|n| {
                let read = rollcall_wire::parse_node_message(&flood_text(n));
                read.map_or_else(|error| rollcall_wire::ErrorMessage::from(error).code.to_string(), |_| String::new())
            })
            .collect();
        let expected = ["", "invalid-field", "no-type", "not-json", "too-deep", "too-large", "unknown-type"];
        assert_eq!(errors.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_delta_makes_the_image_out_of_the_one_that_it_is_from_unless_it_is_wrong() {
        let made = |from: &str, fault, base: &str| made_of(delta_key("a", ("2.2", from), fault).as_bytes(), base);
        assert_eq!(made("2.1", None, "2.1"), Ok(image("a", "2.2")));
        for wrong in [made("2.1", None, "1.0"), made("2.1", Some(BadDelta::WrongResult), "2.1")] {
            assert_ne!(wrong.expect("something"), image("a", "2.2"));
        }
        assert_eq!(made("2.1", Some(BadDelta::Unusable), "2.1"), Err("it does not fit"));
        assert!(made_of(b"other bytes", "2.1").is_err());
    }

    #[test]
    fn an_image_depends_on_its_model_and_its_version() {
        assert_eq!(image("a", "2.1"), image("a", "2.1"));
        assert_ne!(image("a", "2.1"), image("a", "2.2"));
        assert_ne!(image("a", "2.1"), image("b", "2.1"));
    }
}

//! Signatures of firmware images: what is signed, and whether a key verifies it.
//!
//! A vendor signs a statement that names the model, the version and the SHA-256 of an image, with Ed25519 (RFC 8032). Whoever
//! has the description of an image can so verify its signature, and needs no byte of the image. The model and the version
//! are in the statement, so that an old image, or one of another model, can't be passed off as a new one.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use ed25519_dalek::{SIGNATURE_LENGTH, Signature, VerifyingKey};

/// What a DER-encoded public key for Ed25519 begins with (RFC 8410, section 4). The 32 bytes of the key follow.
const DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The longest text that is read as a key, in bytes. A key in PEM has some 120.
const TEXT_BYTES: usize = 1_024;
const PEM: [&str; 2] = ["-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"];

/// What a vendor signs: four lines, each with a line feed at its end. The first one says what it is; then come the model,
/// the version, and the image's SHA-256 in lower-case hexadecimal.
pub fn statement(model: &str, version: &str, sha256: &str) -> String {
    format!("rollcall firmware 1\n{model}\n{version}\n{sha256}\n")
}

/// A public key for Ed25519. Its text is the base64 of its 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a text is no public key that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// It is not the base64 of 32 bytes.
    #[error("it must be the base64 of the 32 bytes of an Ed25519 public key")]
    Form,
    /// It is a private key. Nobody but the vendor may have it.
    #[error(
        "it is a private key: give the public one (`openssl pkey -in FILE -pubout`), and keep the private one secret"
    )]
    Private,
    /// The bytes are no point of the curve.
    #[error("it is no point of Ed25519")]
    NoPoint,
    /// The bytes are a point of small order.
    #[error("anybody can sign for it: it is a point of small order")]
    Weak,
}

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is not the base64 of 64 bytes.
    #[error("the signature is not the base64 of the 64 bytes of an Ed25519 signature")]
    Form,
    /// The key does not verify it.
    #[error("the signature is not one that the key has made for this model, version and SHA-256")]
    Wrong,
}

impl PublicKey {
    /// Reads a key as OpenSSL writes it (PEM), or its base64: of the 32 bytes, or of those in DER.
    ///
    /// # Errors
    /// If the text has none of these forms, or its bytes are no key that can be used.
    pub fn read(text: &str) -> Result<Self, InvalidKey> {
        if text.len() > TEXT_BYTES {
            return Err(InvalidKey::Form);
        }
        if text.contains("PRIVATE KEY") {
            return Err(InvalidKey::Private);
        }
        let text = text.trim();
        let inner = text.strip_prefix(PEM[0]).and_then(|rest| rest.strip_suffix(PEM[1])).unwrap_or(text);
        let unbroken: String = inner.split_ascii_whitespace().collect();
        let bytes = BASE64.decode(unbroken.as_bytes()).map_err(|_| InvalidKey::Form)?;
        Self::of(bytes.strip_prefix(&DER).unwrap_or(&bytes))
    }

    fn of(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let bytes = bytes.try_into().map_err(|_| InvalidKey::Form)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey::NoPoint)?;
        if key.is_weak() { Err(InvalidKey::Weak) } else { Ok(Self(key)) }
    }

    /// Verifies a signature, in base64, of a [`statement`]. What is compared is no secret.
    ///
    /// # Errors
    /// If the signature has another form, or this key's owner has not made it.
    pub fn verify(&self, statement: &str, signature: &str) -> Result<(), Unproven> {
        let bytes = BASE64.decode(signature.as_bytes()).map_err(|_| Unproven::Form)?;
        let bytes: [u8; SIGNATURE_LENGTH] = bytes.try_into().map_err(|_| Unproven::Form)?;
        self.0.verify_strict(statement.as_bytes(), &Signature::from_bytes(&bytes)).map_err(|_| Unproven::Wrong)
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    /// Reads the base64 of the 32 bytes, and no other form.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        if text.len() > TEXT_BYTES {
            return Err(InvalidKey::Form);
        }
        Self::of(&BASE64.decode(text.as_bytes()).map_err(|_| InvalidKey::Form)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use proptest::prelude::*;

    use super::*;

    fn vendor(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn key(seed: u8) -> PublicKey {
        PublicKey(vendor(seed).verifying_key())
    }

    fn signed(seed: u8, statement: &str) -> String {
        BASE64.encode(&vendor(seed).sign(statement.as_bytes()).to_bytes())
    }

    #[test]
    fn a_signature_is_of_one_model_version_image_and_vendor() {
        let image = statement("ax-2", "2.5.0", "ab12");
        assert_eq!(image, "rollcall firmware 1\nax-2\n2.5.0\nab12\n");
        let signature = signed(1, &image);
        assert_eq!(key(1).verify(&image, &signature), Ok(()));
        for other in
            [statement("ax-3", "2.5.0", "ab12"), statement("ax-2", "2.5.1", "ab12"), statement("ax-2", "2.5.0", "ab13")]
        {
            assert_eq!(key(1).verify(&other, &signature), Err(Unproven::Wrong), "{other}");
        }
        assert_eq!(key(2).verify(&image, &signature), Err(Unproven::Wrong));
    }

    #[test]
    fn what_is_no_signature_is_told_from_a_wrong_one() {
        let image = statement("ax-2", "2.5.0", "ab12");
        for text in ["", "c2lnbmVk", "not base64", &signed(1, &image)[..84], &"A".repeat(100_000)] {
            assert_eq!(key(1).verify(&image, text), Err(Unproven::Form), "{text:.90}");
        }
        assert_eq!(key(1).verify(&image, &BASE64.encode(&[0xff; 64])), Err(Unproven::Wrong));
        assert_eq!(key(1).verify(&image, &BASE64.encode(&[0; 64])), Err(Unproven::Wrong));
    }

    /// The key of RFC 8410, section 10.1, as OpenSSL writes it.
    #[test]
    fn a_key_is_read_in_each_form_and_written_in_one() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let plain = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        let der = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n";
        for text in [pem, plain, der] {
            assert_eq!(PublicKey::read(text).expect("a key").to_string(), plain);
        }
        assert_eq!(plain.parse::<PublicKey>().expect("a key").to_string(), plain);
        for only_for_people in [pem, der] {
            assert_eq!(only_for_people.parse::<PublicKey>(), Err(InvalidKey::Form));
        }
    }

    #[test]
    fn a_key_that_proves_nothing_is_refused() {
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n";
        assert_eq!(PublicKey::read(private), Err(InvalidKey::Private));
        let of = |bytes: &[u8]| PublicKey::read(&BASE64.encode(bytes));
        assert_eq!(of(&[0; 32]), Err(InvalidKey::Weak));
        let mut off_the_curve = [0; 32];
        off_the_curve[0] = 2;
        assert_eq!(of(&off_the_curve), Err(InvalidKey::NoPoint));
        for wrong in [&[1; 31][..], &[1; 33], &[]] {
            assert_eq!(of(wrong), Err(InvalidKey::Form));
        }
        assert_eq!(PublicKey::read(&"A".repeat(100_000)), Err(InvalidKey::Form));
        let url_safe = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";
        assert_eq!(PublicKey::read(url_safe), Err(InvalidKey::Form));
    }

    proptest! {
        #[test]
        fn no_key_and_no_signature_makes_it_panic(
            bytes in prop::array::uniform32(any::<u8>()),
            signature in prop::collection::vec(any::<u8>(), 0..80),
            text in ".*",
        ) {
            let _ = PublicKey::read(&text);
            let _ = key(1).verify("a statement", &text);
            prop_assert!(key(1).verify("a statement", &BASE64.encode(&signature)).is_err());
            if let Ok(hostile) = PublicKey::of(&bytes) {
                let _ = hostile.verify("a statement", &BASE64.encode(&signature));
                prop_assert_eq!(hostile.to_string().parse::<PublicKey>(), Ok(hostile));
            }
        }
    }
}

//! Webhooks: how an event is sent to an endpoint (Standard Webhooks).

use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rollcall_core::{Answer, Endpoint, Seconds, Secret, Timestamp};
use rollcall_wire::console::SignatureScheme;
use sha2::Sha256;

/// The media type of an event (CloudEvents, "HTTP Protocol Binding", structured mode).
pub const CLOUD_EVENT: &str = "application/cloudevents+json";
/// What the texts of keys begin with (Standard Webhooks, "Signature scheme"): a shared secret, a private key, and its
/// public key.
const SECRET: &str = "whsec_";
const PRIVATE_KEY: &str = "whsk_";
const PUBLIC_KEY: &str = "whpk_";

/// A request that sends an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where to.
    pub url: String,
    /// The headers of Standard Webhooks, and the media type.
    pub headers: [(&'static str, String); 4],
    /// The event, as JSON.
    pub body: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// The answer, or why there is none.
    pub answer: Answer,
    /// How long the receiver asks to be left alone, in seconds (RFC 9110, section 10.2.3).
    pub retry_after: Option<Seconds>,
}

/// Sends events.
pub trait Webhooks {
    /// Sends an event once, and waits for the answer. Whatever goes wrong is an answer, too.
    fn post(&self, post: &Post) -> impl Future<Output = Posted>;
}

/// The secret of a scheme, made of random bytes.
pub fn secret(scheme: SignatureScheme, key: &[u8; 32]) -> Secret {
    let prefix = match scheme {
        SignatureScheme::V1 => SECRET,
        SignatureScheme::V1a => PRIVATE_KEY,
    };
    Secret::new(format!("{prefix}{}", STANDARD.encode(key)))
}

/// The scheme that a secret is for.
pub(crate) fn scheme(secret: &Secret) -> SignatureScheme {
    if secret.reveal().starts_with(PRIVATE_KEY) { SignatureScheme::V1a } else { SignatureScheme::V1 }
}

/// The public key that proves what is signed with this secret; `None` if the secret is shared, or unreadable.
pub fn public_key(secret: &Secret) -> Option<String> {
    Some(format!("{PUBLIC_KEY}{}", STANDARD.encode(signing_key(secret)?.verifying_key())))
}

/// The request that sends an event with this id to an endpoint at this time; `None` if a stored secret is unreadable.
pub fn post(endpoint: &Endpoint, id: &str, event: &str, now: Timestamp) -> Option<Post> {
    let timestamp = (now.0 / 1000).to_string();
    let signatures: Option<Vec<_>> =
        endpoint.secrets(now).map(|secret| signature(secret, id, &timestamp, event)).collect();
    let headers = [
        ("content-type", CLOUD_EVENT.to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.clone()),
        ("webhook-signature", signatures?.join(" ")),
    ];
    Some(Post { url: endpoint.url.clone(), headers, body: event.to_owned() })
}

/// The scheme, a comma, and the signature of id, timestamp and body in base64: their HMAC-SHA256, or Ed25519.
fn signature(secret: &Secret, id: &str, timestamp: &str, body: &str) -> Option<String> {
    let scheme = scheme(secret);
    let signed = match scheme {
        SignatureScheme::V1 => {
            let key = STANDARD.decode(secret.reveal().strip_prefix(SECRET)?).ok()?;
            let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
            let mac = mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body);
            STANDARD.encode(mac.finalize().into_bytes())
        }
        SignatureScheme::V1a => {
            let signed = signing_key(secret)?.sign(format!("{id}.{timestamp}.{body}").as_bytes());
            STANDARD.encode(signed.to_bytes())
        }
    };
    Some(format!("{scheme},{signed}"))
}

fn signing_key(secret: &Secret) -> Option<SigningKey> {
    let key = STANDARD.decode(secret.reveal().strip_prefix(PRIVATE_KEY)?).ok()?;
    Some(SigningKey::from_bytes(&key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification's libraries.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = r#"{"test": 2432232314}"#;
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    /// RFC 8032, section 7.1, test 1: the key pair.
    #[test]
    fn a_private_key_has_the_public_key_of_the_specification_and_its_signature_verifies() {
        let key = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let key: [u8; 32] = data_encoding::HEXLOWER.decode(key.as_bytes()).expect("hex").try_into().expect("32 bytes");
        let secret = secret(SignatureScheme::V1a, &key);
        assert!(secret.reveal().starts_with("whsk_") && scheme(&secret) == SignatureScheme::V1a);
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let public = data_encoding::HEXLOWER.decode(public.as_bytes()).expect("hex");
        assert_eq!(public_key(&secret), Some(format!("whpk_{}", STANDARD.encode(&public))));

        let signed = signature(&secret, "1", "2", "{}").expect("signed");
        let signed = STANDARD.decode(signed.strip_prefix("v1a,").expect("the scheme")).expect("base64");
        let verifying = ed25519_dalek::VerifyingKey::from_bytes(&public.try_into().expect("32 bytes")).expect("a key");
        let signed = ed25519_dalek::Signature::from_slice(&signed).expect("a signature");
        assert!(verifying.verify_strict(b"1.2.{}", &signed).is_ok());
        assert!(verifying.verify_strict(b"1.3.{}", &signed).is_err());
    }

    #[test]
    fn a_secret_has_32_random_bytes_and_one_that_is_none_signs_nothing() {
        let shared = secret(SignatureScheme::V1, &[0; 32]);
        assert_eq!(shared.reveal(), format!("whsec_{}=", "A".repeat(43)));
        assert_eq!((scheme(&shared), public_key(&shared)), (SignatureScheme::V1, None));
        for wrong in ["", "whsec_", "MfKQ", "whsec_???", "whsk_", "whsk_MfKQ"] {
            let signed = signature(&Secret::new(wrong.to_owned()), "1", "2", "3");
            assert_eq!(signed.is_some(), wrong == "whsec_", "{wrong}");
        }
    }
}

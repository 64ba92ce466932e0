//! Which tokens are accepted, and why others are not.
#![allow(clippy::expect_used)]

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rollcall_core::{CredentialVersion, NodeId, Timestamp};
use rollcall_token::{KeysError, Signer, TokenError, Verifier};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const LATER: Timestamp = Timestamp(1_800_000_060_000);
const SECRET: [u8; 32] = [7; 32];

/// Private keys made for these tests alone (`openssl genpkey`), PKCS #8.
const ED25519: &[u8] = include_bytes!("keys/ed25519.der");
const P256: &[u8] = include_bytes!("keys/p256.der");

fn signers() -> [Signer; 3] {
    [Signer::hs256("h", &SECRET), Signer::eddsa("e", ED25519), Signer::es256("p", P256)]
}

/// One key set with the keys of all three.
fn verifier() -> Verifier {
    let keys: Vec<Value> = signers()
        .iter()
        .map(|signer| serde_json::from_str::<Value>(&signer.jwks().expect("a key")).expect("JSON")["keys"][0].clone())
        .collect();
    Verifier::from_jwks(&json!({ "keys": keys }).to_string()).expect("keys")
}

fn node() -> NodeId {
    "ap-1".parse().expect("an id")
}

fn token(header: &Header, payload: &Value) -> String {
    encode(header, payload, &EncodingKey::from_secret(&SECRET)).expect("signed")
}

fn header(kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) }
}

#[test]
fn tokens_of_every_algorithm_are_accepted_side_by_side() {
    for signer in signers() {
        let token = signer.sign(&node(), CredentialVersion(3), LATER).expect("signed");
        let claims = verifier().verify(&token, NOW).expect("valid");
        assert_eq!((claims.node, claims.credentials, claims.expires_at), (node(), CredentialVersion(3), LATER));
    }
}

#[test]
fn a_token_expires_at_its_second() {
    let token = Signer::hs256("h", &SECRET).sign(&node(), CredentialVersion(1), LATER).expect("signed");
    assert!(verifier().verify(&token, Timestamp(LATER.0 - 1)).is_ok());
    assert!(matches!(verifier().verify(&token, LATER), Err(TokenError::Expired)));
}

#[test]
fn a_token_of_another_signer_is_refused_even_under_a_known_name() {
    let token = Signer::hs256("h", &[8; 32]).sign(&node(), CredentialVersion(1), LATER).expect("signed");
    assert!(matches!(verifier().verify(&token, NOW), Err(TokenError::WrongSignature(_))));
    let token = Signer::hs256("x", &SECRET).sign(&node(), CredentialVersion(1), LATER).expect("signed");
    assert!(matches!(verifier().verify(&token, NOW), Err(TokenError::UnknownKey(kid)) if kid == "x"));
}

#[test]
fn a_token_does_not_choose_how_it_is_checked() {
    let payload = json!({ "sub": "ap-1", "cv": 1, "exp": LATER.0 / 1000 });
    // Signed with the public half of a key pair as if that were a shared secret.
    assert!(matches!(verifier().verify(&token(&header("e"), &payload), NOW), Err(TokenError::WrongAlgorithm)));
    let none =
        format!("{}.{}.", "eyJhbGciOiJub25lIiwia2lkIjoiaCJ9", "eyJzdWIiOiJhcC0xIiwiY3YiOjEsImV4cCI6OTk5OTk5OTk5OX0");
    // To the library, `none` is no algorithm at all.
    assert!(matches!(verifier().verify(&none, NOW), Err(TokenError::Malformed(_))), "alg none");
    let header = Header { kid: Some("h".to_owned()), ..Header::new(Algorithm::HS512) };
    assert!(matches!(verifier().verify(&token(&header, &payload), NOW), Err(TokenError::WrongAlgorithm)));
}

#[test]
fn a_token_must_name_its_key() {
    let payload = json!({ "sub": "ap-1", "cv": 1, "exp": LATER.0 / 1000 });
    let token = token(&Header::new(Algorithm::HS256), &payload);
    assert!(matches!(verifier().verify(&token, NOW), Err(TokenError::NoKey)));
}

#[test]
fn a_token_must_have_a_node_an_expiry_and_a_credential_version() {
    let exp = LATER.0 / 1000;
    for payload in [
        json!({ "cv": 1, "exp": exp }),
        json!({ "sub": "ap-1", "exp": exp }),
        json!({ "sub": "ap-1", "cv": 1 }),
        json!({ "sub": "ap-1", "cv": -1, "exp": exp }),
        json!({ "sub": "ap-1", "cv": "1", "exp": exp }),
    ] {
        let refused = verifier().verify(&token(&header("h"), &payload), NOW);
        assert!(matches!(refused, Err(TokenError::Malformed(_))), "{payload}: {refused:?}");
    }
    let payload = json!({ "sub": "../ap-1", "cv": 1, "exp": exp });
    let refused = verifier().verify(&token(&header("h"), &payload), NOW);
    assert!(matches!(refused, Err(TokenError::WrongSubject(_))));
}

#[test]
fn garbage_is_malformed() {
    for token in ["", ".", "..", "a.b.c", "Bearer x", "e30.e30.e30", "💥.💥.💥"] {
        let refused = verifier().verify(token, NOW);
        assert!(matches!(refused, Err(TokenError::Malformed(_))), "{token:?}: {refused:?}");
    }
}

#[test]
fn a_refusal_never_repeats_the_token() {
    let token = Signer::hs256("h", &[8; 32]).sign(&node(), CredentialVersion(1), LATER).expect("signed");
    let refused = verifier().verify(&token, NOW).expect_err("another signer's");
    let said = format!("{refused} {refused:?}");
    assert!(token.split('.').all(|part| !said.contains(part)), "{said}");
    assert!(!format!("{:?}", verifier()).contains("BwcH"), "the key shows in Debug");
}

#[test]
fn keys_that_would_be_unsafe_are_refused() {
    let keys = |key: Value| Verifier::from_jwks(&json!({ "keys": [key] }).to_string());
    let secret = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    assert!(keys(json!({ "kty": "oct", "kid": "a", "alg": "HS256", "k": secret })).is_ok());
    let refused = keys(json!({ "kty": "oct", "kid": "a", "k": secret }));
    assert!(matches!(refused, Err(KeysError::NoAlgorithm(_))), "{refused:?}");
    let refused = keys(json!({ "kty": "oct", "kid": "a", "alg": "RS256", "k": secret }));
    assert!(matches!(refused, Err(KeysError::NoAlgorithm(_))), "{refused:?}");
    let refused = keys(json!({ "kty": "oct", "kid": "a", "alg": "EdDSA", "k": secret }));
    assert!(matches!(refused, Err(KeysError::NoAlgorithm(_))), "{refused:?}");
    let refused = keys(json!({ "kty": "oct", "kid": "a", "alg": "HS256", "k": "c2hvcnQ" }));
    assert!(matches!(refused, Err(KeysError::TooShort(_))), "{refused:?}");
    let refused = keys(json!({ "kty": "oct", "alg": "HS256", "k": secret }));
    assert!(matches!(refused, Err(KeysError::NoId { position: 1 })), "{refused:?}");
    assert!(matches!(Verifier::from_jwks(r#"{"keys":[]}"#), Err(KeysError::Empty)));
    assert!(matches!(Verifier::from_jwks("secret"), Err(KeysError::Malformed(_))));
    let key = json!({ "kty": "oct", "kid": "a", "alg": "HS256", "k": secret });
    let twice = Verifier::from_jwks(&json!({ "keys": [key, key] }).to_string());
    assert!(matches!(twice, Err(KeysError::SameId(_))));
}

//! Which keys are accepted, and why others are refused.

use rollcall_token::{KeysError, Signer, Verifier};
use serde_json::{Value, json};

/// Private keys made for these tests alone (`openssl genpkey`), PKCS #8.
const ED25519: &[u8] = include_bytes!("keys/ed25519.der");
const P256: &[u8] = include_bytes!("keys/p256.der");
const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

/// The public key of a signer, as its JWK set has it.
fn public(signer: &Signer) -> Value {
    serde_json::from_str::<Value>(&signer.jwks().expect("a key")).expect("JSON")["keys"][0].clone()
}

fn ed25519() -> Value {
    public(&Signer::eddsa("e", ED25519))
}

fn p256() -> Value {
    public(&Signer::es256("p", P256))
}

fn oct() -> Value {
    json!({ "kty": "oct", "kid": "h", "alg": "HS256", "k": SECRET })
}

/// A key with some members changed; `null` removes one.
fn changed(mut key: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().expect("members") {
        key[name] = value.clone();
    }
    key
}

fn read(keys: &[Value]) -> Result<Verifier, KeysError> {
    Verifier::from_jwks(&json!({ "keys": keys }).to_string())
}

/// Why a key is refused. The message names the key and repeats nothing else of it.
fn refused(key: &Value) -> String {
    let message = read(std::slice::from_ref(key)).expect_err("unusable").to_string();
    let kid = key["kid"].as_str().expect("a kid");
    assert!(message.starts_with(&format!("key \"{kid}\" ")), "{message}");
    for (name, value) in key.as_object().expect("members") {
        let material = value.as_str().filter(|text| text.len() > 8).unwrap_or("no material");
        assert!(!message.contains(material), "{name} is repeated: {message}");
    }
    message
}

#[test]
fn public_keys_are_accepted_however_they_are_written() {
    for key in [ed25519(), p256(), oct()] {
        for more in [
            json!({}),
            json!({ "use": "sig" }),
            json!({ "key_ops": ["verify"] }),
            json!({ "key_ops": ["sign", "verify"], "x5t": "eA", "issued": 1 }),
            json!({ "d": null, "use": null }),
        ] {
            assert!(read(&[changed(key.clone(), &more)]).is_ok(), "{key} {more}");
        }
    }
    let set = json!({ "keys": [ed25519()], "next": null }).to_string();
    assert!(Verifier::from_jwks(&format!("\u{feff}{set}\r\n")).is_ok(), "a byte order mark and a line end");
    assert_eq!(read(&[ed25519(), oct(), p256()]).expect("keys").symmetric().collect::<Vec<_>>(), ["h"]);
}

#[test]
fn private_parts_are_refused_in_every_type_of_key() {
    for key in [ed25519(), p256(), oct()] {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
            let message = refused(&changed(key.clone(), &json!({ (member): SECRET })));
            assert!(message.contains(&format!("private part with it ({member})")), "{message}");
        }
    }
    for key in [ed25519(), p256()] {
        assert!(refused(&changed(key, &json!({ "k": SECRET }))).contains("private part with it (k)"));
    }
    let rsa = json!({ "kty": "RSA", "kid": "r", "alg": "RS256", "n": SECRET, "e": "AQAB", "d": SECRET });
    assert!(refused(&rsa).contains("private part"), "also a key of a type that is not supported");
    let wrapped = changed(ed25519(), &json!({ "d": { "value": SECRET } }));
    assert!(refused(&wrapped).contains("private part"));
}

#[test]
fn a_key_that_no_token_can_be_checked_with_is_refused() {
    let (x, y) = (p256()["x"].clone(), p256()["y"].clone());
    let zeroes = "A".repeat(43);
    for (key, members, reason) in [
        (ed25519(), json!({ "crv": "X25519" }), "crv Ed25519"),
        (ed25519(), json!({ "crv": "Ed448" }), "crv Ed25519"),
        (ed25519(), json!({ "crv": null }), "crv Ed25519"),
        (ed25519(), json!({ "x": null }), "32 bytes"),
        (ed25519(), json!({ "x": 7 }), "32 bytes"),
        (ed25519(), json!({ "x": "" }), "32 bytes"),
        (ed25519(), json!({ "x": "not base64!" }), "32 bytes"),
        (ed25519(), json!({ "x": &zeroes[1..] }), "32 bytes"),
        (ed25519(), json!({ "x": format!("{zeroes}=") }), "without padding"),
        (ed25519(), json!({ "x": format!("{zeroes}A") }), "32 bytes"),
        (ed25519(), json!({ "x": zeroes }), "anybody can sign for"),
        // y = 2 has no x on the curve.
        (ed25519(), json!({ "x": format!("Ag{}", &zeroes[2..]) }), "no point of Ed25519"),
        (p256(), json!({ "crv": "P-384" }), "crv P-256"),
        (p256(), json!({ "crv": "secp256k1" }), "crv P-256"),
        (p256(), json!({ "x": y, "y": x }), "in each other's place"),
        (p256(), json!({ "y": x }), "no point of P-256"),
        (p256(), json!({ "y": null }), "has a y"),
        (p256(), json!({ "x": zeroes, "y": zeroes }), "no point of P-256"),
        (p256(), json!({ "x": &zeroes[..22] }), "has an x"),
        (oct(), json!({ "k": "c2hvcnQ" }), "256 bits"),
        (oct(), json!({ "k": null }), "base64url"),
        (oct(), json!({ "k": "a+/=" }), "base64url"),
        (oct(), json!({ "alg": null }), "must have an alg"),
        (oct(), json!({ "alg": "EdDSA" }), "alg that is not for its kty"),
        (oct(), json!({ "alg": "RS256" }), "another alg"),
        (oct(), json!({ "alg": "HS512" }), "another alg"),
        (oct(), json!({ "alg": "hs256" }), "another alg"),
        (oct(), json!({ "alg": 7 }), "must have an alg"),
        (ed25519(), json!({ "alg": "none" }), "another alg"),
        (ed25519(), json!({ "alg": "ES256" }), "alg that is not for its kty"),
        (ed25519(), json!({ "kty": "RSA" }), "another kty"),
        (ed25519(), json!({ "kty": "okp" }), "another kty"),
        (ed25519(), json!({ "kty": null }), "another kty"),
        (p256(), json!({ "use": "enc" }), "use is not sig"),
        (p256(), json!({ "use": ["sig"] }), "use is not sig"),
        (p256(), json!({ "key_ops": ["sign"] }), "lack verify"),
        (p256(), json!({ "key_ops": [] }), "lack verify"),
        (p256(), json!({ "key_ops": "verify" }), "lack verify"),
    ] {
        let message = refused(&changed(key.clone(), &members));
        assert!(message.contains(reason), "{members}: {message}");
    }
}

#[test]
fn a_set_with_missing_or_repeated_names_is_refused() {
    for (text, reason) in [
        (json!({ "keys": [] }).to_string(), "empty"),
        (json!({ "keys": [ed25519(), ed25519()] }).to_string(), "two keys are called \"e\""),
        (
            json!({ "keys": [ed25519(), changed(p256(), &json!({ "kid": "e" }))] }).to_string(),
            "two keys are called \"e\"",
        ),
        (json!({ "keys": [ed25519(), changed(p256(), &json!({ "kid": null }))] }).to_string(), "key 2 has no kid"),
        (json!({ "keys": [changed(p256(), &json!({ "kid": "" }))] }).to_string(), "key 1 has no kid"),
        (json!({ "keys": [changed(p256(), &json!({ "kid": 7 }))] }).to_string(), "key 1 has a kid that is not text"),
        (json!({ "keys": [changed(p256(), &json!({ "kid": "a\nb" }))] }).to_string(), "control characters"),
        (json!({ "keys": [changed(p256(), &json!({ "kid": "k".repeat(257) }))] }).to_string(), "256 bytes"),
        (json!([ed25519()]).to_string(), "not a JWK set"),
        (ed25519().to_string(), "not a JWK set"),
        (json!({ "keys": {} }).to_string(), "not a JWK set"),
        (json!({ "keys": [SECRET] }).to_string(), "not a JWK set"),
        (json!(SECRET).to_string(), "not a JWK set"),
        (SECRET.to_owned(), "not a JWK set"),
        (String::new(), "not a JWK set"),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), "not a JWK set"),
        (r#"{"keys":[{"kid":"a","kid":"a","kty":"oct"}]}"#.to_owned(), "has a member twice"),
    ] {
        let refused = Verifier::from_jwks(&text).expect_err(&text).to_string();
        assert!(refused.contains(reason) && !refused.contains(SECRET) && refused.len() < 200, "{text}: {refused}");
    }
}

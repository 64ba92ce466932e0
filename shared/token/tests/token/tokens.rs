//! Which tokens are accepted, and why others are not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto, encode};
use proptest::prelude::*;
use rollcall_core::{CredentialVersion, NodeId, Timestamp};
use rollcall_token::{Claims, Demands, Limits, Signer, TOKEN_BYTES, TokenError, Verifier, unverified};
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

/// A token with exactly this header and this payload, signed.
fn signed(header: &str, payload: &str) -> String {
    let message = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let key = EncodingKey::from_secret(&SECRET);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed");
    format!("{message}.{signature}")
}

const HEADER: &str = r#"{"alg":"HS256","kid":"h"}"#;

/// Verifies a token with exactly this header and this payload.
fn verified(header: &str, payload: &str) -> Result<Claims, TokenError> {
    verifier().verify(&signed(header, payload), NOW)
}

/// Verifies a token with these claims besides the required ones.
fn with(claims: &str) -> Result<Claims, TokenError> {
    verified(HEADER, &format!(r#"{{"sub":"ap-1","cv":1,"exp":1800000060,{claims}}}"#))
}

/// Verifies a token that expires at this time.
fn expiring(exp: &str) -> Result<Timestamp, TokenError> {
    verified(HEADER, &format!(r#"{{"sub":"ap-1","cv":1,"exp":{exp}}}"#)).map(|claims| claims.expires_at)
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
    assert!(matches!(verifier().verify(&token, NOW), Err(TokenError::WrongSignature)));
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
    assert_eq!(verifier().verify(&none, NOW), Err(TokenError::WrongAlgorithm), "alg none");
    for alg in ["None", "NONE", "hs256", "Hs256", "HS256 ", "", "EdDSA", "ES256", "RS256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"h"}}"#);
        assert_eq!(verified(&header, &payload.to_string()), Err(TokenError::WrongAlgorithm), "{alg:?}");
    }
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
        json!({ "sub": "ap-1", "cv": 1.5, "exp": exp }),
        json!({ "sub": "ap-1", "cv": 4_294_967_296_u64, "exp": exp }),
        json!({ "sub": "ap-1", "cv": null, "exp": exp }),
        json!({ "sub": null, "cv": 1, "exp": exp }),
        json!({ "sub": 1, "cv": 1, "exp": exp }),
        json!({ "sub": "ap-1", "cv": 1, "exp": null }),
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
    let refused = verifier().verify(&token, NOW).expect_err("a token of another signer");
    let message = format!("{refused} {refused:?}");
    assert!(token.split('.').all(|part| !message.contains(part)), "{message}");
    assert!(!format!("{:?}", verifier()).contains("BwcH"), "the key is not in the Debug output");
}

#[test]
fn a_token_is_not_valid_before_its_time_but_for_a_minute_that_clocks_may_differ() {
    let nbf = |seconds: u64| with(&format!(r#""nbf":{seconds}"#)).map(|claims| claims.not_before);
    let now = NOW.0 / 1000;
    assert_eq!(nbf(now + 365 * 24 * 3600), Err(TokenError::NotYet), "a token from next year");
    assert_eq!(nbf(now + 61), Err(TokenError::NotYet));
    assert_eq!(nbf(now + 60), Ok(Some(Timestamp((now + 60) * 1000))));
    assert_eq!(nbf(now - 1), Ok(Some(Timestamp((now - 1) * 1000))));
    assert_eq!(with(r#""nbf":1800000060.001"#), Err(TokenError::NotYet), "a millisecond counts");
    assert!(with(r#""nbf":null"#).is_ok(), "null is absent");
    let signer = Signer::hs256("h", &SECRET);
    let limits = Limits { not_before: Some(LATER), ..Limits::default() };
    let token =
        signer.sign_limited(&node(), CredentialVersion(1), Timestamp(LATER.0 + 60_000), limits).expect("signed");
    assert_eq!(verifier().verify(&token, Timestamp(LATER.0 - 60_001)), Err(TokenError::NotYet));
    assert!(verifier().verify(&token, Timestamp(LATER.0 - 60_000)).is_ok());
}

#[test]
fn instants_may_have_fractions_and_exponents() {
    for (exp, milliseconds) in [
        ("1800000000.5", 1_800_000_000_500),
        ("1800000000.001", 1_800_000_000_001),
        ("1800000060.0", 1_800_000_060_000),
        ("1.80000006e9", 1_800_000_060_000),
        ("18e8", 1_800_000_000_000),
        ("253402300799", 253_402_300_799_000),
    ] {
        let expected = if milliseconds > NOW.0 { Ok(Timestamp(milliseconds)) } else { Err(TokenError::Expired) };
        assert_eq!(expiring(exp), expected, "{exp}");
    }
    assert_eq!(expiring("1799999999.999"), Err(TokenError::Expired));
    assert!(with(r#""iat":1799999999.123,"nbf":1.7e9"#).is_ok());
    assert_eq!(
        verified(HEADER, r#"{"sub":"ap-1","cv":1.0,"exp":1800000060}"#).map(|claims| claims.credentials.0),
        Ok(1)
    );
    assert_eq!(
        verified(HEADER, r#"{"sub":"ap-1","cv":2e0,"exp":1800000060}"#).map(|claims| claims.credentials.0),
        Ok(2)
    );
}

#[test]
fn a_time_that_is_no_instant_is_refused() {
    let absurd =
        ["-1", "-1800000060", "1e300", "1e999", "18446744073709551616", "1800000060000", "\"1800000060\"", "[]", "{}"];
    for number in absurd.into_iter().chain(["true", "\"2027-01-15T08:00:00Z\"", "253402300800"]) {
        assert!(matches!(expiring(number), Err(TokenError::Malformed(_))), "exp {number}: {:?}", expiring(number));
        for name in ["nbf", "iat"] {
            let refused = with(&format!(r#""{name}":{number}"#));
            assert!(matches!(refused, Err(TokenError::Malformed(_))), "{name} {number}: {refused:?}");
        }
    }
    assert_eq!(expiring("0"), Err(TokenError::Expired));
    assert!(with(r#""nbf":0,"iat":0"#).is_ok());
}

#[test]
fn a_header_that_demands_an_unsupported_extension_is_refused() {
    let payload = r#"{"sub":"ap-1","cv":1,"exp":1800000060}"#;
    for crit in
        [r#"["b64"]"#, r#"["exp"]"#, r#"["https://example.com/x"]"#, "[]", r#"["absent"]"#, "null", r#""exp""#, "[1]"]
    {
        let header = format!(r#"{{"alg":"HS256","kid":"h","exp":1,"https://example.com/x":1,"crit":{crit}}}"#);
        assert_eq!(verified(&header, payload), Err(TokenError::Critical), "{crit}");
    }
    for b64 in ["false", "\"false\"", "0"] {
        let header = format!(r#"{{"alg":"HS256","kid":"h","b64":{b64}}}"#);
        assert_eq!(verified(&header, payload), Err(TokenError::Critical), "{b64}");
    }
    for cty in ["JWT", "jwt", "application/jwt"] {
        let header = format!(r#"{{"alg":"HS256","kid":"h","cty":"{cty}"}}"#);
        assert_eq!(verified(&header, payload), Err(TokenError::Nested), "{cty}");
    }
    for more in
        [r#""typ":"JWT""#, r#""typ":"at+jwt""#, r#""typ":"node""#, r#""cty":"json""#, r#""x5t":"eA""#, r#""b64":true"#]
    {
        assert!(verified(&format!(r#"{{"alg":"HS256","kid":"h",{more}}}"#), payload).is_ok(), "{more}");
    }
}

#[test]
fn a_name_that_is_twice_in_a_header_or_a_payload_is_refused() {
    let payload = r#"{"sub":"ap-1","cv":1,"exp":1800000060}"#;
    for header in [
        r#"{"alg":"HS256","alg":"none","kid":"h"}"#,
        r#"{"alg":"HS256","kid":"h","kid":"e"}"#,
        r#"{"alg":"HS256","kid":"h","x":1,"x":1}"#,
        r#"{"alg":"HS256","kid":"h"} {}"#,
        r#"[{"alg":"HS256","kid":"h"}]"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"alg":null,"kid":"h"}"#,
    ] {
        assert!(matches!(verified(header, payload), Err(TokenError::Malformed(_))), "{header}");
    }
    for payload in [
        r#"{"sub":"ap-1","sub":"ap-2","cv":1,"exp":1800000060}"#,
        r#"{"sub":"ap-1","cv":1,"exp":1800000060,"exp":1900000000}"#,
        r#"{"sub":"ap-1","cv":1,"exp":1800000060,"nbf":1,"nbf":1}"#,
        r#"{"sub":"ap-1","cv":1,"exp":1800000060,"role":1,"\u0072ole":2}"#,
        r#"{"sub":"ap-1","cv":1,"exp":1800000060}x"#,
        r#"["sub"]"#,
        "null",
        "",
    ] {
        assert!(matches!(verified(HEADER, payload), Err(TokenError::Malformed(_))), "{payload}");
    }
    for kid in ["null", "\"\""] {
        assert_eq!(verified(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#), payload), Err(TokenError::NoKey));
    }
}

#[test]
fn one_token_has_one_text() {
    let token = signed(HEADER, r#"{"sub":"ap-1","cv":1,"exp":1800000060}"#);
    assert!(verifier().verify(&token, NOW).is_ok());
    let (head, signature) = token.rsplit_once('.').expect("a signature");
    let twin = |last: char| format!("{}{last}", &token[..token.len() - 1]);
    // 32 bytes leave two bits of the last digit unused: three other digits would mean the same if they were accepted.
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_eq!(digits.chars().filter(|last| verifier().verify(&twin(*last), NOW).is_ok()).count(), 1);
    for text in [
        format!("{token}\n"),
        format!("{token}\r\n"),
        format!(" {token}"),
        format!("\u{feff}{token}"),
        format!("{token}\0"),
        format!("{token}="),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.x"),
        format!("{token},{token}"),
        format!("{head}=.{signature}"),
        format!("\"{token}\""),
        format!("Bearer {token}"),
        token.replace('.', "%2E"),
    ] {
        let refused = verifier().verify(&text, NOW);
        assert!(matches!(refused, Err(TokenError::Malformed(_))), "{text:?}: {refused:?}");
    }
}

#[test]
fn a_token_is_as_long_as_it_may_be_and_no_longer() {
    let of = |padding: usize| {
        signed(HEADER, &format!(r#"{{"sub":"ap-1","cv":1,"exp":1800000060,"x":"{}"}}"#, "x".repeat(padding)))
    };
    let longest = (5_900..6_200).map(of).rfind(|token| token.len() <= TOKEN_BYTES).expect("a token that fits");
    assert!(longest.len() > TOKEN_BYTES - 4 && verifier().verify(&longest, NOW).is_ok());
    assert!(
        matches!(verifier().verify(&of(6_200), NOW), Err(TokenError::Malformed(reason)) if reason.contains("8192"))
    );
}

#[test]
fn a_token_must_be_for_the_audience_that_is_demanded_and_may_be_for_any_if_none_is() {
    let of = |demands: Demands, aud: &str| {
        let payload = format!(r#"{{"sub":"ap-1","cv":1,"exp":1800000060,"aud":{aud}}}"#);
        verifier().demanding(demands).verify(&signed(HEADER, &payload), NOW).map(|_| ())
    };
    let demanded = |aud: &str| of(Demands::new(Some(" rollcall\n"), 0), aud);
    for aud in [r#""rollcall""#, r#"["rollcall"]"#, r#"["other","rollcall",7]"#] {
        assert_eq!(demanded(aud), Ok(()), "{aud}");
    }
    for aud in [
        r#""other""#,
        r#""Rollcall""#,
        r#""rollcall ""#,
        r#"["other"]"#,
        "[]",
        "null",
        "7",
        r#"{"rollcall":1}"#,
        r#"[["rollcall"]]"#,
    ] {
        assert_eq!(demanded(aud), Err(TokenError::WrongAudience), "{aud}");
        assert_eq!(of(Demands::default(), aud), Ok(()), "{aud} where none is demanded");
        assert_eq!(of(Demands::new(Some(" "), 0), aud), Ok(()), "{aud} where the setting is empty");
    }
}

#[test]
fn a_token_may_live_for_as_long_as_is_demanded_and_no_longer() {
    let hour = Demands::new(None, 3600);
    let of = |claims: &str| {
        let token = signed(HEADER, &format!(r#"{{"sub":"ap-1","cv":1,{claims}}}"#));
        verifier().demanding(hour.clone()).verify(&token, NOW).map(|_| ())
    };
    let long = Err(TokenError::TooLong);
    assert_eq!(of(r#""exp":1800003600"#), Ok(()), "without iat, the time from now counts");
    assert_eq!(of(r#""exp":1800003600.5"#), long);
    assert_eq!(of(r#""exp":1800001000,"iat":1799997400"#), Ok(()));
    assert_eq!(of(r#""exp":1800001000,"iat":1799997399"#), long);
    assert_eq!(of(r#""exp":1800003650,"iat":1800000050"#), Ok(()), "the signer's clock is ahead");
    assert_eq!(of(r#""exp":1900003600,"iat":1900000000"#), long, "made in the future");
    assert_eq!(of(r#""exp":1799999999,"iat":1"#), Err(TokenError::Expired));
    assert_eq!(with(r#""iat":1"#).map(|_| ()), Ok(()), "nothing is demanded");
}

#[test]
fn the_claims_of_a_token_can_be_read_without_its_key() {
    let signer = Signer::eddsa("nobody's", ED25519);
    let limits = Limits { not_before: Some(NOW), audience: Some("rollcall") };
    let token = signer.sign_limited(&node(), CredentialVersion(3), LATER, limits).expect("signed");
    let claims = unverified(&token).expect("readable");
    assert_eq!((claims.node.clone(), claims.credentials, claims.expires_at), (node(), CredentialVersion(3), LATER));
    assert_eq!((claims.not_before, claims.audience.as_deref()), (Some(NOW), Some(&["rollcall".to_owned()][..])));
    assert!(unverified("nonsense").is_err());
}

proptest! {
    #[test]
    fn every_refusal_is_short_and_one_line(text in ".{0,300}", kid in "(?s).{0,300}", repeat in 1_usize..40) {
        let kid = kid.repeat(repeat);
        let named = signed(&json!({ "alg": "HS256", "kid": kid }).to_string(), "{}");
        for token in [text.repeat(repeat), named] {
            let refused = verifier().verify(&token, NOW).expect_err("an invalid token").to_string();
            prop_assert!(refused.len() < 128 && !refused.contains(char::is_control), "{refused:?}");
        }
    }
}

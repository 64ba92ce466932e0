use rollcall_core::{CredentialVersion, Timestamp};
use rollcall_token::Signer;
use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_800_000_000_000;

fn signer() -> Signer {
    Signer::hs256("h", &[7; 32])
}

fn token_of(node: &str) -> String {
    let node = node.parse().expect("an id");
    signer().sign(&node, CredentialVersion(3), Timestamp(NOW + 60_000)).expect("signed")
}

fn verifier() -> Verifier {
    Verifier::from_jwks(&signer().jwks().expect("a key")).expect("keys")
}

/// Checks an event with these fields: the node that is admitted, or why none is.
fn admitted_node(event: &Value) -> Result<String, String> {
    let mut event = event.clone();
    event["methodArn"] = json!("arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/v1/$connect");
    event["requestContext"] = json!({ "requestTimeEpoch": NOW, "identity": { "sourceIp": "192.0.2.1" } });
    let request: Request = serde_json::from_value(event).expect("an event");
    claims(&request, &verifier()).map(|claims| claims.node.to_string()).map_err(|refused| refused.to_string())
}

#[test]
fn a_token_is_taken_from_the_header_or_the_query_however_often_it_is_there() {
    let (one, two) = (token_of("ap-1"), format!("bearer   {}", token_of("ap-1")));
    let bearer = format!("Bearer {one}");
    for event in [
        json!({ "headers": { "Authorization": bearer }, "queryStringParameters": null }),
        json!({ "headers": { "authorization": two }, "multiValueHeaders": { "authorization": [two] } }),
        json!({ "headers": null, "queryStringParameters": { "token": one } }),
        json!({ "multiValueHeaders": { "Authorization": [bearer, two] } }),
        json!({
            "queryStringParameters": { "token": one },
            "multiValueQueryStringParameters": { "token": [one, one] },
        }),
        json!({ "headers": { "Authorization": bearer }, "queryStringParameters": { "token": one } }),
        json!({ "headers": { "Authorization": bearer }, "queryStringParameters": { "token": "" } }),
        json!({ "headers": { "Authorization": bearer, "User-Agent": "Gerät 💥\u{1}" } }),
    ] {
        assert_eq!(admitted_node(&event).as_deref(), Ok("ap-1"), "{event}");
    }
}

#[test]
fn two_tokens_that_differ_are_refused() {
    let (one, two) = (token_of("ap-1"), token_of("ap-2"));
    let (bearer_one, bearer_two) = (format!("Bearer {one}"), format!("Bearer {two}"));
    for event in [
        json!({ "multiValueHeaders": { "Authorization": [bearer_one, bearer_two] } }),
        json!({ "headers": { "Authorization": bearer_one }, "queryStringParameters": { "token": two } }),
        json!({ "headers": { "Authorization": bearer_one }, "queryStringParameters": { "token": "nonsense" } }),
        json!({
            "queryStringParameters": { "token": two },
            "multiValueQueryStringParameters": { "token": [one, two] },
        }),
    ] {
        assert_eq!(admitted_node(&event), Err("there are several tokens, and they differ".to_owned()), "{event}");
    }
}

#[test]
fn a_connection_without_exactly_one_valid_token_is_refused() {
    let bearer = format!("Bearer {}", token_of("ap-1"));
    for (event, reason) in [
        (json!({}), "there is no token"),
        (json!({ "queryStringParameters": { "token": "" } }), "there is no token"),
        (json!({ "queryStringParameters": { "Token": token_of("ap-1") }, "headers": {} }), "there is no token"),
        (json!({ "headers": { "Authorization": "Basic YTpi" } }), "the authorization is not a bearer token"),
        (json!({ "headers": { "Authorization": "Bearer" } }), "the authorization is not a bearer token"),
        (json!({ "multiValueHeaders": { "Authorization": [bearer, "Basic YTpi"] } }), "the authorization is not"),
        (json!({ "headers": { "Authorization": "Bearer " } }), "the token is malformed"),
        (
            json!({ "headers": { "Authorization": format!("{bearer} x") } }),
            "the token is malformed: it has white space",
        ),
        (json!({ "headers": { "Authorization": format!("{bearer}, {bearer}") } }), "the token is malformed"),
        (json!({ "queryStringParameters": { "token": format!("{}\n", token_of("ap-1")) } }), "white space"),
        (json!({ "queryStringParameters": { "token": "x".repeat(9_000) } }), "longer than 8192 bytes"),
    ] {
        let refused = admitted_node(&event).expect_err("a refusal");
        assert!(refused.contains(reason), "{event}: {refused}");
    }
    assert!(
        serde_json::from_value::<Request>(json!({ "methodArn": "" })).is_err(),
        "an event without a request context is refused"
    );
}

#[test]
fn an_admitted_node_is_named_with_its_credential_version_and_the_end_of_its_token() {
    let event = json!({
        "methodArn": "arn",
        "headers": { "Authorization": format!("Bearer {}", token_of("ap-1")) },
        "requestContext": { "requestTimeEpoch": NOW },
    });
    let request: Request = serde_json::from_value(event).expect("an event");
    let Ok(admission) = handle(&request, &verifier()) else { panic!("the connection is refused") };
    let admission = serde_json::to_value(admission).expect("JSON");
    assert_eq!(admission["principalId"], "ap-1");
    assert_eq!(admission["context"], json!({ "node": "ap-1", "cv": "3", "exp": (NOW / 1000 + 60).to_string() }));
    assert_eq!(admission["policyDocument"]["Statement"][0]["Resource"], "arn");
}

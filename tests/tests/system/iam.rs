//! A console that leaves it to IAM who may ask.

use std::collections::BTreeMap;

use rollcall_aws::variable;
use rollcall_tests::{Cloud, Options};
use serde_json::{Value, json};

/// A request as API Gateway hands it on (payload format 2.0), with what its authorizer says.
fn request(method: &str, path: &str, body: &str, authorizer: Option<Value>) -> Value {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example.com", "authorization": "AWS4-HMAC-SHA256 Credential=…"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api-id.execute-api.eu-west-1.amazonaws.com",
            "domainPrefix": "api-id",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl"},
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_u64
        },
        "body": body,
        "isBase64Encoded": false
    });
    if let Some(authorizer) = authorizer {
        event["requestContext"]["authorizer"] = authorizer;
    }
    event
}

#[tokio::test]
async fn a_console_in_iam_mode_is_open_to_whom_iam_has_checked_and_to_nobody_behind_a_route_without_authorizer() {
    let more = BTreeMap::from([(variable::CONSOLE_AUTH.to_owned(), "iam".to_owned())]);
    let cloud = Cloud::with(Options { more, ..Options::default() }).await;
    let iam = json!({"iam": {
        "accessKey": "AKIAIOSFODNN7EXAMPLE",
        "accountId": "123456789012",
        "callerId": "AIDACKCEVSQ6C2EXAMPLE",
        "cognitoIdentity": null,
        "principalOrgId": "aws:PrincipalOrgID",
        "userArn": "arn:aws:iam::123456789012:user/monolith",
        "userId": "AIDACKCEVSQ6C2EXAMPLE"
    }});
    let refused = cloud.invoke("console", &request("PUT", "/v1/nodes/ap-1", "{}", None)).await;
    assert_eq!(refused["statusCode"], 401, "{refused}");
    assert_eq!(refused["headers"]["content-type"], "application/problem+json");
    assert!(refused["body"].as_str().expect("text").contains("\"unauthenticated\""), "{refused}");
    assert!(cloud.stored("ap-1").await.is_none(), "nothing is done");
    for (method, body) in [("PUT", "{}"), ("GET", "")] {
        let answer = cloud.invoke("console", &request(method, "/v1/nodes/ap-1", body, Some(iam.clone()))).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    // This gateway has no IAM authorizer, so that nobody is let in through it, with whatever key.
    assert_eq!(cloud.console().get("/v1/nodes").await.problem(), (401, "unauthenticated".to_owned()));
    assert_eq!(cloud.console().get("/v1/health").await.status, 200);
    cloud.stop().await;
}

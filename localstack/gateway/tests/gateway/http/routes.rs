//! The selection of the route for a request.

use http::{Method, Request};
use serde_json::json;

use super::{config, get, refusal, send, start};
use crate::support::{Functions, functions};

/// Functions with `key`, which answers with the key of its route.
fn key_functions() -> Functions {
    functions().0.on("key", |event| Ok(json!({"statusCode": 200, "body": event["routeKey"]})))
}

/// Asserts that each request, written as a route key, takes the route with the key next to it, or none.
async fn assert_routed(stage: &str, routes: &[&str], requests: &[(&str, Option<&str>)]) {
    // The preference must not depend on the order of the routes.
    let in_order = routes.iter().map(|&key| (key, "key")).collect::<Vec<_>>();
    let reversed = in_order.iter().rev().copied().collect::<Vec<_>>();
    for routes in [in_order, reversed] {
        let mut config = config(&routes);
        config.stage = stage.into();
        let api = start(config, key_functions()).await;
        for (request, expected) in requests {
            let (method, path) = request.split_once(' ').unwrap();
            let answer = send(&api, Request::builder().method(method).uri(path), "").await;
            match expected {
                Some(key) => assert_eq!(answer.2, key, "{request}"),
                None => assert_eq!(refusal(answer), (404, "Not Found".into()), "{request}"),
            }
        }
    }
}

#[tokio::test]
async fn the_documented_example_is_routed_as_documented() {
    let routes = ["GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"];
    let requests = [
        ("GET /pets/dog/1", Some("GET /pets/dog/1")),
        ("GET /pets/dog/2", Some("GET /pets/dog/{id}")),
        ("GET /pets/cat/1", Some("GET /pets/{proxy+}")),
        ("POST /test/5", Some("ANY /{proxy+}")),
    ];
    assert_routed("$default", &routes, &requests).await;
}

#[tokio::test]
async fn a_full_match_precedes_variables_these_a_greedy_variable_and_this_the_default() {
    let routes = [
        "GET /v1/nodes/all",
        "GET /v1/{kind}/all",
        "GET /v1/nodes/{id}",
        "GET /{version}/{kind}/{id}",
        "GET /v1/nodes/{proxy+}",
        "GET /v1/{proxy+}",
        "$default",
    ];
    let requests = [
        ("GET /v1/nodes/all", Some("GET /v1/nodes/all")),
        ("GET /v1/nodes/7", Some("GET /v1/nodes/{id}")),
        ("GET /v1/sites/all", Some("GET /v1/{kind}/all")),
        ("GET /v1/sites/7", Some("GET /{version}/{kind}/{id}")),
        ("GET /v1/nodes/7/log", Some("GET /v1/nodes/{proxy+}")),
        ("GET /v1/sites", Some("GET /v1/{proxy+}")),
        ("GET /v2", Some("$default")),
        ("POST /v1/nodes/all", Some("$default")),
    ];
    assert_routed("$default", &routes, &requests).await;
}

#[tokio::test]
async fn an_exact_method_precedes_any_but_a_more_specific_path_precedes_both() {
    let routes = ["POST /v1/check-in", "ANY /v1/check-in", "GET /v1/{x}", "ANY /v1/{proxy+}"];
    let requests = [
        ("POST /v1/check-in", Some("POST /v1/check-in")),
        ("GET /v1/check-in", Some("ANY /v1/check-in")),
        ("GET /v1/other", Some("GET /v1/{x}")),
        ("PUT /v1/other", Some("ANY /v1/{proxy+}")),
    ];
    assert_routed("$default", &routes, &requests).await;
}

#[tokio::test]
async fn a_path_matches_only_as_a_whole_with_its_slashes_and_case() {
    let routes = ["GET /v1/nodes", "GET /v1/nodes/{id}", "GET /v2/{proxy+}", "GET /"];
    let requests = [
        ("GET /", Some("GET /")),
        ("GET /v1/no%64es", Some("GET /v1/nodes")),
        ("GET /v1/nodes/a%2Fb", Some("GET /v1/nodes/{id}")),
        ("GET /v2/", Some("GET /v2/{proxy+}")),
        ("GET /v2/a//b", Some("GET /v2/{proxy+}")),
        ("GET /v1/nodes/", None),
        ("GET /v1/nodes/7/log", None),
        ("GET /V1/nodes", None),
        ("GET /v1", None),
        ("GET /v2", None),
        ("GET /v1/nodes-and-more", None),
    ];
    assert_routed("$default", &routes, &requests).await;
}

#[tokio::test]
async fn a_named_stage_is_the_first_segment_of_every_path_and_appears_in_events() {
    let routes = ["GET /v1/nodes/{id}", "GET /"];
    let requests = [
        ("GET /prod/v1/nodes/7", Some("GET /v1/nodes/{id}")),
        ("GET /prod/", Some("GET /")),
        ("GET /prod", Some("GET /")),
        ("GET /v1/nodes/7", None),
        ("GET /production/v1/nodes/7", None),
        ("GET /test/v1/nodes/7", None),
        ("GET /", None),
    ];
    assert_routed("prod", &routes, &requests).await;

    let (functions, mut record) = functions();
    let mut config = config(&[("GET /v1/nodes", "echo")]);
    config.stage = "prod".into();
    let api = start(config, functions).await;
    get(&api, "/prod/v1/nodes").await;
    let event = record.next("echo").await;
    assert_eq!((&event["rawPath"], &event["requestContext"]["stage"]), (&json!("/prod/v1/nodes"), &json!("prod")));
    assert_eq!(event["requestContext"]["http"]["path"], "/prod/v1/nodes");
}

#[tokio::test]
async fn the_default_route_gets_every_other_path_but_no_other_targets() {
    let requests =
        [("DELETE /a/b", Some("$default")), ("GET /", Some("$default")), ("OPTIONS *", None), ("CONNECT a:1", None)];
    assert_routed("$default", &["$default"], &requests).await;
}

#[tokio::test]
async fn a_request_without_a_route_is_not_found_and_invokes_no_function() {
    let (functions, mut record) = functions();
    let api = start(config(&[("POST /v1/check-in", "echo")]), functions).await;
    for (method, path) in [(Method::GET, "/v1/check-in"), (Method::POST, "/v1"), (Method::POST, "/")] {
        let answer = send(&api, Request::builder().method(method).uri(path), "x".repeat(1024 * 1024)).await;
        assert_eq!(refusal(answer), (404, "Not Found".into()));
    }
    assert!(record.rest("echo").is_empty());
}

#[tokio::test]
async fn an_invalid_key_is_left_out_and_of_two_equal_keys_the_first_is_used() {
    let keys = ["", "GET", "GET x", "/x", "GET /{a+}/x", "GET /{}", "GET /x{a}", "GET /{a", "G T /x", "$connect"];
    let mut routes = keys.map(|key| (key, "key")).to_vec();
    let api = start(config(&routes), key_functions()).await;
    for path in ["/x", "/a/x", "/xa", "/"] {
        assert_eq!(get(&api, path).await.0, 404, "{path}");
    }
    routes.extend([("GET /x", "key"), ("GET /x", "echo"), ("$default", "key"), ("$default", "echo")]);
    let api = start(config(&routes), key_functions()).await;
    assert_eq!(get(&api, "/x").await.2, "GET /x");
    assert_eq!(get(&api, "/a/x").await.2, "$default");
}

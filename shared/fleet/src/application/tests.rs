use serde_json::{Value, json};

use super::*;
use crate::plan::Match;

fn application() -> Application {
    Application::new(&Plan::generate(1, 3, 1))
}

fn answer(status: u16, body: Value) -> AppAnswer {
    AppAnswer { status, etag: None, retry_after: None, body }
}

fn only(requests: Vec<AppRequest>) -> AppRequest {
    let [request] = <[_; 1]>::try_from(requests).expect("one request");
    request
}

fn header<'a>(request: &'a AppRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_request_without_an_answer_is_made_again_as_it_was_until_it_is_answered() {
    let mut application = application();
    let queue = Ask::Queue { node: 1, key: 7, name: 1, expires_in_s: 60, twice: false };
    let first = only(application.begin(&queue));
    let mut waits = vec![];
    for answer in [None, Some(answer(503, Value::Null)), Some(answer(429, Value::Null)), None] {
        let Next::Again { after_ms } = application.answered(first.nth, answer.as_ref()) else { panic!("given up") };
        waits.push(after_ms);
        let again = application.again(first.nth).expect("another request");
        assert_eq!(AppRequest { attempt: again.attempt, ..first.clone() }, again);
    }
    assert!(waits.iter().zip([500, 1_000, 2_000, 4_000]).all(|(wait, most)| *wait <= most && *wait > 0), "{waits:?}");
    assert_eq!(application.answered(first.nth, Some(&answer(201, json!({"command": 1})))), Next::Done);
    assert_eq!((application.again(first.nth), application.open()), (None, 0));
}

#[test]
fn a_server_that_says_when_to_come_again_is_obeyed() {
    let mut application = application();
    let first = only(application.begin(&Ask::Show { node: 0 }));
    let busy = AppAnswer { retry_after: Some(20), ..answer(503, Value::Null) };
    assert!(matches!(application.answered(first.nth, Some(&busy)), Next::Again { after_ms: 20_000.. }));
}

#[test]
fn a_command_that_is_queued_twice_has_one_idempotency_key() {
    let requests = application().begin(&Ask::Queue { node: 0, key: 7, name: 0, expires_in_s: 60, twice: true });
    let keys: Vec<_> = requests.iter().map(|request| header(request, "idempotency-key")).collect();
    assert_eq!(keys, [Some("key-7"); 2]);
    assert_ne!(requests[0].nth, requests[1].nth, "these are two conversations");
}

#[test]
fn a_condition_names_the_version_that_was_told_last() {
    let mut application = application();
    let set = |condition| Ask::SetConfig { node: 0, document: 1, condition };
    let first = only(application.begin(&set(Some(Match::Current))));
    assert_eq!((first.named, header(&first, "if-match")), (Some(0), Some("\"0\"")));
    let told = AppAnswer { etag: Some("\"4-00c0ffee\"".to_owned()), ..answer(200, json!({"version": 4})) };
    assert_eq!(application.answered(first.nth, Some(&told)), Next::Done);
    let current = only(application.begin(&set(Some(Match::Current))));
    assert_eq!((current.named, header(&current, "if-match")), (Some(4), Some("\"4-00c0ffee\"")));
    let stale = only(application.begin(&set(Some(Match::Stale))));
    assert_eq!((stale.named, header(&stale, "if-match")), (Some(3), Some("\"3\"")));
    let absent = only(application.begin(&set(Some(Match::Absent))));
    assert_eq!((absent.named, header(&absent, "if-none-match")), (None, Some("*")));
    let refused = application.answered(stale.nth, Some(&answer(412, json!({"current_version": 5}))));
    assert_eq!(refused, Next::Done, "a refusal is an answer");
    assert_eq!(only(application.begin(&set(Some(Match::Current)))).named, Some(5));
}

#[test]
fn only_a_command_that_is_known_is_cancelled() {
    let mut application = application();
    assert_eq!(application.begin(&Ask::Cancel { node: 0, nth: 0 }), []);
    for number in [1, 2, 3] {
        let queue = Ask::Queue { node: 0, key: number, name: 0, expires_in_s: 60, twice: false };
        let nth = only(application.begin(&queue)).nth;
        application.answered(nth, Some(&answer(201, json!({"command": number}))));
    }
    let path = |nth, application: &mut Application| only(application.begin(&Ask::Cancel { node: 0, nth })).path;
    assert_eq!(path(0, &mut application), "/v1/nodes/ap-0/commands/3");
    assert_eq!(path(2, &mut application), "/v1/nodes/ap-0/commands/1");
    assert_eq!(path(9, &mut application), "/v1/nodes/ap-0/commands/3", "the last one, if there are not so many");
}

#[test]
fn a_node_gets_its_token_once_its_credential_version_is_raised() {
    let mut application = application();
    let raise = Ask::RaiseCredentials { node: 2, token_after_ms: Some(900) };
    let first = only(application.begin(&raise));
    assert_eq!((first.named, first.body.as_deref()), (Some(2), Some("{\"credential_version\":2}")));
    assert_eq!(header(&first, "content-type"), Some("application/merge-patch+json"));
    assert!(matches!(application.answered(first.nth, None), Next::Again { .. }));
    let token = Next::Token { node: 2, credentials: 2, after_ms: 900 };
    assert_eq!(application.answered(first.nth, Some(&answer(200, Value::Null))), token);
    assert_eq!(only(application.begin(&raise)).named, Some(3));
}

#[test]
fn a_list_is_read_page_after_page() {
    let mut application = application();
    let first = only(application.begin(&Ask::ListSite { site: "site-0".to_owned() }));
    assert_eq!((first.path.as_str(), first.query.as_deref()), ("/v1/nodes", Some("site=site-0")));
    for cursor in ["a", "b"] {
        let page = answer(200, json!({"nodes": [], "cursor": cursor}));
        assert!(matches!(application.answered(first.nth, Some(&page)), Next::Again { .. }));
        let query = application.again(first.nth).and_then(|request| request.query);
        assert_eq!(query, Some(format!("site=site-0&cursor={cursor}")));
    }
    assert_eq!(application.answered(first.nth, Some(&answer(200, json!({"nodes": []})))), Next::Done);
}

#[test]
fn the_description_of_an_image_is_that_of_the_image_unless_it_is_wrong() {
    let add = |wrong_hash| {
        let ask = Ask::AddFirmware { model: "ax-1".to_owned(), version: 3, wrong_hash };
        let request = only(application().begin(&ask));
        let body: Value = serde_json::from_str(request.body.as_deref().expect("a body")).expect("JSON");
        (request.path, body["size"].as_u64(), body["sha256"].as_str().map(str::to_owned))
    };
    let image = crate::image("ax-1", "2.3");
    let sha256 = crate::catalogue::image_sha256("ax-1", "2.3");
    assert_eq!(add(false), ("/v1/firmware/ax-1/2.3".to_owned(), Some(image.len() as u64), Some(sha256.clone())));
    assert_ne!(add(true).2, Some(sha256));
}

use futures_util::FutureExt as _;
use rollcall_core::Timestamp;
use serde_json::{Value, json};

use crate::console::endpoints::tests::{Tested, console};
use crate::console::keyed::Keyed;
use crate::console::keys::Scope;
use crate::console::openapi::tests::keyed;
use crate::console::routes::{PARAMETERS, Route};
use crate::http::{HttpAnswer, Request};
use crate::webhook_url::PrivateAddresses;

/// The answer to a request with these headers.
pub(crate) fn asked(
    console: &Tested,
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Option<Value>,
) -> HttpAnswer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: body.map(|body| body.to_string()),
        at: Timestamp(1_800_000_000_000),
        now: Timestamp(1_800_000_000_000),
        ..Request::default()
    };
    for (name, value) in [("authorization", "Bearer w")].iter().chain(headers) {
        request.headers.append(*name, value.parse().expect("a header"));
    }
    console.handle(&request).now_or_never().expect("nothing waits")
}

/// A console with a node of which the third version of a configuration is desired.
fn with_a_node() -> Tested {
    let console = console(PrivateAddresses::Refused);
    assert_eq!(asked(&console, "PUT", "/v1/nodes/ap-1", &[], Some(json!({"site": "hq"}))).status_code, 200);
    for channel in [1, 2, 3] {
        let set = asked(&console, "PUT", "/v1/nodes/ap-1/config", &[], Some(json!({"channel": channel})));
        assert_eq!(set.status_code, 200);
    }
    console
}

/// Each write with a path that leads to something, and a body that is taken.
fn writes() -> Vec<(Keyed<'static>, &'static str, String, Option<Value>)> {
    let writes = keyed().into_iter().filter(|(keyed, ..)| keyed.scope() == Scope::Write);
    let with_body = writes.map(|(keyed, method, path)| {
        let ids = [("{node}", "ap-1"), ("{site}", "hq"), ("{model}", "ax-2"), ("{version}", "2.5"), ("{command}", "1")];
        let path = ids.iter().fold(format!("/v1/{path}"), |path, (id, value)| path.replace(id, value));
        let body = (!Route::Keyed(keyed).content().types().is_empty()).then(|| json!({}));
        (keyed, method, path.replace("{name}", "crm"), body)
    });
    with_body.collect()
}

fn is_of_a_configuration(keyed: Keyed<'_>) -> bool {
    matches!(keyed, Keyed::SetConfig(_) | Keyed::UnsetConfig(_) | Keyed::RollBackConfig(_))
}

#[test]
fn a_condition_is_honoured_or_refused_on_every_write_and_nothing_is_written_where_it_does_not_hold() {
    for (keyed, method, path, body) in writes() {
        for (name, tag) in [
            ("if-match", "\"2\""),
            ("if-match", "W/\"3\""),
            ("if-none-match", "\"3-00c0ffee\""),
            ("if-none-match", "*"),
        ] {
            let console = with_a_node();
            let before = console.store.all();
            let answer = asked(&console, method, &path, &[(name, tag)], body.clone());
            let expected = if is_of_a_configuration(keyed) { 412 } else { 400 };
            assert_eq!(answer.status_code, expected, "{method} {path} with {name}: {tag}: {:?}", answer.body);
            let said = answer.body.unwrap_or_default();
            assert!(expected == 412 || said.contains(name), "{method} {path}: {said}");
            assert!(console.store.all() == before, "{method} {path} with {name}: {tag}");
        }
    }
}

#[test]
fn a_condition_that_holds_lets_the_write_of_a_configuration_through_and_one_that_can_t_be_read_does_not() {
    for (_, method, path, body) in writes().into_iter().filter(|(keyed, ..)| is_of_a_configuration(*keyed)) {
        for (name, tags) in [
            ("if-match", "\"3\""),
            ("if-match", "*"),
            ("if-match", "\"1\", \"3-00c0ffee\""),
            ("if-none-match", "\"2\", W/\"1\""),
            // Without a date of the last change, these must be ignored (RFC 9110, sections 13.1.3 and 13.1.4).
            ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT"),
        ] {
            let answer = asked(&with_a_node(), method, &path, &[(name, tags)], body.clone());
            assert_eq!(answer.status_code, 200, "{method} {path} with {name}: {tags}: {:?}", answer.body);
            assert!(answer.headers.contains_key("etag"), "{method} {path}");
        }
        for wrong in ["3", "\"3", "*, \"3\"", ""] {
            let answer = asked(&with_a_node(), method, &path, &[("if-match", wrong)], body.clone());
            assert_eq!(answer.status_code, 400, "{method} {path}: {wrong:?}");
        }
        let two_lines = [("if-match", "\"1\""), ("if-match", "\"2\"")];
        assert_eq!(asked(&with_a_node(), method, &path, &two_lines, body.clone()).status_code, 412, "{method} {path}");
    }
}

#[test]
fn a_parameter_that_says_true_or_false_says_nothing_else() {
    for (_, method, path, body) in writes().into_iter().filter(|(keyed, ..)| {
        PARAMETERS.iter().any(|name| ["replace", "dry_run"].contains(name) && Route::Keyed(*keyed).has_parameter(name))
    }) {
        let name = if path.starts_with("/v1/sites") { "replace" } else { "dry_run" };
        for wrong in ["yes", "1", "TRUE"] {
            let answer = asked(&with_a_node(), method, &format!("{path}?{name}={wrong}"), &[], body.clone());
            assert_eq!(answer.status_code, 400, "{method} {path}: {wrong}");
        }
    }
}

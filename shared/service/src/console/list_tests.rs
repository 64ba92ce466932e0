use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use rollcall_core::Timestamp;
use serde_json::json;

use super::*;
use crate::console::endpoints::tests::{Tested, ask, console};
use crate::http::Request;
use crate::webhook_url::PrivateAddresses;

/// A console with nodes: `ap-N` for each N below this, a tenth of them at the site `lab`, every third with the tag `roof`.
fn fleet(nodes: usize) -> Tested {
    let console = console(PrivateAddresses::Refused);
    for number in 0..nodes {
        let site = if number.is_multiple_of(10) { "lab" } else { "hq" };
        let tags = if number.is_multiple_of(3) { json!(["roof"]) } else { json!([]) };
        let spec = json!({"site": site, "model": "ax-2", "tags": tags, "name": format!("Lobby {number}"),
            "labels": {"floor": (number % 4).to_string()}});
        assert_eq!(ask(&console, "PUT", &format!("/v1/nodes/ap-{number}"), Some(spec)).0, 200);
    }
    console
}

/// The answer to a request for this list, and its status.
fn get(console: &Tested, query: &str) -> (u16, Value) {
    let mut request = Request {
        method: "GET".to_owned(),
        path: "/v1/nodes".to_owned(),
        query: query.to_owned(),
        at: Timestamp(1_800_000_000_000),
        now: Timestamp(1_800_000_000_000),
        ..Request::default()
    };
    request.headers.insert("authorization", "Bearer r".parse().expect("a header"));
    let answer = console.handle(&request).now_or_never().expect("nothing waits");
    (answer.status_code, serde_json::from_str(&answer.body.unwrap_or_default()).expect("JSON"))
}

/// All nodes of a list, the number of requests that it took, and its last page.
fn all(console: &Tested, query: &str) -> (BTreeSet<String>, usize, Value) {
    let (mut nodes, mut requests, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let (status, page) = get(console, &format!("{query}{cursor}"));
        assert_eq!(status, 200, "{query}: {page}");
        requests += 1;
        for node in page["nodes"].as_array().expect("nodes") {
            assert!(nodes.insert(node["node"].as_str().expect("an id").to_owned()), "{node} is there twice");
        }
        match page["cursor"].as_str() {
            Some(next) => {
                assert!(page.get("total").is_none() && page.get("approximate").is_none(), "{page}");
                cursor = format!("&cursor={next}");
            }
            None => return (nodes, requests, page),
        }
    }
}

#[test]
fn a_list_has_the_nodes_that_its_selector_means_and_says_how_many() {
    let console = fleet(40);
    for (query, expected) in [
        ("", 40),
        ("select=site%3Dlab", 4),
        ("select=site%3Dlab&site=hq", 0),
        ("select=tag%3Droof+site%3Dhq", 12),
        ("select=node%3Dap-1,ap-2,ap-1,nobody,no/id", 2),
        ("select=node%3Dap-1,ap-10+site%3Dlab", 1),
        ("select=node%3Dap-1&site=lab", 0),
        ("select=site%3D%22no+site%22", 0),
        ("select=name~LOBBY+label.floor%3D0", 10),
        ("select=presence%3Doffline&presence=online", 0),
        ("select=seen%3Dnever+revoked%3Dno+config%3Dnone", 40),
    ] {
        for limit in [100, 7] {
            let (nodes, requests, last) = all(&console, &format!("{query}&limit={limit}"));
            assert_eq!((nodes.len(), &last["total"]), (expected, &json!(expected)), "{query}: {last}");
            let is_approximate = last.get("approximate").is_some();
            assert_eq!(is_approximate, requests > 1, "{query} in {requests} requests: {last}");
        }
    }
}

#[test]
fn a_request_reads_a_part_of_the_fleet_only_and_goes_on_where_it_was() {
    let console = fleet(60);
    let (status, page) = get(&console, "select=model%3Dother&limit=1");
    assert_eq!((status, &page["nodes"]), (200, &json!([])));
    assert!(page["cursor"].is_string() && page.get("total").is_none(), "{page}");
    let (nodes, requests, last) = all(&console, "select=model%3Dother&limit=1");
    assert!(nodes.is_empty() && (60_usize.div_ceil(READS)..=60).contains(&requests), "{requests}");
    assert_eq!((&last["total"], &last["approximate"]), (&json!(0), &json!(true)));
}

#[test]
fn only_the_fields_that_are_asked_for_are_shown_with_the_id() {
    let console = fleet(2);
    let (_, page) = get(&console, "fields=site,presence&select=node%3Dap-1");
    let node = page["nodes"][0].as_object().expect("an object");
    assert_eq!(node.keys().map(String::as_str).collect::<BTreeSet<_>>(), ["node", "presence", "site"].into());
    assert_eq!((&page["nodes"][0]["site"], &page["total"]), (&json!("hq"), &json!(1)));
    let (_, page) = get(&console, "fields=name,labels,node&select=node%3Dap-1");
    assert_eq!(page["nodes"], json!([{"node": "ap-1", "name": "Lobby 1", "labels": {"floor": "1"}}]));

    let (_, page) = get(&console, "");
    let shown: BTreeSet<_> = page["nodes"][0].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(shown, NodeView::FIELDS.into(), "every field has its name in the list");
}

#[test]
fn a_wrong_selector_or_field_is_refused_by_name_in_one_line() {
    let console = fleet(1);
    for (query, said) in [
        ("select=site%3Dhq+vendor%3Dx", "select: no field has this name: there are node, name,"),
        ("select=site%3Dhq+vendor%3Dx", "(at character 9: `vendor`)"),
        ("select=config%3Deaten", "none, pending, applied, substituted, rejected"),
        ("select=site%3D", "(at the end)"),
        ("select=site%3D+tag%3Droof", "(at character 6)"),
        ("fields=site,colour", "fields: colour is no field of a node"),
        ("fields=site,", "fields: "),
        ("fields=Site", "fields: Site is no field"),
    ] {
        let (status, problem) = get(&console, query);
        assert_eq!((status, &problem["code"]), (400, &json!("invalid-parameter")), "{query}: {problem}");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(said) && !detail.contains(char::is_control) && detail.len() < 500, "{query}: {detail}");
    }
}

#[test]
fn a_cursor_is_for_the_list_that_it_came_with() {
    let console = fleet(20);
    let list = "select=tag!%3Droof&fields=site&limit=2";
    let (_, page) = get(&console, list);
    let cursor = page["cursor"].as_str().expect("more").to_owned();
    assert_eq!(get(&console, &format!("select=tag!%3Droof&fields=node,site&limit=9&cursor={cursor}")).0, 200);
    for other in
        ["select=tag%3Droof&fields=site", "select=tag!%3Droof", "fields=site", "", "select=tag!%3Droof&fields=model"]
    {
        let (status, problem) = get(&console, &format!("{other}&cursor={cursor}"));
        assert_eq!((status, &problem["code"]), (400, &json!("invalid-cursor")), "{other}");
    }
}

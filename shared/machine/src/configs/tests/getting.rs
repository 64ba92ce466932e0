//! How the document of a configuration is obtained.

use super::*;

#[test]
fn a_newer_version_replaces_one_that_the_program_does_not_have_yet() {
    let mut node = Node::new();
    assert_eq!(node.hear(large(3)), Some(fetch(3)));
    assert_eq!(node.hear(news(4)), Some(Due::Apply(configuration(4))));
    assert_eq!(node.fetched(3, Ok(document(3).text().to_owned())), None);
}

#[test]
fn after_a_wrong_hash_the_server_is_asked_again_and_its_answer_applied() {
    for answer in [news(3), news(4)] {
        let mut node = Node::new();
        assert_eq!(node.hear(forged(3)), Some(Due::Ask));
        assert_eq!(node.due(), None, "the node asks once");
        let version = answer.version;
        assert_eq!(node.hear(answer), Some(Due::Apply(configuration(version))));
    }
}

#[test]
fn a_hash_that_is_wrong_after_three_questions_rejects_the_configuration() {
    let mut node = Node::new();
    for _ in 0..3 {
        assert_eq!(node.hear(forged(3)), Some(Due::Ask));
    }
    assert_eq!(node.hear(forged(3)), Some(Due::Settled(rejected(3, "wrong hash"))));
    assert_eq!(node.hear(forged(3)), None);
    assert_eq!(node.hear(forged(4)), Some(Due::Ask), "another version is asked for anew");
}

#[test]
fn text_that_is_no_hash_is_not_used_in_a_path() {
    let upper = document(3).sha256().to_uppercase();
    for sha256 in ["", "../../secret", upper.as_str(), &"x".repeat(64)] {
        let mut node = Node::new();
        assert_eq!(node.hear(ConfigNews { sha256: sha256.to_owned(), ..large(3) }), Some(Due::Ask), "{sha256}");
    }
}

#[test]
fn if_the_server_has_no_configuration_any_more_the_node_stops_waiting_for_it() {
    let mut node = Node::new();
    node.hear(forged(3));
    node.configs.withdrawn();
    assert_eq!((node.hear(news(3)), node.configs.report(None)), (None, None));
    let mut node = Node::proving(3);
    node.configs.withdrawn();
    assert_eq!(node.prove(), Some(Due::Settled(applied(3))), "a proof that is under way goes on");
}

#[test]
fn a_document_that_is_not_in_the_message_is_fetched_once() {
    let mut node = Node::new();
    assert_eq!(node.hear(large(3)), Some(fetch(3)));
    assert_eq!((node.hear(large(3)), node.due()), (None, None));
    assert_eq!(node.fetched(3, Ok(document(3).text().to_owned())), Some(Due::Apply(configuration(3))));
}

#[test]
fn a_fetch_that_fails_is_repeated_three_times_with_growing_pauses() {
    let mut node = Node::new();
    assert_eq!(node.hear(large(3)), Some(fetch(3)));
    for step in [1, 2, 4] {
        assert_eq!(node.fetched(3, failed("no route")), None);
        let at = node.configs.deadline(true).expect("a next attempt");
        assert!(at > node.now && at <= node.now + s(step), "{at:?}");
        assert_eq!(node.configs.deadline(false), None);
        node.now = at;
        assert_eq!(node.due(), Some(fetch(3)));
    }
    let report = rejected(3, "could not be fetched: no route");
    assert_eq!(node.fetched(3, failed("no route")), Some(Due::Settled(report)));
}

#[test]
fn without_a_url_the_fetch_is_not_repeated() {
    let mut node = Node::new();
    node.hear(large(3));
    let report = rejected(3, "the node has no HTTP URL to fetch from");
    assert_eq!(node.fetched(3, Err(FetchError::NoUrl)), Some(Due::Settled(report)));
}

#[test]
fn the_hash_and_the_size_of_a_fetched_document_are_checked() {
    let mut node = Node::new();
    node.hear(large(3));
    assert_eq!(node.fetched(3, Ok("{}".to_owned())), Some(Due::Ask));
    assert_eq!(node.hear(large(3)), Some(fetch(3)));
    assert_eq!(node.fetched(3, Ok("x".repeat(rollcall_wire::DOCUMENT_BYTES + 1))), None, "a failed fetch is repeated");
    node.now += s(60);
    assert_eq!(node.due(), Some(fetch(3)));
}

#[test]
fn without_a_connection_nothing_is_fetched_or_applied() {
    let mut node = Node::new();
    node.configs.hear(s(0), large(3));
    assert_eq!(node.configs.tick(s(0), false), None);
    assert_eq!(node.due(), Some(fetch(3)));
    let text = document(3).text().to_owned();
    node.configs.fetched(&Timing::default(), &mut node.rng, s(0), 3, Ok(text));
    assert_eq!(node.configs.tick(s(0), false), None);
    assert_eq!(node.due(), Some(Due::Apply(configuration(3))));
}

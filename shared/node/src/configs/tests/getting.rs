//! From the news to the document.

use super::*;

#[test]
fn what_the_program_does_not_have_yet_gives_way_to_what_is_newer() {
    let mut node = Node::new();
    assert_eq!(node.hear(large(3)), Some(fetch(3)));
    assert_eq!(node.hear(news(4)), Some(Due::Apply(configuration(4))));
    assert_eq!(node.fetched(3, Ok(document(3).text().to_owned())), None);
}

#[test]
fn after_a_wrong_hash_the_server_is_asked_again_and_its_answer_taken() {
    for honest in [news(3), news(4)] {
        let mut node = Node::new();
        assert_eq!(node.hear(forged(3)), Some(Due::Ask));
        assert_eq!(node.due(), None, "asked once");
        let version = honest.version;
        assert_eq!(node.hear(honest), Some(Due::Apply(configuration(version))));
    }
}

#[test]
fn after_three_questions_a_hash_that_stays_wrong_is_a_rejection() {
    let mut node = Node::new();
    for _ in 0..3 {
        assert_eq!(node.hear(forged(3)), Some(Due::Ask));
    }
    assert_eq!(node.hear(forged(3)), Some(Due::Settled(rejected(3, "wrong hash"))));
    assert_eq!(node.hear(forged(3)), None);
    assert_eq!(node.hear(forged(4)), Some(Due::Ask), "another version is asked for anew");
}

#[test]
fn what_is_no_hash_never_becomes_part_of_a_path() {
    let upper = document(3).sha256().to_uppercase();
    for sha256 in ["", "../../secret", upper.as_str(), &"x".repeat(64)] {
        let mut node = Node::new();
        assert_eq!(node.hear(ConfigNews { sha256: sha256.to_owned(), ..large(3) }), Some(Due::Ask), "{sha256}");
    }
}

#[test]
fn when_the_server_has_none_any_more_nothing_is_waited_for() {
    let mut node = Node::new();
    node.hear(forged(3));
    node.configs.withdrawn();
    assert_eq!((node.hear(news(3)), node.configs.report(None)), (None, None));
    let mut node = Node::proving(3);
    node.configs.withdrawn();
    assert_eq!(node.prove(), Some(Due::Settled(applied(3))), "what runs goes on");
}

#[test]
fn a_document_that_is_not_in_the_news_is_fetched_once() {
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
fn without_a_url_nothing_is_tried_again() {
    let mut node = Node::new();
    node.hear(large(3));
    assert_eq!(node.fetched(3, Err(FetchError::NoUrl)), Some(Due::Settled(rejected(3, "no HTTP URL"))));
}

#[test]
fn what_was_fetched_is_checked_as_well() {
    let mut node = Node::new();
    node.hear(large(3));
    assert_eq!(node.fetched(3, Ok("{}".to_owned())), Some(Due::Ask));
    assert_eq!(node.hear(large(3)), Some(fetch(3)));
    assert_eq!(node.fetched(3, Ok("x".repeat(rollcall_wire::DOCUMENT_BYTES + 1))), None, "a failure, to be repeated");
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

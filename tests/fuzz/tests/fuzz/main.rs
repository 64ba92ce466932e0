//! Every target holds for every file of its corpus, and for inputs that are made from them. The inputs are the same in
//! every run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod drive;

use drive::hold;

#[test]
fn any_text_is_a_message_and_a_document_or_is_told_why_not() {
    hold("wire", 30_000);
}

#[test]
fn any_token_and_any_set_of_keys_is_taken_whole_or_refused_in_one_line() {
    hold("tokens", 20_000);
}

#[test]
fn any_events_have_answers_that_nodes_and_the_application_can_read() {
    hold("events", 2_500);
}

#[test]
fn any_bytes_of_a_client_are_frames_and_heads_in_whatever_pieces_they_come() {
    hold("frames", 60_000);
}

#[test]
fn any_bytes_on_a_connection_have_answers_and_an_end() {
    hold("listener", 5_000);
}

#[test]
fn a_node_keeps_its_rules_whatever_happens_to_it() {
    hold("machine", 6_000);
}

#[test]
fn any_mapping_is_refused_with_its_mistakes_or_hears_and_answers() {
    hold("mapping", 10_000);
}

#[test]
fn any_text_is_a_selector_or_is_refused_with_the_place_of_what_is_wrong() {
    hold("selector", 60_000);
}

#[test]
fn any_file_of_an_import_is_read_to_its_end_and_every_record_is_a_node_or_says_what_is_wrong() {
    hold("import", 3_000);
}

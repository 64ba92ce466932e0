use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn error(text: &str) -> MessageError {
    parse_node_message(text).expect_err(text)
}

fn code(text: &str) -> ErrorCode {
    error(text).code
}

/// A check-in with these fields besides its type and sequence number.
fn check_in_with(fields: &str) -> String {
    format!(r#"{{"type":"check-in","seq":7,{fields}}}"#)
}

fn read(fields: &str) -> CheckIn {
    match parse_node_message(&check_in_with(fields)) {
        Ok(NodeMessage::CheckIn(check_in)) => check_in,
        other => panic!("{fields}: {other:?}"),
    }
}

fn refused(fields: &str) -> String {
    let error = error(&check_in_with(fields));
    assert_eq!((error.code, error.seq), (ErrorCode::InvalidField, Some(7)), "{fields}: {error:?}");
    error.message
}

#[test]
fn an_error_does_not_repeat_the_message() {
    let quotes = "\\\"".repeat(MESSAGE_LIMIT_BYTES / 2 - 1);
    for text in [format!("\"{quotes}\""), format!("\"{}\"", "\u{e4}".repeat(1_000))] {
        let error = error(&text);
        assert_eq!(error.code, ErrorCode::NotJson);
        assert!(error.message.len() <= REASON_BYTES, "{} bytes", error.message.len());
    }
}

#[test]
fn a_minimal_check_in_asks_for_an_answer() {
    let parsed = parse_node_message(r#"{"type":"check-in","seq":7}"#);
    assert_eq!(parsed, Ok(NodeMessage::CheckIn(CheckIn::idle(7))));
}

#[test]
fn unknown_fields_are_ignored_and_order_does_not_matter() {
    let parsed = parse_node_message(r#"{"seq":7,"colour":"red","colour":1e999,"type":"check-in","health":{"fans":3}}"#);
    let expected = CheckIn { health: Some(Health::default()), ..CheckIn::idle(7) };
    assert_eq!(parsed, Ok(NodeMessage::CheckIn(expected)));
}

#[test]
fn each_way_of_being_wrong_has_its_own_code() {
    for text in ["hello", "", " ", "[1]", "\"{}\"", "{", "{\"type\":\"config\",}", "{\"type\":\"config\"} {}"] {
        assert_eq!(code(text), ErrorCode::NotJson, "{text}");
    }
    for text in [
        check_in_with("\"health\":{\"load_percent\":NaN}"),
        check_in_with("\"x\":-Infinity"),
        check_in_with("\"x\":01"),
        check_in_with("\"x\":'1'"),
    ] {
        assert_eq!(code(&text), ErrorCode::NotJson, "{text}");
    }
    assert_eq!(code(&format!("{{\"type\":{}", "[".repeat(500))), ErrorCode::TooDeep);
    assert_eq!(code(r#"{"seq":1}"#), ErrorCode::NoType);
    assert_eq!(code(r#"{"type":null}"#), ErrorCode::NoType);
    assert_eq!(code(r#"{"type":7}"#), ErrorCode::NoType);
    for kind in ["reboot", "Check-In", "check-in ", "check_in", "", "check-in\\u0000", "ack"] {
        assert_eq!(code(&format!(r#"{{"type":"{kind}","seq":1}}"#)), ErrorCode::UnknownType, "{kind}");
    }
    assert_eq!(code(&format!(r#"{{"type":"{}"}}"#, "x".repeat(MESSAGE_LIMIT_BYTES))), ErrorCode::TooLarge);
}

#[test]
fn a_byte_order_mark_is_ignored_and_utf_16_is_named() {
    assert!(parse_node_message("\u{feff}{\"type\":\"config\"}").is_ok());
    let utf16: String = "{\"type\":\"config\"}".chars().flat_map(|character| [character, '\0']).collect();
    assert_eq!(error(&utf16).message, "the message is UTF-16, must be UTF-8");
    assert_eq!(error("").message, "the message is empty");
}

#[test]
fn a_sequence_number_is_a_whole_number_however_it_is_written() {
    for (text, seq) in [("1.0", 1), ("1e3", 1000), ("9007199254740991", SEQ_MAX), ("9007199254740991.0", SEQ_MAX)] {
        let parsed = parse_node_message(&format!(r#"{{"type":"check-in","seq":{text}}}"#));
        assert_eq!(parsed, Ok(NodeMessage::CheckIn(CheckIn::idle(seq))), "{text}");
    }
    for text in ["0", "-1", "1.5", "\"1\"", "true", "[1]", "9007199254740992", "9007199254740993.0", "1e400", "1e16"] {
        let error = error(&format!(r#"{{"type":"check-in","seq":{text}}}"#));
        assert_eq!((error.code, error.seq), (ErrorCode::InvalidField, None), "{text}");
        assert_eq!(error.message, format!("seq: must be a whole number from 1 to 9007199254740991, not {text}"));
    }
    for text in [r#"{"type":"check-in"}"#, r#"{"type":"check-in","seq":null}"#] {
        assert!(error(text).message.starts_with("seq: is missing"), "{text}");
    }
}

#[test]
fn no_figure_is_a_reason_to_refuse_a_check_in() {
    for (figure, expected, dropped) in [
        ("12345.67", Some(12346), 0),
        ("1e3", Some(1000), 0),
        ("1.0", Some(1), 0),
        ("-0.0", Some(0), 0),
        ("null", None, 0),
        ("18446744073709551616", Some(u64::MAX), 1),
        ("1e400", Some(u64::MAX), 1),
        ("-1", None, 1),
        ("-1e400", None, 1),
        ("\"86400\"", None, 1),
        ("\"\\ud800\"", None, 1),
        ("true", None, 1),
        ("[1]", None, 1),
        ("{\"a\":[{}]}", None, 1),
    ] {
        for name in ["uptime_s", "load_percent", "memory_free_kib", "clients"] {
            let check_in = read(&format!(r#""health":{{"{name}":{figure}}}"#));
            let health = check_in.health.expect("an object");
            let [large, small] =
                [health.uptime_s.or(health.memory_free_kib), health.load_percent.or(health.clients).map(u64::from)];
            let expected = if name.ends_with(['t', 's']) && name != "uptime_s" {
                expected.map(|value| value.min(u32::MAX.into()))
            } else {
                expected
            };
            assert_eq!((large.or(small), check_in.dropped), (expected, dropped), "{name}: {figure}");
        }
    }
}

#[test]
fn a_field_that_only_describes_the_node_is_kept_dropped_or_clipped_and_counted() {
    let idle = CheckIn::idle(7);
    for health in ["[]", "[1,2,3,4]", "7", "\"well\"", "true"] {
        assert_eq!(read(&format!("\"health\":{health}")), CheckIn { dropped: 1, ..idle.clone() }, "{health}");
    }
    assert_eq!(read(r#""health":{"clients":1,"clients":2}"#).dropped, 1, "it is not known which one counts");
    assert_eq!(read(r#""health":{},"health":{"clients":2}"#), CheckIn { dropped: 1, ..idle.clone() });
    for ack in ["0", "\"false\"", "[]"] {
        assert_eq!(read(&format!("\"ack\":{ack}")), CheckIn { dropped: 1, ..idle.clone() }, "{ack}");
    }
    assert_eq!(read("\"firmware\":2.10"), CheckIn { dropped: 1, ..idle.clone() });
    let replaced = CheckIn { firmware: Some("2\u{fffd}\u{fffd}\u{fffd}".to_owned()), dropped: 1, ..idle.clone() };
    assert_eq!(read(r#""firmware":"2\ud800""#), replaced);
    let nul = read(r#""firmware":"2.4\u0000","config":{"version":1,"status":"applied","detail":"a\u0000b"}"#);
    assert_eq!((nul.firmware.as_deref(), nul.dropped), (Some("2.4\0"), 0), "NUL is a valid character");
}

#[test]
fn null_is_absent_everywhere() {
    let nothing = r#""ack":null,"firmware":null,"config":null,"update":null,"health":null,"results":null"#;
    assert_eq!(read(nothing), CheckIn::idle(7));
    let within = read(
        r#""config":{"version":1,"status":"applied","detail":null},"update":{"version":"2","status":"failed","detail":null},
        "health":{"uptime_s":null},"results":[{"command":1,"status":"done","output":null}]"#,
    );
    assert_eq!(within.dropped, 0);
    assert_eq!(within.health, Some(Health::default()));
    assert!(refused(r#""config":{"version":null,"status":"applied"}"#).starts_with("config.version: is missing"));
}

#[test]
fn a_report_that_the_server_waits_for_is_valid_or_refused() {
    let config = read(r#""config":{"version":1e3,"status":"applied"}"#).config.expect("a report");
    assert_eq!((config.version, config.status), (1000, ConfigStatus::Applied));
    for (fields, message) in [
        (
            r#""config":{"version":1,"status":"great"}"#,
            "config.status: must be applied, substituted or rejected, not \"great\"",
        ),
        (r#""config":{"version":1}"#, "config.status: is missing: it must be applied, substituted or rejected"),
        (r#""config":{"version":1.5,"status":"applied"}"#, "config.version: must be a whole number, not 1.5"),
        (r#""config":{"version":"1","status":"applied"}"#, "config.version: must be a whole number, not \"1\""),
        (
            r#""config":{"version":18446744073709551616,"status":"applied"}"#,
            "config.version: must be a whole number, not 18446744073709551616",
        ),
        (r#""config":[1,"applied"]"#, "config: must be an object"),
        (r#""config":{"version":1,"version":2,"status":"applied"}"#, "config.version: is there twice"),
        (
            r#""update":{"version":"2","status":"verifying"}"#,
            "update.status: must be downloading, applied, failed or rolled-back, not \"verifying\"",
        ),
        (r#""update":{"version":2,"status":"applied"}"#, "update.version: must be text, not 2"),
        (r#""update":"2""#, "update: must be an object"),
        (r#""results":{}"#, "results: must be a list"),
        (r#""results":[null]"#, "results[0]: must be an object"),
        (
            r#""results":[{"command":1,"status":"done"},{"command":2,"status":"Done"}]"#,
            "results[1].status: must be done or failed, not \"Done\"",
        ),
        (r#""results":[{"command":-1,"status":"done"}]"#, "results[0].command: must be a whole number, not -1"),
    ] {
        assert_eq!(refused(fields), message, "{fields}");
    }
    let many = |count| format!("\"results\":[{}]", vec![r#"{"command":1.0,"status":"done"}"#; count].join(","));
    assert_eq!(read(&many(RESULTS)).results.len(), RESULTS);
    assert_eq!(refused(&many(RESULTS + 1)), "results: at most 8 in one check-in, not 9");
    let long = refused(&format!(r#""config":{{"version":1,"status":"{}"}}"#, "ä".repeat(5000)));
    assert!(long.len() < 120 && long.ends_with('…'), "{long}");
}

#[test]
fn text_for_people_is_never_lost_and_never_a_reason_to_refuse() {
    let output = |text: &str| {
        let check_in = read(&format!(r#""results":[{{"command":1,"status":"done","output":{text}}}]"#));
        (check_in.results[0].output.clone(), check_in.dropped)
    };
    let is = |text: &str, dropped| (Some(text.to_owned()), dropped);
    assert_eq!(output("\"bye\""), is("bye", 0));
    assert_eq!(output("{\"temp\": 1.50}"), is("{\"temp\": 1.50}", 1), "a value that is not text is kept as its JSON");
    assert_eq!(output("7"), is("7", 1));
    assert_eq!(output(&format!("\"x{}\"", "ö".repeat(2000))), is(&format!("x{}", "ö".repeat(1023)), 1));
    let check_in = read(r#""config":{"version":1,"status":"rejected","detail":["no",1]}"#);
    assert_eq!((check_in.config.expect("a report").detail.as_deref(), check_in.dropped), (Some("[\"no\",1]"), 1));
    let twice = read(r#""config":{"version":1,"status":"rejected","detail":"a","detail":"b"}"#);
    assert_eq!((twice.config.expect("a report").detail, twice.dropped), (None, 1));
}

#[test]
fn a_name_twice_is_refused_if_something_depends_on_it() {
    for (text, message) in [
        (r#"{"type":"check-in","type":"config","seq":1}"#, "type: is there twice"),
        (r#"{"type":"check-in","seq":1,"seq":2}"#, "seq: is there twice"),
        (r#"{"type":"check-in","seq":1,"\u0073eq":1}"#, "seq: is there twice"),
        (r#"{"type":"check-in","seq":1,"config":null,"config":null}"#, "config: is there twice"),
        (r#"{"type":"check-in","seq":1,"results":[],"results":[]}"#, "results: is there twice"),
        (r#"{"type":"firmware-url","version":"1","version":"2"}"#, "version: is there twice"),
    ] {
        let error = error(text);
        assert_eq!((error.code, &*error.message), (ErrorCode::InvalidField, message), "{text}");
    }
}

#[test]
fn the_other_messages_are_strict_too() {
    for text in [
        r#"{"type":"firmware-url"}"#,
        r#"{"type":"firmware-url","version":2.5}"#,
        r#"{"type":"firmware-url","version":null}"#,
        r#"{"type":"firmware-url","version":"2.5","from":2.4}"#,
        r#"{"type":"firmware-url","version":"2.5","from":["2.4"]}"#,
        r#"{"type":"firmware-url","version":"2.5","from":"2.4","from":"2.3"}"#,
    ] {
        let refused = error(text);
        let expected = (ErrorCode::InvalidField, None, Some(Question::FirmwareUrl));
        assert_eq!((refused.code, refused.seq, refused.about), expected, "{text}");
    }
    assert_eq!(parse_node_message(r#"{"type":"config","seq":"x","a":{"b":[1e999]}}"#), Ok(NodeMessage::Config));
}

#[test]
fn a_question_for_an_image_names_the_version_that_a_delta_may_be_from_or_none() {
    let asked =
        |from: Option<&str>| NodeMessage::FirmwareUrl { version: "2.5".to_owned(), from: from.map(str::to_owned) };
    for (text, from) in [
        (r#"{"type":"firmware-url","version":"2.5"}"#, None),
        (r#"{"type":"firmware-url","version":"2.5","from":"2.4"}"#, Some("2.4")),
    ] {
        assert_eq!(parse_node_message(text), Ok(asked(from)), "{text}");
        assert_eq!(serde_json::to_string(&asked(from)).expect("JSON"), text);
    }
    let null = r#"{"type":"firmware-url","version":"2.5","from":null}"#;
    assert_eq!(parse_node_message(null), Ok(asked(None)));
}

#[test]
fn an_error_code_of_a_newer_server_is_still_readable() {
    let error: crate::ServerMessage =
        serde_json::from_str(r#"{"type":"error","code":"not-invented-yet","message":"?"}"#).expect("readable");
    let expected =
        ErrorMessage { code: ErrorCode::Unknown, message: "?".to_owned(), seq: None, about: None, stored_seq: None };
    assert_eq!(error, crate::ServerMessage::Error(expected));
}

/// Any JSON value.
fn junk() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| json!(text).to_string()),
        proptest::sample::select(vec!["null", "true", "false", "\"\\ud800\"", "\"\\u0000\""]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 30, 5, |below| {
        prop_oneof![
            proptest::collection::vec(below.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(("(uptime_s|clients|a)", below), 0..5).prop_map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_node_reports_about_itself_its_check_in_is_accepted(
        health in junk(), figure in junk(), firmware in junk(), ack in junk(), detail in junk(), output in junk(),
        other in junk(),
    ) {
        let text = check_in_with(&format!(
            r#""health":{health},"firmware":{firmware},"ack":{ack},"other":{other},
            "config":{{"version":3.0,"status":"applied","detail":{detail}}},
            "results":[{{"command":4,"status":"done","output":{output}}}]"#
        ));
        let figures = format!(r#""health":{{"uptime_s":{figure},"clients":{figure},"fans":{figure}}}"#);
        for text in [text, check_in_with(&figures)] {
            let parsed = parse_node_message(&text);
            let Ok(NodeMessage::CheckIn(check_in)) = parsed else { panic!("{text}: {parsed:?}") };
            prop_assert!(check_in.seq == 7 && check_in.config.as_ref().is_none_or(|config| config.version == 3));
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_written(
        uptime in any::<Option<u64>>(), clients in any::<Option<u32>>(), firmware in any::<Option<String>>(),
        detail in any::<Option<String>>(), version in any::<u64>(), ack in any::<bool>(), seq in 1..=SEQ_MAX,
    ) {
        let check_in = CheckIn {
            ack,
            firmware,
            health: Some(Health { uptime_s: uptime, clients, ..Health::default() }),
            config: Some(ConfigReport { version, status: ConfigStatus::Substituted, detail: detail.clone() }),
            update: Some(UpdateReport { version: "2.5".to_owned(), status: UpdateStatus::RolledBack, detail }),
            results: vec![CommandResult { command: version, status: CommandStatus::Failed, output: None }],
            ..CheckIn::idle(seq)
        };
        let message = NodeMessage::CheckIn(check_in);
        prop_assert_eq!(parse_node_message(&serde_json::to_string(&message).expect("JSON")), Ok(message));
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in ".*", junk in junk()) {
        let _ = (parse_node_message(&text), parse_node_message(&junk));
        let _: Option<Value> = serde_json::from_str(&junk).ok();
    }
}

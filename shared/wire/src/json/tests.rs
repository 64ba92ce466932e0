use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Numbers that Rust's number types would round, refuse or write differently.
const NUMBERS: [&str; 12] = [
    "1.0",
    "1e400",
    "-1e400",
    "12345678901234567890123",
    "0.1000",
    "-0",
    "-0.0",
    "1E5",
    "1e-400",
    "0.1",
    "9007199254740993",
    "3.141592653589793238462643383279",
];

fn of(text: &str) -> Result<String, String> {
    canonical(text, 32).map_err(|error| error.to_string())
}

#[test]
fn no_number_is_rounded_or_rewritten() {
    for number in NUMBERS {
        let text = format!(r#"{{"a":{{"b":[{number}]}}}}"#);
        assert_eq!(of(&text), Ok(text.clone()));
        let json: Json = serde_json::from_str(&text).expect("JSON");
        assert_eq!((json.text(), serde_json::to_string(&json).expect("JSON")), (&*text, text.clone()));
        assert_eq!(of(&pretty(&text)), Ok(text));
    }
    assert_ne!(Json::parse("1.0").expect("JSON"), Json::parse("1").expect("JSON"));
}

#[test]
fn a_name_twice_is_refused_with_its_place_however_it_is_written() {
    for (text, place) in [
        (r#"{"a":1,"a":1}"#, "/a"),
        (r#"{"a":1,"\u0061":2}"#, "/a"),
        (r#"{"b":[0,{"x/y":{"~":1,"~":2}}]}"#, "/b/1/x~1y/~0"),
        (r#"[{"":1,"":2}]"#, "/0/"),
    ] {
        assert_eq!(of(text), Err(format!("has a name twice, at {place}")), "{text}");
    }
    assert!(of(r#"{"a":{"a":1},"b":{"a":2},"A":3}"#).is_ok(), "the same name may be in another object");
    let long = format!(r#"{{"{0}":1,"{0}":2}}"#, "ä".repeat(500));
    assert!(of(&long).expect_err("twice").len() < 200, "a place is clipped");
}

#[test]
fn half_a_surrogate_pair_is_refused_with_its_place() {
    assert_eq!(of(r#"{"a":["\ud800"]}"#), Err("has half a surrogate pair in its text, at /a/0".to_owned()));
    assert_eq!(of(r#""\udc00x""#), Err("has half a surrogate pair in its text, at /".to_owned()));
    assert!(of(r#"{"\ud800":1}"#).is_err());
    assert_eq!(of(r#""\ud83d\ude00\u0000""#), Ok("\"😀\\u0000\"".to_owned()), "a whole pair is valid");
}

#[test]
fn a_byte_order_mark_is_ignored_and_other_encodings_are_named() {
    assert_eq!(of("\u{feff}{}"), Ok("{}".to_owned()));
    assert!(of("\u{feff}\u{feff}{}").is_err(), "only one, and only at the beginning");
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    for text in ["{\"a\":1}", "\u{feff}{}"] {
        for bytes in [utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes)] {
            assert_eq!(utf8(&bytes).expect_err("UTF-16").to_string(), "is UTF-16, must be UTF-8");
        }
    }
    for bytes in
        ["{ ".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(), vec![0, 0, 0xfe, 0xff, 0, 0, 0, b'1']]
    {
        let bytes: Vec<u8> = bytes;
        assert_eq!(utf8(&bytes).expect_err("UTF-32").to_string(), "is UTF-32, must be UTF-8");
    }
    assert_eq!(utf8(b"\"\xe4\"").expect_err("Latin-1").to_string(), "is not UTF-8");
    assert_eq!(utf8(b"").expect("nothing"), "");
}

#[test]
fn text_that_is_no_json_is_refused() {
    for text in ["", " \n", "\u{feff}"] {
        assert_eq!(of(text), Err("is empty".to_owned()));
    }
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "[1,]",
        "{\"a\":1,}",
        "'a'",
        "{a:1}",
        "\"\t\"",
        "//",
        "1 2",
        "\u{a0}1",
    ] {
        assert!(of(text).expect_err(text).starts_with("is not JSON: "), "{text}");
    }
    assert!(of(&"[".repeat(40_000)).expect_err("deep").starts_with("is nested too deeply"));
}

#[test]
fn pretty_json_is_what_serde_json_writes() {
    for value in [
        json!({"a": [1, "x,{}[]:\\\"\\", {}, [], [[]]], "b": {"c": null, "d e": true}}),
        json!([]),
        json!({}),
        json!("[{\"a\": 1}]"),
        json!(7),
    ] {
        assert_eq!(pretty(&value.to_string()), serde_json::to_string_pretty(&value).expect("JSON"));
        let spaced = serde_json::to_string_pretty(&value).expect("JSON");
        assert_eq!(pretty(&spaced), spaced);
    }
}

/// Any JSON as text, with numbers that no number type holds.
fn any_json() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        proptest::sample::select(NUMBERS.to_vec()).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
    ];
    let text = any::<String>().prop_map(|text| json!(text).to_string());
    let leaf =
        prop_oneof![number, text, proptest::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned)];
    leaf.prop_recursive(5, 40, 6, |below| {
        prop_oneof![
            proptest::collection::vec(below.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(" ,"))),
            proptest::collection::btree_map("[a-cé/~\"]{0,3}", below, 0..6).prop_map(|fields| {
                let fields: Vec<_> =
                    fields.iter().rev().map(|(name, value)| format!("{} : {value}", json!(name))).collect();
                format!("{{ {} }}", fields.join(","))
            }),
        ]
    })
}

fn numbers(json: &str) -> Vec<String> {
    let (mut numbers, mut rest) = (vec![], json);
    while let Some(byte) = rest.bytes().next() {
        let length = match byte {
            b'"' => {
                let mut text = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
                text.next().expect("text").expect("text").get().len()
            }
            b'-' | b'0'..=b'9' => {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
                numbers.push(rest[..end].to_owned());
                end
            }
            _ => 1,
        };
        rest = &rest[length..];
    }
    numbers.sort();
    numbers
}

proptest! {
    #[test]
    fn the_canonical_form_keeps_every_number_and_is_its_own_canonical_form(json in any_json()) {
        let form = of(&json).expect("JSON");
        prop_assert_eq!(numbers(&form), numbers(&json));
        prop_assert_eq!(of(&form), Ok(form.clone()));
        prop_assert_eq!(of(&pretty(&form)), Ok(form.clone()));
        prop_assert_eq!(numbers(&pretty(&json)), numbers(&json));
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in any::<Vec<u8>>()) {
        if let Ok(text) = utf8(&bytes) {
            let _ = (of(text), pretty(text));
        }
    }
}

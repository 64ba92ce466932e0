use http::header::AUTHORIZATION;
use proptest::prelude::*;

use super::*;
use crate::mapping::AnswerMap;

const MAPPING: &str = r#"
[application]
url = "https://old.example.com/api"

[request]
path = "/nodes/{mac}/checkin"
node = "path:mac"
node_format = "mac"
credential = "basic:password"
firmware = "query:fw"
config = "json:/config/rev"

[request.health]
uptime_s = "json:/uptime"
clients = "json:/clients"

[request.result]
command = "json:/done/id"
status = "json:/done/status"

[config]
name = "r{{ config.version }}"

[answer]
status = "{{ 304 if unchanged else 200 }}"
body = """
{%- if config %}{"config": {{ config.text }}, "rev": "r{{ config.version }}"}
{%- elif firmware %}{"firmware": {{ firmware.url | tojson }}}
{%- elif command %}{"command": {{ command.name | tojson }}, "id": {{ command.number }}}
{%- endif %}"""

[answer.headers]
content-type = "{{ '' if unchanged else 'application/json' }}"
"#;

fn mapping() -> Mapping {
    toml::from_str(MAPPING).expect("a mapping")
}

fn dialect() -> Dialect {
    Dialect::new(mapping()).expect("no mistakes")
}

fn headers(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization).expect("a header"))])
}

fn request<'a>(path: &'a str, query: &'a str, headers: &'a HeaderMap, body: &'a str) -> Incoming<'a> {
    Incoming { method: "POST", path, query, headers, body: body.as_bytes() }
}

#[test]
fn a_request_is_heard_with_all_that_the_mapping_names() {
    // ap:secret
    let headers = headers("Basic YXA6c2VjcmV0");
    let body = r#"{"config": {"rev": "r7"}, "uptime": 60, "clients": "4", "done": {"id": 3, "status": "ok"}}"#;
    let heard = dialect().hear(&request("/nodes/AA-BB-CC-DD-EE-0F/checkin", "fw=1.2%20b&fw=2", &headers, body));
    let heard = heard.expect("readable").expect("a check-in");
    assert_eq!(
        heard,
        Heard {
            node: "aa:bb:cc:dd:ee:0f".parse().expect("an id"),
            credential: Some("secret".to_owned()),
            firmware: Some("1.2 b".to_owned()),
            config: Some("r7".to_owned()),
            health: Some(Health { uptime_s: Some(60), clients: Some(4), ..Health::default() }),
            result: Some(CommandResult { command: 3, status: CommandStatus::Done, output: None }),
        }
    );
    assert!(!format!("{heard:?}").contains("secret"), "no log shows the credential");
    let failed =
        dialect().hear(&request("/nodes/ap-1/checkin", "", &headers, r#"{"done": {"id": 3, "status": "no"}}"#));
    let failed = failed.expect("readable").expect("a check-in").result.expect("a result");
    assert_eq!(failed.status, CommandStatus::Failed);
}

#[test]
fn what_is_no_check_in_is_passed_on_and_what_has_no_node_says_so() {
    let (with, without) = (headers("basic YXA6c2VjcmV0"), HeaderMap::new());
    let dialect = dialect();
    assert_eq!(dialect.hear(&request("/nodes/ap-1/other", "", &with, "")), Ok(None));
    let deleted = Incoming { method: "DELETE", ..request("/nodes/ap-1/checkin", "", &with, "") };
    assert_eq!(dialect.hear(&deleted), Ok(None));
    let heard = dialect.hear(&request("/nodes/ap-1/checkin", "", &with, "no JSON")).expect("readable").expect("one");
    assert_eq!((heard.firmware, heard.config, heard.health, heard.result), (None, None, None, None));
    let unreadable = |path, headers| dialect.hear(&request(path, "", headers, "")).expect_err(path).to_string();
    assert_eq!(unreadable("/nodes/ap-1/checkin", &without), "there is no credential in basic:password");
    let error = unreadable("/nodes/a%20b/checkin", &with);
    assert!(error.starts_with("path:mac: the node id contains ' '"), "{error}");
}

#[test]
fn an_answer_is_made_of_what_there_is_for_the_node() {
    let made: Vec<_> =
        dialect().samples().into_iter().map(|(kind, answer)| (kind, answer.expect("an answer"))).collect();
    let text = |kind: &str| {
        let (_, answer) = made.iter().find(|(each, _)| *each == kind).expect("a sample");
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    assert_eq!(text("unchanged"), (304, String::new()));
    assert_eq!(made[0].1.headers, [], "an empty header is left out");
    assert_eq!(text("a new configuration"), (200, r#"{"config": {"ssid":"guest"}, "rev": "r7"}"#.to_owned()));
    assert_eq!(text("a command"), (200, r#"{"command": "reboot", "id": 3}"#.to_owned()));
    assert_eq!(made[2].1.header("content-type"), Some("application/json"));
    let config = ConfigNews { version: 12, ..ConfigNews::default() };
    assert_eq!(dialect().name_of(&config).as_deref(), Ok("r12"));
    assert!(!dialect().uses_desired());
    let always =
        Mapping { answer: AnswerMap { body: "{{ desired.version }}".to_owned(), ..answer_map() }, ..mapping() };
    assert!(Dialect::new(always).expect("no mistakes").uses_desired());
}

fn answer_map() -> AnswerMap {
    mapping().answer
}

#[test]
fn every_mistake_of_a_mapping_is_told_with_its_field() {
    let mut wrong = mapping();
    wrong.application.url = "ftp://old.example.com".to_owned();
    wrong.application.timeout_s = 26;
    wrong.request.methods.clear();
    wrong.request.firmware = Some(Place::Path("fw".to_owned()));
    wrong.config.name = "{{".to_owned();
    wrong.answer.headers.insert("Content-Length".to_owned(), "3".to_owned());
    let Mistakes(mistakes) = Dialect::new(wrong).expect_err("mistakes");
    let fields: Vec<_> = mistakes.iter().filter_map(|line| line.split_once(": ")).map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        [
            "application.url",
            "application.timeout_s",
            "request.methods",
            "request.firmware",
            "config.name",
            "answer.headers.content-length"
        ]
    );
    for (change, field) in [
        (AnswerMap { status: "{{ config.version }}".to_owned(), ..answer_map() }, "answer.status"),
        (AnswerMap { status: "99".to_owned(), ..answer_map() }, "answer.status"),
        (AnswerMap { body: "{{ confg }}".to_owned(), ..answer_map() }, "answer.body: there is no confg"),
        (
            AnswerMap { body: "{{ config.verson }}".to_owned(), ..answer_map() },
            "answer.body: there is no config.verson",
        ),
        (
            AnswerMap { body: "{{ config.version.a }}".to_owned(), ..answer_map() },
            "answer.body: there is no config.version.a",
        ),
    ] {
        let Mistakes(mistakes) = Dialect::new(Mapping { answer: change, ..mapping() }).expect_err(field);
        assert!(mistakes[0].starts_with(field), "{mistakes:?}");
    }
    let mut twice = mapping();
    twice.answer.headers.insert("Content-Type".to_owned(), "text/plain".to_owned());
    let Mistakes(mistakes) = Dialect::new(twice).expect_err("a mistake");
    assert_eq!(mistakes, ["answer.headers.content-type: it is there twice"; 2]);
    for url in ["https://a:b@old.example.com", "https://old.example.com?a=1", "old.example.com"] {
        let mut wrong = mapping();
        wrong.application.url = url.to_owned();
        assert!(Dialect::new(wrong).is_err(), "{url}");
    }
    assert!(toml::from_str::<Mapping>(&MAPPING.replace("firmware =", "firmwre =")).is_err(), "an unknown field");
}

#[test]
fn the_mapping_of_the_documentation_has_no_mistakes() {
    let page = include_str!("../../../docs/cut-over.md");
    let (_, rest) = page.split_once("```toml\n").expect("a mapping");
    let (text, _) = rest.split_once("```").expect("its end");
    let documented = Dialect::new(toml::from_str(text).expect("a mapping")).expect("no mistakes");
    assert_eq!(documented.samples().len(), 4);
}

proptest! {
    #[test]
    fn no_request_is_too_odd(path in "/nodes/.{0,20}/checkin", query in ".{0,40}", body in ".{0,80}", user in "[ -~]{0,20}") {
        let headers = headers(&user);
        // It is heard, passed on, or refused with a reason; nothing else can happen.
        let _ = dialect().hear(&request(&path, &query, &headers, &body));
    }
}

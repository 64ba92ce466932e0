use rollcall_core::{
    Actor, EndpointSpec, EventTypes, FirmwareImage, Key, Logging, ModelSettings, Registering, Secret, Update,
    add_endpoint, log_events, put_firmware, register, revoke, set_model,
};
use serde_json::{Value as Json, json};

use super::Story;
use super::story::device;
use crate::catalogue::ACTOR;
use crate::observation::Seen;
use crate::violation::ViolationKind as Kind;

/// How much later than the last change a story ends, in seconds: everything must have been told by then.
const LATER: u64 = 3 * 3600;

/// A fleet with an endpoint that is told these types of events.
fn told(types: &str) -> Story {
    let mut story = Story::new();
    let types: EventTypes = types.parse().unwrap_or_default();
    let spec = EndpointSpec { url: "https://all.test/".to_owned(), types, site: None, select: None };
    let secret = Secret::new("whsec_c2VjcmV0".to_owned());
    assert!(story.writes(&add_endpoint(&"all".parse().expect("a name"), &spec, &secret, story.now())));
    story
}

fn asked_for(update: Update) -> Update {
    update.by(&Actor::named(ACTOR))
}

/// An event about the first node.
fn event(id: &str, kind: &str, actor: Option<&str>, data: &Json) -> String {
    let mut event = json!({"specversion": "1.0", "id": id, "source": "rollcall", "type": kind, "subject": "ap-0",
        "time": "", "sequence": id, "datacontenttype": "application/json", "data": data});
    if let Some(actor) = actor {
        event["actor"] = actor.into();
    }
    event.to_string()
}

impl Story {
    fn posts(&mut self, event: &str, taken: bool) -> &mut Self {
        let id = serde_json::from_str::<Json>(event).expect("JSON")["id"].as_str().expect("an id").to_owned();
        self.sees(Seen::Posted { endpoint: "all".to_owned(), id, event: event.to_owned(), taken })
    }

    /// The log has these events as its next ones.
    fn logs(&mut self, last: u64, events: &[&str]) -> &mut Self {
        let logging = |text: &&str| {
            let id = serde_json::from_str::<Json>(text).expect("JSON")["id"].as_str().expect("an id").parse();
            let (node, kind, text) = ("ap-0".parse().expect("an id"), "any".to_owned(), (*text).to_owned());
            Logging { node, id: id.expect("an id"), kind, at: rollcall_core::Timestamp(0), text }
        };
        let events: Vec<_> = events.iter().map(logging).collect();
        for update in log_events(0, last, &events, self.now(), 60) {
            assert!(self.writes(&update), "{:?}", update.key);
        }
        self
    }
}

/// What is found at the end that is about events.
fn judged(story: &mut Story) -> Vec<Kind> {
    use Kind::{EventInvented, EventMissing, EventOutOfOrder, GivenUpEarly, LogGap, WrongActor};
    let about = [EventInvented, EventMissing, EventOutOfOrder, GivenUpEarly, LogGap, WrongActor];
    story.ends().into_iter().filter(|kind| about.contains(kind)).collect()
}

/// A node that was registered by the application and then connected, and its two events.
fn registered_and_online(types: &str) -> (Story, [String; 2]) {
    let mut story = told(types);
    let id = story.id(0);
    assert!(story.at(1).writes(&asked_for(register(&id, &Registering::default()))));
    story.at(2).connects(device(0), "A");
    let since = story.now().0;
    let registered =
        event("1.0", "node.registered", Some(ACTOR), &json!({"was": null, "is": {"credential_version": 1}}));
    (story, [registered, event("2.0", "node.online", None, &json!({"since_ms": since, "reason": "connected"}))])
}

#[test]
fn what_is_told_in_order_and_again_is_right() {
    let (mut story, [registered, online]) = registered_and_online("");
    story.logs(0, &[&registered, &online]);
    story.posts(&registered, true).posts(&online, false).posts(&online, true).posts(&registered, true);
    assert_eq!(judged(story.at(LATER)), [], "{}", story.words());
}

#[test]
fn what_is_never_told_is_missed_and_what_an_endpoint_does_not_want_is_not() {
    let (mut story, [registered, online]) = registered_and_online("node.online");
    story.logs(0, &[&registered, &online]).posts(&online, true);
    assert_eq!(judged(story.at(LATER)), [], "{}", story.words());
    let (mut story, [registered, online]) = registered_and_online("");
    story.logs(0, &[&registered, &online]).posts(&registered, true).posts(&online, false);
    assert_eq!(judged(story.at(LATER)), [Kind::EventMissing]);
    assert!(story.words().contains("all was never told: Expected { kind: \"node.online\""), "{}", story.words());
}

#[test]
fn what_was_only_just_changed_need_not_have_been_told() {
    let (mut story, _) = registered_and_online("");
    assert_eq!(judged(story.at(60)), []);
}

#[test]
fn an_event_before_an_earlier_one_is_noticed() {
    let (mut story, [registered, online]) = registered_and_online("");
    story.posts(&online, true).posts(&registered, true);
    assert_eq!(story.found(), [Kind::EventOutOfOrder; 2], "not told yet, and then of a lower sequence");
}

#[test]
fn an_event_of_nothing_is_invented() {
    let (mut story, [registered, _]) = registered_and_online("");
    let revoked = event("1.1", "node.revoked", Some(ACTOR), &json!({}));
    story.posts(&registered, true).posts(&revoked, true);
    assert_eq!(story.found(), [Kind::EventInvented]);
    let (mut story, _) = registered_and_online("");
    let since = json!({"since_ms": 5});
    story.posts(&event("1.0", "node.online", None, &since), true);
    assert_eq!(story.found(), [Kind::EventInvented], "it is online since another time");
}

#[test]
fn a_change_of_a_model_is_told_in_the_log_once_and_by_whom() {
    let told_of = |is_changed: bool, times: &[(&str, Option<&str>)]| {
        let mut story = told("");
        let raised = ModelSettings { minimum: "2.1".parse().ok(), ..ModelSettings::default() };
        let update = set_model(&"ax-2".parse().expect("a model"), &ModelSettings::default(), &raised);
        assert!(!is_changed || story.at(1).writes(&update));
        for (number, (id, actor)) in (0..).zip(times) {
            let event = event(id, "model.changed", *actor, &json!({})).replace("ap-0", "ax-2");
            story.logs(number, &[&event]);
        }
        judged(story.at(LATER))
    };
    assert_eq!(told_of(true, &[("1.0", Some(ACTOR))]), []);
    assert_eq!(told_of(true, &[]), [Kind::EventMissing]);
    assert_eq!(told_of(true, &[("1.0", None)]), [Kind::WrongActor]);
    assert_eq!(told_of(false, &[("1.0", Some(ACTOR))]), [Kind::EventInvented]);
}

#[test]
fn an_image_that_was_added_is_told_in_the_log_once_and_by_whom() {
    let told_of = |is_added: bool, times: &[(&str, Option<&str>)]| {
        let mut story = told("");
        let image = FirmwareImage {
            object_key: "ax.bin".to_owned(),
            size: 1,
            sha256: "0".repeat(64),
            signature: String::new(),
        };
        let (model, version) = ("ax-2".parse().expect("a model"), "1.0".parse().expect("a version"));
        assert!(!is_added || story.at(1).writes(&put_firmware(&model, &version, &image)));
        for (number, (id, actor)) in (0..).zip(times) {
            let data = json!({"version": "1.0", "sha256": image.sha256, "size": 1});
            let event = event(id, "firmware.added", *actor, &data).replace("ap-0", "ax-2");
            story.logs(number, &[&event]);
        }
        judged(story.at(LATER))
    };
    assert_eq!(told_of(true, &[("1.0", Some(ACTOR))]), []);
    assert_eq!(told_of(true, &[]), [Kind::EventMissing]);
    assert_eq!(told_of(true, &[("1.0", None)]), [Kind::WrongActor]);
    assert_eq!(told_of(true, &[("1.0", Some(ACTOR)), ("2.0", Some(ACTOR))]), [Kind::EventInvented]);
    assert_eq!(told_of(false, &[("1.0", Some(ACTOR))]), [Kind::EventInvented]);
}

#[test]
fn an_event_names_who_caused_it_and_nobody_else() {
    let (mut story, [_, online]) = registered_and_online("");
    let data = json!({"is": {"credential_version": 1}});
    story.posts(&event("1.0", "node.registered", None, &data), true).posts(&online, true);
    assert_eq!(story.found(), [Kind::WrongActor]);
    let (mut story, [registered, online]) = registered_and_online("");
    let named = online.replace("\"data\"", &format!("\"actor\":\"{ACTOR}\",\"data\""));
    story.posts(&registered, true).posts(&named, true);
    assert_eq!(story.found(), [Kind::WrongActor]);
}

#[test]
fn a_node_that_registers_itself_is_nobody_s_doing() {
    let mut story = told("");
    story.at(2).connects(device(0), "A");
    let since = story.now().0;
    let registered = event("1.0", "node.registered", None, &json!({"is": {"credential_version": 1}}));
    let online = event("1.1", "node.online", None, &json!({"since_ms": since}));
    // The events of one write may be in any order, if their sequence says so.
    story.posts(&registered, true).posts(&online, true);
    story.is_right();
}

#[test]
fn the_log_has_each_event_once_and_no_gap() {
    let (mut story, [registered, online]) = registered_and_online("");
    story.logs(0, &[&registered]);
    story.tampers(&Key::Logged(0, 3), |item| {
        item.insert(rollcall_core::Attribute::EventText, online.as_str().into());
    });
    assert_eq!(story.found(), [Kind::LogGap]);
    story.tampers(&Key::Logged(0, 4), |item| {
        item.insert(rollcall_core::Attribute::EventText, online.as_str().into());
    });
    assert_eq!(story.found(), [Kind::LogGap, Kind::EventInvented], "it is there twice");
}

#[test]
fn an_event_that_is_given_up_after_all_tries_is_not_missed() {
    let (mut story, [registered, online]) = registered_and_online("");
    story.logs(0, &[&registered, &online]).posts(&registered, true);
    let tries = crate::catalogue::delivery_schedule(story.plan.seed).split(',').count();
    for _ in 1..tries {
        story.posts(&online, false);
    }
    let (mut early, _) = registered_and_online("");
    early.sees(Seen::Buried { endpoint: "all".to_owned(), event: online.clone() });
    assert_eq!(early.found()[0], Kind::GivenUpEarly);
    story.posts(&online, false).sees(Seen::Buried { endpoint: "all".to_owned(), event: online });
    assert_eq!(judged(story.at(LATER)), [], "{}", story.words());
}

#[test]
fn a_change_that_is_not_marked_for_the_stream_must_be_told_all_the_same() {
    let (mut story, [registered, online]) = registered_and_online("");
    story.logs(0, &[&registered, &online]).posts(&registered, true).posts(&online, true);
    let id = story.id(0);
    let unmarked = revoke(&id);
    assert!(story.at(60).writes(&unmarked));
    let found = judged(story.at(LATER));
    assert!(found.contains(&Kind::EventMissing), "{}", story.words());
}

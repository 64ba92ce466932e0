use std::cell::RefCell;
use std::pin::pin;

use futures_util::FutureExt as _;
use rollcall_core::{
    CutoverModes, CutoverSettings, Expected, Outcome, Policy, Registering, Registration, Update, put_document,
    register, revoke, set_config, set_cutover,
};

use super::*;
use crate::commands::commands;
use crate::documents::Documents;
use crate::firmware::{Images, SignError};
use crate::memory::MemoryStore;

const MAPPING: &str = r#"{
    "application": {"url": "http://old.example.com/api"},
    "request": {"path": "/checkin/{mac}", "node": "path:mac", "config": "query:cfg", "firmware": "query:fw"},
    "answer": {"body": "{% if config %}config {{ config.version }}{% elif command %}run {{ command.name }}{% else %}ok{% endif %}"}
}"#;

struct NoSigner;

impl Signer for NoSigner {
    async fn url(&self, _: &str, _: Timestamp) -> Result<String, SignError> {
        Ok("https://firmware".to_owned())
    }
}

/// A legacy endpoint that answers what it is told to.
#[derive(Default)]
struct Endpoint {
    answer: RefCell<Option<Answer>>,
    asked: RefCell<Vec<Forwarded>>,
}

impl Upstream for &Endpoint {
    async fn forward(&self, request: &Forwarded) -> Result<Answer, UpstreamError> {
        self.asked.borrow_mut().push(request.clone());
        self.answer.borrow().clone().ok_or_else(|| UpstreamError::Failed("it is dead".into()))
    }
}

impl Deadline for &Endpoint {
    async fn within<F: Future>(&self, _: u64, future: F) -> Option<F::Output> {
        pin!(future).now_or_never()
    }
}

struct World {
    store: MemoryStore,
    endpoint: Endpoint,
    second: RefCell<u64>,
}

impl World {
    fn new(mapping: &str, modes: &[(Option<&str>, CutoverMode)]) -> Self {
        let world = Self { store: MemoryStore::default(), endpoint: Endpoint::default(), second: RefCell::new(1_000) };
        let modes = modes.iter().fold(CutoverModes::default(), |modes, (selector, mode)| {
            let selector = selector.map(|text| text.parse().expect("a selector"));
            modes.with(selector.as_ref(), None, *mode).expect("modes")
        });
        let settings = CutoverSettings { mapping: Some(mapping.to_owned()), modes };
        world.write(&set_cutover(&CutoverSettings::default(), &settings));
        world.answers(200, "ok");
        world
    }

    fn write(&self, update: &Update) {
        let outcome = self.store.apply(update);
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    }

    fn registered(self) -> Self {
        self.write(&register(&node(), &Registering::default()));
        self
    }

    fn configured(self) -> Self {
        self.write(&put_document("a1", "{}"));
        let sha256 = rollcall_wire::sha256("{}");
        self.write(&put_document(&sha256, "{}"));
        self.write(&set_config(&node(), &sha256, &Expected::default()));
        self
    }

    fn answers(&self, status: u16, body: &str) {
        *self.endpoint.answer.borrow_mut() = Some(Answer { status, headers: vec![], body: body.into() });
    }

    fn dies(&self) {
        *self.endpoint.answer.borrow_mut() = None;
    }

    /// A poll with this query, a few seconds after the last one; gives the status and the body.
    fn polls(&self, query: &str) -> (u16, String) {
        self.polls_as(query, None)
    }

    fn polls_as(&self, query: &str, authorization: Option<&'static str>) -> (u16, String) {
        *self.second.borrow_mut() += 10;
        let at = Timestamp(*self.second.borrow() * 1_000);
        let mut request = Request {
            method: "GET".to_owned(),
            path: "/checkin/ap-1".to_owned(),
            query: query.to_owned(),
            at,
            now: at,
            ..Request::default()
        };
        if let Some(authorization) = authorization {
            request.headers.insert("authorization", http::HeaderValue::from_static(authorization));
        }
        let policy = Policy::new(Registration::Closed, 600, 10, 30, 0).expect("in range");
        let (store, documents, images) = (&self.store, Documents::default(), Images::new(NoSigner));
        let check_ins = CheckIns { store, documents, images, policy };
        let cutovers = Cutovers::new(check_ins, &self.endpoint, CUTOVER_WAIT_MS);
        let passed = pin!(cutovers.handle(&request)).now_or_never().expect("memory answers at once");
        (passed.status_code, passed.body)
    }

    fn asked(&self) -> usize {
        self.endpoint.asked.borrow().len()
    }

    fn stored(&self) -> Option<Node> {
        self.store.get(&Key::Node(node())).map(|item| Node::read(&item).expect("readable"))
    }

    fn legacy(&self) -> Legacy {
        Legacy::read(&self.store.get(&Key::Legacy(node())).unwrap_or_default()).expect("readable")
    }

    /// How many polls became of what: observed, same, different, served, fell back, rescued.
    fn counts(&self) -> [u64; 6] {
        self.legacy().counts
    }
}

fn node() -> NodeId {
    "ap-1".parse().expect("an id")
}

fn text(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

#[test]
fn off_passes_everything_on_and_notes_nothing() {
    let world = World::new(MAPPING, &[]).registered();
    assert_eq!(world.polls("cfg=1"), text(200, "ok"));
    world.answers(401, "who?");
    assert_eq!(world.polls("cfg=1"), text(401, "who?"));
    assert_eq!((world.counts(), world.stored().expect("a node").seen), ([0; 6], None));
    let asked = world.endpoint.asked.borrow()[0].clone();
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("GET", "http://old.example.com/api/checkin/ap-1?cfg=1"));
}

#[test]
fn what_is_for_one_connection_is_passed_on_in_neither_direction_and_no_log_shows_the_rest() {
    let mut request = Request { path: "/a".to_owned(), query: "key=secret".to_owned(), ..Request::default() };
    let headers =
        [("host", "new.example.com"), ("connection", "close"), ("te", "trailers"), ("x-forwarded-for", "1.2.3.4")];
    for (name, value) in headers.into_iter().chain([("authorization", "secret"), ("x-a", "b")]) {
        request.headers.insert(name, http::HeaderValue::from_static(value));
    }
    let mapping = serde_json::from_str(MAPPING).expect("a mapping");
    let forwarded = Forwarded::of(&request, b"secret".to_vec(), &mapping);
    let mut kept: Vec<_> = forwarded.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    kept.sort_unstable();
    assert_eq!(kept, [("authorization", "secret"), ("x-a", "b"), ("x-forwarded-host", "new.example.com")]);
    assert!(!format!("{forwarded:?}").contains("secret"), "{forwarded:?}");

    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![header("trailer", "x"), header("content-length", "9"), header("x-a", "1"), header("x-a", "2")];
    let cookies = ["a=1", "b=2"].map(|cookie| header("set-cookie", cookie));
    let passed = Passed::from(&Answer { status: 200, headers: [headers, cookies.to_vec()].concat(), body: vec![0xff] });
    assert_eq!(passed.headers, [header("x-a", "1, 2")].into());
    assert_eq!((passed.cookies, passed.is_base64_encoded), (vec!["a=1".to_owned(), "b=2".to_owned()], true));
}

#[test]
fn observe_learns_a_node_that_the_endpoint_accepts_and_no_other() {
    let world = World::new(MAPPING, &[(None, CutoverMode::Observe)]);
    world.answers(404, "unknown");
    assert_eq!((world.polls("fw=1.2"), world.stored()), (text(404, "unknown"), None));
    world.answers(200, "ok");
    assert_eq!(world.polls("fw=1.2"), text(200, "ok"));
    let learned = world.stored().expect("a node");
    assert_eq!((learned.firmware.as_deref(), learned.polls, learned.credentials.is_some()), (Some("1.2"), true, true));
    assert_eq!(world.polls("fw=1.3").0, 200);
    assert_eq!(
        (world.counts(), world.stored().expect("a node").firmware.as_deref()),
        ([2, 0, 0, 0, 0, 0], Some("1.3"))
    );
}

#[test]
fn compare_notes_how_the_answers_differ_and_hands_out_the_endpoints() {
    let world = World::new(MAPPING, &[(None, CutoverMode::Compare)]).registered().configured();
    world.answers(200, "config 1");
    assert_eq!(world.polls("cfg=0"), text(200, "config 1"));
    assert_eq!(world.counts(), [0, 1, 0, 0, 0, 0]);
    world.answers(200, "config 2");
    assert_eq!(world.polls("cfg=0"), text(200, "config 2"));
    let legacy = world.legacy();
    assert_eq!(legacy.counts, [0, 1, 1, 0, 0, 0]);
    let found: Vec<AnswerDifference> =
        serde_json::from_str(&legacy.difference.expect("a difference")).expect("differences");
    assert_eq!((found[0].kind.as_str(), found[0].legacy.as_str()), ("body", "config 2"));
    world.answers(200, "ok");
    world.polls("cfg=1");
    assert_eq!((world.counts(), world.stored().expect("a node").applied), ([0, 2, 1, 0, 0, 0], Some(1)));
}

#[test]
fn serve_answers_without_the_endpoint_and_falls_back_if_the_node_is_not_known() {
    let world = World::new(MAPPING, &[(None, CutoverMode::Serve)]);
    assert_eq!((world.polls("cfg=0"), world.asked()), (text(200, "ok"), 1));
    assert_eq!(world.counts(), [0, 0, 0, 0, 1, 0], "the endpoint vouches for it");
    let world = world.configured();
    world.dies();
    assert_eq!((world.polls("cfg=0"), world.asked()), (text(200, "config 1"), 1));
    assert_eq!(world.polls("cfg=1"), text(200, "ok"));
    assert_eq!((world.counts(), world.stored().expect("a node").applied), ([0, 0, 0, 2, 1, 0], Some(1)));
    assert_eq!(world.polls("cfg=0"), text(200, "config 1"), "a node that has lost its configuration gets it again");
}

#[test]
fn a_dead_endpoint_loses_no_poll_of_a_node_that_rollcall_knows() {
    for mode in [CutoverMode::Observe, CutoverMode::Compare] {
        let world = World::new(MAPPING, &[(None, mode)]);
        world.dies();
        assert_eq!(world.polls("cfg=0").0, 502, "nobody knows the node");
        let world = world.registered().configured();
        assert_eq!(world.polls("cfg=0"), text(200, "config 1"));
        world.answers(503, "busy");
        assert_eq!(world.polls("cfg=0"), text(200, "config 1"));
        assert_eq!(world.counts()[5], 2);
    }
}

#[test]
fn a_command_is_handed_out_once_where_nodes_report_no_results() {
    let world = World::new(MAPPING, &[(None, CutoverMode::Serve)]).registered();
    let queueing = rollcall_core::Queueing {
        name: "reboot".parse().expect("a name"),
        args: "null".to_owned(),
        expires_in: 3_600,
        key: "k1".parse().expect("a key"),
        request: String::new(),
    };
    let stored = world.stored().expect("a node");
    let queued = rollcall_core::queue(&node(), &stored, 0, &queueing, Timestamp(1_000_000));
    for update in queued.expect("there is room").1 {
        world.write(&update);
    }
    assert_eq!([world.polls("").1, world.polls("").1], ["run reboot", "ok"]);
    let stored = commands(&world.store, &node(), 1..=1, 1).now_or_never().expect("at once").expect("readable");
    assert!(stored[0].ended.is_some());
}

#[test]
fn a_credential_counts_only_if_the_endpoint_has_accepted_it_from_this_node() {
    let mapping = MAPPING.replace(r#""node": "path:mac","#, r#""node": "path:mac", "credential": "basic:password","#);
    let world = World::new(&mapping, &[(None, CutoverMode::Serve)]).registered().configured();
    // ap-1:right and ap-1:wrong
    let (right, wrong) = (Some("Basic YXAtMTpyaWdodA=="), Some("Basic YXAtMTp3cm9uZw=="));
    assert_eq!(world.polls_as("cfg=0", right), text(200, "ok"), "the endpoint answers, and is believed");
    assert_eq!(world.polls_as("cfg=0", right), text(200, "config 1"));
    world.answers(401, "no");
    assert_eq!(world.polls_as("cfg=0", wrong), text(401, "no"));
    assert_eq!(world.polls_as("cfg=0", None), text(401, "no"), "a poll without a credential is not understood");
    assert_eq!(world.polls_as("cfg=0", right), text(200, "config 1"));
    assert!(world.legacy().credential.is_some_and(|hash| hash.len() == 64 && !hash.contains("right")));
}

#[test]
fn a_revoked_node_is_served_nothing() {
    let world = World::new(MAPPING, &[(None, CutoverMode::Serve)]).registered().configured();
    world.write(&revoke(&node()));
    assert_eq!((world.polls("cfg=0").0, world.asked()), (403, 0));
}

#[test]
fn a_selector_chooses_who_is_served() {
    let world = World::new(MAPPING, &[(None, CutoverMode::Observe), (Some("label.pilot=yes"), CutoverMode::Serve)]);
    let world = world.registered().configured();
    assert_eq!((world.polls("cfg=0"), world.asked()), (text(200, "ok"), 1));
    let labels = rollcall_core::Labels::new([("pilot".to_owned(), "yes".to_owned())].into()).expect("labels");
    world.write(&rollcall_core::describe(&node(), &About::default(), &About { labels, ..About::default() }));
    assert_eq!((world.polls("cfg=0"), world.asked()), (text(200, "config 1"), 1));
}

#[test]
fn a_selector_may_look_at_what_a_node_has_reported() {
    let modes = [(None, CutoverMode::Observe), (Some("firmware<2.5 seen<1h presence=online"), CutoverMode::Serve)];
    let world = World::new(MAPPING, &modes).registered().configured();
    for (query, answer, asked) in [
        ("cfg=0&fw=2.4", "ok", 1),
        ("cfg=0&fw=2.4", "config 1", 1),
        ("cfg=0&fw=2.10", "config 1", 1),
        ("cfg=0&fw=2.10", "ok", 2),
    ] {
        assert_eq!((world.polls(query), world.asked()), (text(200, answer), asked), "{query}");
    }
}

#[test]
fn without_a_mapping_there_is_nothing_here() {
    let world = World::new(MAPPING, &[]);
    let settings = CutoverSettings::read(world.store.get(&Key::Cutover).as_ref()).expect("readable");
    world.write(&set_cutover(&settings, &CutoverSettings::default()));
    assert_eq!((world.polls(""), world.asked()), (text(404, r#"{"message":"Not Found"}"#), 0));
}

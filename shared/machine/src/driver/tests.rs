mod histories;

use std::{
    cell::RefCell,
    path::PathBuf,
    rc::Rc,
    sync::{Arc, Mutex},
};

use rollcall_wire::{Document, FirmwareUrl};
use serde_json::{Value, json};

use super::*;
use crate::{Applied, Configuration, Distrust, NodeEvent, Pushed, Record, Report, Target};

/// Everything that a driver asked for, in order. It is not `Send`: a driver may live on one thread.
#[derive(Clone, Debug, Default)]
struct Transcript(Rc<RefCell<Vec<String>>>);

impl Transcript {
    fn note(&self, line: String) {
        self.0.borrow_mut().push(line);
    }

    fn lines(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    fn count(&self, beginning: &str) -> usize {
        self.0.borrow().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

/// A program that takes everything. It finishes a command at once, and keeps a firmware image.
#[derive(Debug)]
struct Program {
    transcript: Transcript,
    firmware: Option<Firmware>,
    base: Option<String>,
    delta: Option<Delta>,
}

impl Handler for Program {
    fn report(&mut self) -> Report {
        Report { firmware: Some("2.4".to_owned()), ..Report::default() }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        self.transcript.note(format!("apply {}", configuration.version));
        Applied::Applied
    }

    fn roll_back(&mut self, from: &Configuration) {
        self.transcript.note(format!("roll back {}", from.version));
    }

    fn execute(&mut self, command: Command) {
        self.transcript.note(format!("execute {}", command.number()));
        command.done("did it");
    }

    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        self.transcript.note(format!("accept {version}"));
        Ok(())
    }

    fn base_image(&mut self) -> Option<String> {
        self.base.clone()
    }

    fn make_image(&mut self, delta: Delta) {
        self.transcript.note(format!("make {} of {}", delta.image().display(), delta.path().display()));
        self.delta = Some(delta);
    }

    fn install(&mut self, firmware: Firmware) {
        self.transcript.note(format!("install {} from {}", firmware.version(), firmware.path().display()));
        self.firmware = Some(firmware);
    }

    fn pushed(&mut self, message: Pushed) {
        self.transcript.note(format!("pushed {message:?}"));
    }

    fn event(&mut self, event: NodeEvent) {
        self.transcript.note(format!("event {event:?}"));
    }
}

/// A network that only notes what is asked of it.
#[derive(Debug)]
struct Paper {
    transcript: Transcript,
    opened: Vec<LinkId>,
    sent: Vec<(LinkId, Value)>,
}

impl Transport for Paper {
    fn open(&mut self, link: LinkId) {
        self.transcript.note(format!("open {link:?}"));
        self.opened.push(link);
    }

    fn send(&mut self, link: LinkId, text: String) {
        self.transcript.note(format!("send {link:?} {text}"));
        self.sent.push((link, serde_json::from_str(&text).expect("JSON")));
    }

    fn ping(&mut self, link: LinkId) {
        self.transcript.note(format!("ping {link:?}"));
    }

    fn close(&mut self, link: LinkId) {
        self.transcript.note(format!("close {link:?}"));
    }

    fn abandon(&mut self, link: LinkId) {
        self.transcript.note(format!("abandon {link:?}"));
    }

    fn fetch(&mut self, version: u64, sha256: &str) {
        self.transcript.note(format!("fetch {version} {sha256}"));
    }

    fn download(&mut self, target: Target) {
        self.transcript.note(format!("download {}", target.url));
    }

    fn check(&mut self, target: Target, file: PathBuf) {
        self.transcript.note(format!("check {} for {}", file.display(), target.sha256));
    }

    fn cancel_fetch(&mut self) {
        self.transcript.note("cancel fetch".to_owned());
    }

    fn cancel_download(&mut self) {
        self.transcript.note("cancel download".to_owned());
    }
}

/// A storage that holds one record, or says why it can't be read.
#[derive(Debug)]
struct Disk {
    transcript: Transcript,
    record: Result<Record, String>,
}

impl Storage for Disk {
    fn load(&mut self) -> Result<Record, String> {
        self.record.clone()
    }

    fn keep(&mut self, record: &Record) -> Result<(), String> {
        self.transcript.note(format!("keep {}", serde_json::to_string(record).expect("JSON")));
        self.record = Ok(record.clone());
        Ok(())
    }

    fn discard_images(&mut self) {
        self.transcript.note("discard images".to_owned());
    }
}

/// A driver, its time, and the requests of its program that have not reached it yet.
struct Bench {
    driver: Driver<Program, Paper, Disk>,
    now: Duration,
    transcript: Transcript,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Bench {
    fn new(timing: Timing, seed: u64, record: Result<Record, String>) -> Self {
        let (transcript, requests) = (Transcript::default(), Arc::new(Mutex::new(Vec::new())));
        let program = Program { transcript: transcript.clone(), firmware: None, base: None, delta: None };
        let paper = Paper { transcript: transcript.clone(), opened: Vec::new(), sent: Vec::new() };
        let disk = Disk { transcript: transcript.clone(), record };
        let sent = Arc::clone(&requests);
        let outbox = Outbox::new(move |request| sent.lock().expect("not poisoned").push(request));
        let mut driver = Driver::new(timing, seed, program, paper, disk, outbox);
        driver.tick(Duration::ZERO);
        Self { driver, now: Duration::ZERO, transcript, requests }
    }

    /// A node whose first connection holds it.
    fn connected(record: Result<Record, String>) -> Self {
        let mut bench = Self::new(Timing::default(), 7, record);
        bench.happens(LinkEvent::Opened);
        bench.ack();
        bench
    }

    /// An event on the newest connection.
    fn happens(&mut self, event: LinkEvent) {
        let link = *self.driver.transport().opened.last().expect("a connection");
        self.driver.link_event(self.now, link, event);
    }

    fn receive(&mut self, message: &Value) {
        self.happens(LinkEvent::Text(message.to_string()));
    }

    /// The ack of the last check-in.
    fn ack(&mut self) {
        let seq = self.driver.transport().sent.iter().rev().find_map(|(_, message)| message["seq"].as_u64());
        let seq = seq.expect("a check-in");
        self.receive(&json!({"type":"ack","seq":seq,"next_check_in_s":60,"reconnect_within_s":6000,"spread_s":0}));
    }

    fn deliver_requests(&mut self) {
        let requests = std::mem::take(&mut *self.requests.lock().expect("not poisoned"));
        for request in requests {
            self.driver.request(self.now, request);
        }
    }

    /// Lets time pass until so many lines begin like this.
    fn pass_until(&mut self, beginning: &str, lines: usize) {
        for _ in 0..100 {
            if self.transcript.count(beginning) == lines {
                return;
            }
            self.now = self.driver.deadline().expect("something to wait for");
            self.driver.tick(self.now);
        }
        panic!("{beginning} never comes");
    }

    fn last_check_in(&mut self) -> Value {
        let sent = &self.driver.transport().sent;
        sent.iter().rev().find(|(_, message)| message["type"] == "check-in").expect("a check-in").1.clone()
    }
}

fn command(number: u64) -> Value {
    json!({"type": "command", "command": number, "name": "echo", "expires_in_s": 60})
}

/// A configuration whose document is too large for a frame.
fn large(version: u64) -> (Value, String) {
    let document = Document::parse(&format!("{{\"channel\":{version}}}")).expect("JSON");
    (json!({"type": "config", "version": version, "sha256": document.sha256()}), document.text().to_owned())
}

#[test]
fn a_driver_connects_when_it_is_ticked_for_the_first_time() {
    let mut bench = Bench::new(Timing::default(), 7, Ok(Record::default()));
    assert_eq!(bench.driver.transport().opened.len(), 1);
    assert_eq!(bench.driver.deadline(), Some(Timing::default().handshake_timeout));
}

#[test]
fn a_result_comes_back_through_the_outbox_and_is_kept_before_it_is_reported() {
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.receive(&command(1));
    bench.deliver_requests();
    assert_eq!(bench.last_check_in()["results"][0]["status"], "done");
    let of_interest = |line: &String| ["keep", "execute", "send"].iter().any(|word| line.starts_with(word));
    let lines: Vec<_> = bench.transcript.lines().into_iter().filter(of_interest).collect();
    let words: Vec<_> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(words, ["send", "keep", "execute", "keep", "send"]);
}

#[test]
fn a_record_that_can_not_be_read_is_never_overwritten() {
    let mut bench = Bench::connected(Err("not JSON".to_owned()));
    bench.receive(&command(1));
    assert_eq!((bench.transcript.count("execute"), bench.transcript.count("keep")), (0, 0));
    let output = bench.last_check_in()["results"][0]["output"].clone();
    assert!(output.as_str().is_some_and(|why| why.contains("the record can't be read: not JSON")), "{output}");
    assert_eq!(bench.driver.storage().record, Err("not JSON".to_owned()));
}

#[test]
fn an_image_is_installed_after_its_start_is_kept() {
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.receive(&json!({"type": "firmware", "version": "2.5"}));
    bench.receive(&json!({
        "type": "firmware-url", "version": "2.5", "size": 3, "sha256": "a".repeat(64), "signature": "signed",
        "url": "https://images.example.org/2.5", "expires_in_s": 60,
    }));
    bench.driver.downloaded(bench.now, "2.5", Downloaded::Complete(PathBuf::from("/images/a")));
    let lines = bench.transcript.lines();
    assert!(lines.ends_with(&["install 2.5 from /images/a".to_owned()]), "{lines:?}");
    assert!(lines[lines.len() - 2].starts_with("keep {"), "{lines:?}");
    drop(bench.driver.handler().firmware.take());
    bench.deliver_requests();
    assert_eq!(bench.last_check_in()["update"]["detail"], "the program gave no result");
}

fn with_delta() -> Value {
    json!({
        "type": "firmware-url", "version": "2.5", "size": 3, "sha256": "a".repeat(64), "signature": "signed",
        "url": "image", "expires_in_s": 60,
        "delta": {"from": "2.4", "size": 2, "sha256": "b".repeat(64), "url": "delta"},
    })
}

#[test]
fn an_image_is_made_of_a_delta_checked_and_installed() {
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.driver.handler().base = Some("2.4".to_owned());
    bench.receive(&json!({"type": "firmware", "version": "2.5"}));
    let sent = bench.driver.transport().sent.iter().map(|(_, message)| message.clone());
    let asked: Vec<_> = sent.filter(|message| message["type"] == "firmware-url").collect();
    assert_eq!(asked, [json!({"type": "firmware-url", "version": "2.5", "from": "2.4"})]);
    bench.receive(&with_delta());
    bench.driver.downloaded(bench.now, "2.5", Downloaded::Complete(PathBuf::from("/images/b")));
    bench.driver.handler().delta.take().expect("a delta").made();
    bench.deliver_requests();
    bench.driver.downloaded(bench.now, "2.5", Downloaded::Complete(PathBuf::from("/images/b.made")));
    let of_interest =
        |line: &String| ["download", "make", "check", "install"].iter().any(|word| line.starts_with(word));
    let lines: Vec<_> = bench.transcript.lines().into_iter().filter(of_interest).collect();
    let check = format!("check /images/b.made for {}", "a".repeat(64));
    let expected = ["download delta", "make /images/b.made of /images/b", &check, "install 2.5 from /images/b.made"];
    assert_eq!(lines, expected);
}

#[test]
fn a_delta_that_the_program_drops_has_failed_and_the_image_is_downloaded() {
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.driver.handler().base = Some("2.4".to_owned());
    bench.receive(&json!({"type": "firmware", "version": "2.5"}));
    bench.receive(&with_delta());
    bench.driver.downloaded(bench.now, "2.5", Downloaded::Complete(PathBuf::from("/images/b")));
    drop(bench.driver.handler().delta.take());
    bench.deliver_requests();
    assert_eq!(bench.transcript.count("download image"), 1);
    assert_eq!(
        bench.transcript.count("event DeltaFailed { version: \"2.5\", why: \"the program gave no result\" }"),
        1
    );
}

/// Trusts nobody, and notes what it was asked about.
#[derive(Debug)]
struct Nobody(Arc<Mutex<Vec<FirmwareUrl>>>);

impl Trust for Nobody {
    fn check(&self, image: &FirmwareUrl) -> Result<(), Distrust> {
        self.0.lock().expect("not poisoned").push(image.clone());
        Err(Distrust::WrongSignature)
    }
}

#[test]
fn not_even_a_delta_of_an_image_that_is_not_trusted_is_downloaded() {
    let asked = Arc::<Mutex<Vec<FirmwareUrl>>>::default();
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.driver.trust = Some(Box::new(Nobody(Arc::clone(&asked))));
    bench.driver.handler().base = Some("2.4".to_owned());
    bench.receive(&json!({"type": "firmware", "version": "2.5"}));
    bench.receive(&with_delta());
    let asked: Vec<_> = asked.lock().expect("not poisoned").iter().map(|image| image.sha256.clone()).collect();
    assert_eq!((asked, bench.transcript.count("download")), (vec!["a".repeat(64)], 0));
    assert_eq!(bench.last_check_in()["update"]["detail"], "wrong-signature");
}

#[test]
fn a_fetch_that_takes_too_long_is_cancelled_and_repeated() {
    let mut bench = Bench::connected(Ok(Record::default()));
    let (news, text) = large(3);
    bench.receive(&news);
    bench.driver.fetched(bench.now, 2, Err(FetchError::NoUrl));
    bench.pass_until("cancel fetch", 1);
    assert_eq!(bench.now, Timing::default().fetch_timeout);
    bench.driver.fetched(bench.now, 3, Ok(text.clone()));
    assert_eq!(bench.transcript.count("apply"), 0, "that fetch was cancelled");
    bench.pass_until("fetch", 2);
    bench.driver.fetched(bench.now, 3, Ok(text));
    assert_eq!(bench.transcript.count("apply 3"), 1);
}

#[test]
fn a_document_that_is_there_counts_however_late_the_caller_is() {
    let mut bench = Bench::connected(Ok(Record::default()));
    let (news, text) = large(3);
    bench.receive(&news);
    bench.now = Timing::default().fetch_timeout + Duration::from_secs(1);
    bench.happens(LinkEvent::Heard);
    bench.driver.fetched(bench.now, 3, Ok(text));
    assert_eq!(bench.transcript.count("apply 3"), 1);
}

#[test]
fn what_an_action_makes_due_is_done_in_the_same_call() {
    let mut bench = Bench::new(Timing::default(), 7, Ok(Record::default()));
    bench.happens(LinkEvent::Opened);
    let document = Document::parse("{}").expect("JSON");
    let config = json!({"version": 1, "sha256": document.sha256(), "document": document.text()});
    bench.receive(&json!({
        "type": "ack", "seq": 1, "next_check_in_s": 60, "reconnect_within_s": 6000, "spread_s": 0, "config": config,
    }));
    assert_eq!(bench.driver.transport().opened.len(), 2, "no connection proves the configuration");
    bench.driver.request(bench.now, Request::Stop);
    assert_eq!(bench.transcript.count("roll back 1"), 1, "it was not proven");
}

#[test]
fn a_connection_that_is_gone_without_an_end_is_lost() {
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.happens(LinkEvent::Gone);
    assert_eq!(bench.transcript.count("event Disconnected { reason: Lost"), 1);
    bench.pass_until("open", 2);
}

#[test]
fn after_the_end_nothing_is_due_and_nothing_is_under_way() {
    let mut bench = Bench::connected(Ok(Record::default()));
    bench.receive(&large(3).0);
    assert_eq!(bench.driver.outcome(), None);
    bench.driver.request(bench.now, Request::Stop);
    assert_eq!((bench.driver.outcome(), bench.driver.deadline()), (Some(&Ok(())), None));
    assert_eq!((bench.transcript.count("cancel fetch"), bench.transcript.count("cancel download")), (1, 1));
    let before = bench.transcript.lines();
    bench.receive(&command(1));
    bench.happens(LinkEvent::Gone);
    bench.driver.request(bench.now, Request::DropConnection);
    assert_eq!(bench.transcript.lines(), before);
}

#[test]
fn a_timing_of_zeros_holds_nobody_forever() {
    let zero = Duration::ZERO;
    let timing = Timing { handshake_timeout: zero, backoff_base: zero, backoff_cap: zero, ..Timing::default() };
    let mut bench = Bench::new(timing, 7, Ok(Record::default()));
    assert!(bench.driver.deadline().is_some_and(|at| at <= bench.now), "more is due");
    bench.driver.request(bench.now, Request::Stop);
    assert_eq!(bench.driver.outcome(), Some(&Ok(())));
}

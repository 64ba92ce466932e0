//! Firmware: asked for, downloaded, installed, and what became of it.

use std::path::PathBuf;

use rollcall_wire::{UpdateReport, UpdateStatus};

use super::*;
use crate::{download::Downloaded, firmware::Installed};

fn url(version: &str) -> serde_json::Value {
    json!({
        "type": "firmware-url", "version": version, "size": 3, "sha256": "a".repeat(64), "signature": "signed",
        "url": "https://images.example.org/2.5?X-Amz-Signature=1", "expires_in_s": 60,
    })
}

fn report(version: &str, status: UpdateStatus, detail: Option<&str>) -> UpdateReport {
    UpdateReport { version: version.to_owned(), status, detail: detail.map(str::to_owned) }
}

fn broken(further: bool) -> Downloaded {
    Downloaded::Broken { why: "no route".to_owned(), further }
}

fn image() -> Image {
    Image { version: "2.5".to_owned(), path: PathBuf::from("/images/a"), signature: "signed".to_owned() }
}

impl Bench {
    /// A node that runs 2.4 and was told to run 2.5; its program was asked.
    fn told_to_update() -> Self {
        let mut bench = Self::new();
        bench.firmware = Some("2.4".to_owned());
        bench.open_and_ack();
        bench.tell_firmware("2.5");
        bench
    }

    fn downloading() -> Self {
        let mut bench = Self::told_to_update();
        bench.receive(bench.link(), &url("2.5"));
        assert_eq!(bench.downloads.len(), 1);
        bench
    }

    fn installing() -> Self {
        let mut bench = Self::downloading();
        bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
        assert_eq!(bench.installs, [image()]);
        bench
    }

    fn tell_firmware(&mut self, version: &str) {
        self.receive(self.link(), &json!({"type": "firmware", "version": version}));
    }

    fn download_ends(&mut self, outcome: Downloaded) {
        self.machine.downloaded(self.now, "2.5", outcome);
        self.settle();
    }

    fn installed(&mut self, outcome: Installed) {
        self.machine.installed(self.now, "2.5", outcome);
        self.settle();
    }

    /// What the last check-in said of firmware.
    fn update(&self) -> Option<UpdateReport> {
        self.said.last().expect("a check-in").1.update.clone()
    }

    fn ack_newest(&mut self) {
        let seq = self.said.last().expect("a check-in").1.seq;
        self.ack(self.link(), seq);
    }

    /// Lets time pass until something more is asked for or downloaded, or the version is given up.
    fn until_it_goes_on(&mut self) {
        let done = |bench: &Self| (bench.located.len(), bench.downloads.len(), bench.failures());
        let before = done(self);
        for _ in 0..100 {
            self.now = self.machine.deadline().expect("something to wait for");
            self.settle();
            self.ack_newest();
            if done(self) != before {
                return;
            }
        }
        panic!("it does not go on");
    }

    fn failures(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, NodeEvent::UpdateFailed { .. })).count()
    }
}

#[test]
fn a_node_says_that_it_downloads_and_asks_where_the_image_is() {
    let mut bench = Bench::told_to_update();
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Downloading, None)));
    assert!(bench.said.last().expect("a check-in").1.ack);
    assert_eq!(bench.located, [(bench.link(), "2.5".to_owned())]);
    for _ in 0..2 {
        bench.tell_firmware("2.5");
    }
    assert_eq!((bench.offered.len(), bench.located.len()), (1, 1), "told again");
    bench.receive(bench.link(), &url("2.6"));
    assert_eq!(bench.downloads, [], "of another version");
    bench.receive(bench.link(), &url("2.5"));
    assert_eq!(bench.downloads.iter().map(|url| url.signature.as_str()).collect::<Vec<_>>(), ["signed"]);
    assert!(matches!(&bench.pushed[..], [Pushed::Firmware(news), ..] if news.version == "2.5"));
}

#[test]
fn what_runs_without_a_restart_is_applied_once_that_is_acknowledged() {
    let mut bench = Bench::installing();
    bench.firmware = Some("2.5".to_owned());
    bench.installed(Installed::Runs);
    let said = bench.said.last().expect("a check-in").1.clone();
    assert_eq!((said.firmware.as_deref(), said.ack), (Some("2.5"), true));
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Applied, None)));
    let applied = NodeEvent::UpdateApplied { version: "2.5".to_owned() };
    assert_eq!((bench.events.contains(&applied), bench.discards), (false, 0));
    bench.ack_newest();
    assert_eq!((bench.events.contains(&applied), bench.discards), (true, 1));
}

#[test]
fn after_a_restart_what_runs_shows_what_became_of_it() {
    for (runs, status, detail) in
        [("2.5", UpdateStatus::Applied, None), ("2.4", UpdateStatus::RolledBack, Some("it does not run"))]
    {
        let mut bench = Bench::installing();
        bench.installed(Installed::Restarts);
        bench.machine.check_in_now(bench.now);
        bench.settle();
        assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Downloading, None)), "it may take its time");
        bench.firmware = Some(runs.to_owned());
        // The power fails once more before the server has heard of it.
        for _ in 0..2 {
            bench.restart();
            bench.opened();
            assert_eq!(bench.update(), Some(report("2.5", status, detail)));
            assert_eq!(bench.said.last().expect("a check-in").1.seq, 1, "one check-in says it");
        }
        bench.ack_newest();
        assert_eq!(bench.discards, 1);
        bench.restart();
        bench.opened();
        assert_eq!(bench.update(), None, "it was acknowledged");
        let rolled_back = NodeEvent::UpdateRolledBack { version: "2.5".to_owned() };
        assert_eq!(bench.events.contains(&rolled_back), status == UpdateStatus::RolledBack);
    }
}

#[test]
fn a_node_that_goes_down_while_it_installs_says_what_runs() {
    let mut bench = Bench::downloading();
    bench.crashes_once_it_is_kept = true;
    bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
    bench.opened();
    assert_eq!(bench.installs, [], "the program never had it");
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::RolledBack, Some("it does not run"))));
}

#[test]
fn a_program_that_does_not_say_what_runs_has_nothing_reported() {
    let mut bench = Bench::installing();
    bench.installed(Installed::Restarts);
    bench.firmware = None;
    bench.restart();
    bench.opened();
    assert_eq!(bench.update(), None);
}

#[test]
fn what_the_program_does_not_take_is_reported_once() {
    let mut bench = Bench::connected();
    bench.accepts = Err("this node takes no firmware".to_owned());
    bench.tell_firmware("2.5");
    let refused = Some(report("2.5", UpdateStatus::Failed, Some("this node takes no firmware")));
    assert_eq!((bench.update(), bench.located.len()), (refused, 0));
    bench.tell_firmware("2.5");
    bench.now += s(2);
    bench.settle();
    assert_eq!(bench.offered.len(), 1, "the server has not heard of it yet");
    bench.ack_newest();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    assert_eq!((bench.update(), bench.failures()), (None, 1));
}

#[test]
fn an_ack_for_what_was_said_before_settles_nothing() {
    let mut bench = Bench::installing();
    let before = bench.said.last().expect("a check-in").1.seq;
    bench.installed(Installed::Failed("wrong signature".to_owned()));
    bench.ack(bench.link(), before);
    bench.tell_firmware("2.5");
    bench.now += s(2);
    bench.settle();
    assert_eq!(bench.offered.len(), 1, "the server has not heard of it yet");
}

#[test]
fn what_is_desired_once_more_is_tried_once_more_after_a_pause() {
    let mut bench = Bench::installing();
    bench.installed(Installed::Failed("wrong signature".to_owned()));
    let failed = Some(report("2.5", UpdateStatus::Failed, Some("wrong signature")));
    assert_eq!((bench.update(), bench.discards), (failed.clone(), 1));
    bench.ack_newest();
    let mut pauses = Duration::ZERO;
    bench.accepts = Err("wrong signature".to_owned());
    for times in 2..8 {
        let before = bench.now;
        bench.tell_firmware("2.5");
        bench.pass_until(|bench| bench.offered.len() == times);
        pauses += bench.now.saturating_sub(before);
        assert_eq!(bench.update(), failed, "the server has forgotten it");
        bench.ack_newest();
    }
    assert!(pauses > s(5), "as fast as the server tells it: {pauses:?}");
}

#[test]
fn what_was_applied_and_no_longer_runs_is_tried_again_after_a_pause() {
    let mut bench = Bench::installing();
    bench.firmware = Some("2.5".to_owned());
    bench.installed(Installed::Runs);
    bench.ack_newest();
    bench.firmware = Some("2.4".to_owned());
    bench.machine.check_in_now(bench.now);
    bench.settle();
    bench.ack_newest();
    let mut pauses = Duration::ZERO;
    bench.accepts = Err("it does not run here".to_owned());
    for times in 2..8 {
        let before = bench.now;
        bench.tell_firmware("2.5");
        bench.pass_until(|bench| bench.offered.len() == times);
        pauses += bench.now.saturating_sub(before);
        assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("it does not run here"))));
        bench.ack_newest();
    }
    assert!(pauses > s(5), "as fast as the server tells it: {pauses:?}");
}

#[test]
fn another_version_takes_the_place_of_what_is_not_installed_yet() {
    let mut bench = Bench::downloading();
    bench.tell_firmware("2.6");
    assert_eq!(bench.update(), Some(report("2.6", UpdateStatus::Downloading, None)));
    bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
    assert_eq!(bench.installs, []);
    let mut bench = Bench::installing();
    bench.tell_firmware("2.6");
    assert_eq!(bench.offered.len(), 1, "the program has 2.5");
}

#[test]
fn a_download_that_breaks_is_begun_again_until_it_gets_no_further() {
    let mut bench = Bench::downloading();
    for _ in 0..20 {
        bench.download_ends(broken(true));
        bench.until_it_goes_on();
        if bench.located.len() * 2 > bench.downloads.len() + 1 {
            bench.receive(bench.link(), &url("2.5"));
        }
    }
    assert_eq!(bench.failures(), 0);
    let mut attempts = 0;
    while bench.failures() == 0 && attempts < 20 {
        attempts += 1;
        bench.download_ends(broken(false));
        if bench.failures() == 0 {
            bench.until_it_goes_on();
            bench.receive(bench.link(), &url("2.5"));
        }
    }
    assert_eq!((attempts, bench.update()), (8, Some(report("2.5", UpdateStatus::Failed, Some("no route")))));
}

#[test]
fn a_url_is_renewed_when_it_is_refused_or_its_time_is_over() {
    let mut bench = Bench::downloading();
    bench.download_ends(Downloaded::Refused);
    bench.until_it_goes_on();
    assert_eq!((bench.located.len(), bench.downloads.len()), (2, 1));
    bench.receive(bench.link(), &url("2.5"));
    assert_eq!(bench.downloads.len(), 2);
    bench.now += s(59);
    bench.download_ends(broken(true));
    bench.now += s(1);
    bench.settle();
    assert_eq!((bench.located.len(), bench.downloads.len()), (3, 2));
}

#[test]
fn a_url_that_is_refused_for_ever_is_given_up() {
    let mut bench = Bench::downloading();
    for _ in 0..8 {
        bench.download_ends(Downloaded::Refused);
        bench.until_it_goes_on();
        bench.receive(bench.link(), &url("2.5"));
    }
    bench.download_ends(Downloaded::Refused);
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("the URL is refused"))));
}

#[test]
fn a_url_without_a_life_is_used_all_the_same() {
    let mut bench = Bench::told_to_update();
    let mut short = url("2.5");
    short["expires_in_s"] = json!(0);
    bench.receive(bench.link(), &short);
    assert_eq!((bench.downloads.len(), bench.located.len()), (1, 1));
}

#[test]
fn a_question_that_is_not_answered_is_asked_again() {
    let mut bench = Bench::told_to_update();
    bench.ack_newest();
    bench.until_it_goes_on();
    assert_eq!(bench.located.len(), 2);
    for _ in 0..8 {
        bench.until_it_goes_on();
    }
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("the server does not say where"))));
}

#[test]
fn a_question_that_could_not_be_answered_says_nothing_of_a_check_in() {
    for code in ["unavailable", "internal", "invalid-field"] {
        let said_after = |error: serde_json::Value| {
            let mut bench = Bench::told_to_update();
            let said = bench.said.len();
            assert!(bench.said.last().expect("a check-in").1.ack, "its answer is awaited");
            bench.receive(bench.link(), &error);
            bench.now += s(5);
            bench.settle();
            bench.said.len() - said
        };
        let error = json!({"type": "error", "code": code, "message": ""});
        let mut about = error.clone();
        about["about"] = json!("firmware-url");
        assert_eq!(said_after(about), 0, "{code}: it is said again");
        // Without a word on what it is about, it may be the check-in.
        assert_eq!(said_after(error), usize::from(code != "invalid-field"), "{code}");
    }
}

#[test]
fn without_a_connection_that_holds_the_node_nothing_is_asked_for() {
    let mut bench = Bench::downloading();
    bench.server_closes(bench.link());
    bench.download_ends(broken(true));
    bench.pass_until(|bench| bench.opened.len() == 2);
    bench.opened();
    assert_eq!((bench.downloads.len(), bench.located.len()), (1, 1));
    bench.now += s(5);
    bench.ack_newest();
    assert_eq!(bench.downloads.len() + bench.located.len(), 3);
}

#[test]
fn a_server_that_has_none_any_more_ends_it() {
    let mut bench = Bench::told_to_update();
    bench.receive(bench.link(), &json!({"type": "error", "code": "no-firmware", "message": ""}));
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("it is no longer desired"))));
}

#[test]
fn what_is_no_hash_never_becomes_the_name_of_a_file() {
    for sha256 in ["", "../../etc/passwd", "A", &"A".repeat(64)] {
        let mut bench = Bench::told_to_update();
        let mut forged = url("2.5");
        forged["sha256"] = json!(sha256);
        bench.receive(bench.link(), &forged);
        assert_eq!(bench.downloads, []);
        assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("its SHA-256 is none"))));
    }
}

#[test]
fn a_wrong_image_is_downloaded_once_more_and_no_oftener() {
    let mut bench = Bench::downloading();
    bench.download_ends(Downloaded::Wrong("wrong hash".to_owned()));
    assert_eq!(bench.downloads.len(), 2);
    bench.download_ends(Downloaded::Wrong("wrong hash".to_owned()));
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("wrong hash"))));
}

#[test]
fn what_can_not_be_recorded_is_not_installed() {
    let mut bench = Bench::downloading();
    bench.disk = Err("no space".to_owned());
    bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
    assert_eq!(bench.installs, []);
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("not recorded: no space"))));
}

#[test]
fn what_runs_already_is_not_installed_again() {
    let mut bench = Bench::new();
    bench.firmware = Some("2.5".to_owned());
    bench.open_and_ack();
    bench.tell_firmware("2.5");
    assert_eq!((bench.offered.len(), bench.update()), (0, Some(report("2.5", UpdateStatus::Applied, None))));
}

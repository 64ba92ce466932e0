//! Firmware: the question for the URL, download, installation and report.

mod deltas;
mod downloading;

use rollcall_wire::{UpdateReport, UpdateStatus};

use super::*;
use crate::{Downloaded, Installed};

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
    /// A node that runs 2.4 and is to run 2.5, which its program has accepted.
    fn asking() -> Self {
        let mut bench = Self::new();
        bench.firmware = Some("2.4".to_owned());
        bench.open_and_ack();
        bench.tell_firmware("2.5");
        bench
    }

    fn downloading() -> Self {
        let mut bench = Self::asking();
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

    /// The update report of the last check-in.
    fn update(&self) -> Option<UpdateReport> {
        self.said.last().expect("a check-in").1.update.clone()
    }

    fn ack_newest(&mut self) {
        let seq = self.said.last().expect("a check-in").1.seq;
        self.ack(self.link(), seq);
    }

    /// Lets time pass until the node asks for the URL, begins a download or reports a failure.
    fn until_it_goes_on(&mut self) {
        let counts = |bench: &Self| (bench.located.len(), bench.downloads.len(), bench.failures());
        let before = counts(self);
        for _ in 0..100 {
            self.now = self.machine.deadline().expect("something to wait for");
            self.settle();
            self.ack_newest();
            if counts(self) != before {
                return;
            }
        }
        panic!("the update does not go on");
    }

    fn failures(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, NodeEvent::UpdateFailed { .. })).count()
    }
}

#[test]
fn a_node_reports_the_download_and_asks_for_the_url() {
    let mut bench = Bench::asking();
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Downloading, None)));
    assert!(bench.said.last().expect("a check-in").1.ack);
    assert_eq!(bench.located, [(bench.link(), "2.5".to_owned())]);
    for _ in 0..2 {
        bench.tell_firmware("2.5");
    }
    assert_eq!((bench.offered.len(), bench.located.len()), (1, 1), "the version was named again");
    bench.receive(bench.link(), &url("2.6"));
    assert_eq!(bench.downloads, [], "the URL is of another version");
    bench.receive(bench.link(), &url("2.5"));
    assert_eq!(bench.downloads.iter().map(|target| target.sha256.as_str()).collect::<Vec<_>>(), ["a".repeat(64)]);
    assert!(matches!(&bench.pushed[..], [Pushed::Firmware(news), ..] if news.version == "2.5"));
}

#[test]
fn a_version_that_runs_without_a_restart_is_applied_once_its_report_is_acknowledged() {
    let mut bench = Bench::installing();
    bench.firmware = Some("2.5".to_owned());
    bench.installed(Installed::Runs);
    let check_in = bench.said.last().expect("a check-in").1.clone();
    assert_eq!((check_in.firmware.as_deref(), check_in.ack), (Some("2.5"), true));
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Applied, None)));
    let applied = NodeEvent::UpdateApplied { version: "2.5".to_owned() };
    assert_eq!((bench.events.contains(&applied), bench.discards), (false, 0));
    bench.ack_newest();
    assert_eq!((bench.events.contains(&applied), bench.discards), (true, 1));
}

#[test]
fn after_a_restart_the_running_version_shows_the_outcome() {
    for (runs, status, detail) in
        [("2.5", UpdateStatus::Applied, None), ("2.4", UpdateStatus::RolledBack, Some("another version runs"))]
    {
        let mut bench = Bench::installing();
        bench.installed(Installed::Restarts);
        bench.machine.check_in_now(bench.now);
        bench.settle();
        assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Downloading, None)), "the restart may take long");
        bench.firmware = Some(runs.to_owned());
        // The node restarts once more before the report is acknowledged.
        for _ in 0..2 {
            bench.restart();
            bench.opened();
            assert_eq!(bench.update(), Some(report("2.5", status, detail)));
            assert_eq!(bench.said.last().expect("a check-in").1.seq, 1, "the first check-in reports it");
        }
        bench.ack_newest();
        assert_eq!(bench.discards, 1);
        bench.restart();
        bench.opened();
        assert_eq!(bench.update(), None, "the report was acknowledged");
        let rolled_back = NodeEvent::UpdateRolledBack { version: "2.5".to_owned() };
        assert_eq!(bench.events.contains(&rolled_back), status == UpdateStatus::RolledBack);
    }
}

#[test]
fn a_node_that_restarts_during_the_installation_reports_the_outcome() {
    let mut bench = Bench::downloading();
    bench.crashes_once_it_is_kept = true;
    bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
    bench.opened();
    assert_eq!(bench.installs, [], "the program never got the image");
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::RolledBack, Some("another version runs"))));
}

#[test]
fn without_the_running_version_no_outcome_is_reported() {
    let mut bench = Bench::installing();
    bench.installed(Installed::Restarts);
    bench.firmware = None;
    bench.restart();
    bench.opened();
    assert_eq!(bench.update(), None);
}

#[test]
fn a_version_that_the_program_refuses_is_reported_as_failed_once() {
    let mut bench = Bench::connected();
    bench.accepts = Err("this node takes no firmware".to_owned());
    bench.tell_firmware("2.5");
    let refused = Some(report("2.5", UpdateStatus::Failed, Some("this node takes no firmware")));
    assert_eq!((bench.update(), bench.located.len()), (refused, 0));
    bench.tell_firmware("2.5");
    bench.now += s(2);
    bench.settle();
    assert_eq!(bench.offered.len(), 1, "the report is not acknowledged yet");
    bench.ack_newest();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    assert_eq!((bench.update(), bench.failures()), (None, 1));
}

#[test]
fn an_ack_for_an_earlier_report_does_not_acknowledge_the_failure() {
    let mut bench = Bench::installing();
    let before = bench.said.last().expect("a check-in").1.seq;
    bench.installed(Installed::Failed("wrong signature".to_owned()));
    bench.ack(bench.link(), before);
    bench.tell_firmware("2.5");
    bench.now += s(2);
    bench.settle();
    assert_eq!(bench.offered.len(), 1, "the report is not acknowledged yet");
}

#[test]
fn a_failed_version_that_is_desired_once_more_is_tried_again_after_a_pause() {
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
        assert_eq!(bench.update(), failed, "the failure is reported again");
        bench.ack_newest();
    }
    assert!(pauses > s(5), "the attempts follow each other too fast: {pauses:?}");
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
fn another_version_replaces_one_whose_installation_has_not_begun() {
    let mut bench = Bench::downloading();
    bench.tell_firmware("2.6");
    assert_eq!(bench.update(), Some(report("2.6", UpdateStatus::Downloading, None)));
    bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
    assert_eq!(bench.installs, []);
    let mut bench = Bench::installing();
    bench.tell_firmware("2.6");
    assert_eq!(bench.offered.len(), 1, "the program is installing 2.5");
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
fn an_update_fails_if_the_version_is_no_longer_desired() {
    let mut bench = Bench::asking();
    bench.receive(bench.link(), &json!({"type": "error", "code": "no-firmware", "message": ""}));
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("it is no longer desired"))));
}

#[test]
fn a_version_that_can_not_be_recorded_is_not_installed() {
    let mut bench = Bench::downloading();
    bench.disk = Err("no space".to_owned());
    bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
    assert_eq!(bench.installs, []);
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("not recorded: no space"))));
}

#[test]
fn a_version_that_runs_already_is_not_installed_again() {
    let mut bench = Bench::new();
    bench.firmware = Some("2.5".to_owned());
    bench.open_and_ack();
    bench.tell_firmware("2.5");
    assert_eq!((bench.offered.len(), bench.update()), (0, Some(report("2.5", UpdateStatus::Applied, None))));
}

#[test]
fn a_version_that_might_fit_no_check_in_is_ignored() {
    let mut bench = Bench::asking();
    bench.tell_firmware(&"v".repeat(32_000));
    bench.machine.check_in_now(bench.now);
    bench.settle();
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Downloading, None)));
}

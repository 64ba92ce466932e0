mod getting;
mod histories;

use rand::{SeedableRng, rngs::SmallRng};
use rollcall_wire::Document;

use super::*;
use crate::detail::DETAIL_BYTES;

const PROOF: Duration = Duration::from_mins(1);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn document(version: u64) -> Document {
    Document::parse(&format!("{{\"channel\":{version}}}")).expect("JSON")
}

fn news(version: u64) -> ConfigNews {
    let document = document(version);
    ConfigNews { version, sha256: document.sha256().to_owned(), document: Some(document.text().to_owned()) }
}

fn large(version: u64) -> ConfigNews {
    ConfigNews { document: None, ..news(version) }
}

fn forged(version: u64) -> ConfigNews {
    ConfigNews { document: Some("{}".to_owned()), ..news(version) }
}

fn configuration(version: u64) -> Configuration {
    let document = document(version);
    Configuration { version, sha256: document.sha256().to_owned(), document: document.text().to_owned() }
}

fn report(version: u64, status: ConfigStatus, detail: Option<&str>) -> ConfigReport {
    ConfigReport { version, status, detail: detail.map(str::to_owned) }
}

fn applied(version: u64) -> ConfigReport {
    report(version, ConfigStatus::Applied, None)
}

fn rejected(version: u64, why: &str) -> ConfigReport {
    report(version, ConfigStatus::Rejected, Some(why))
}

/// A node with a connection that holds it.
struct Node {
    configs: Configs,
    rng: SmallRng,
    now: Duration,
}

impl Node {
    fn new() -> Self {
        Self { configs: Configs::new(), rng: SmallRng::seed_from_u64(7), now: s(0) }
    }

    /// A node that applied a configuration and must prove it.
    fn proving(version: u64) -> Self {
        let mut node = Self::new();
        assert_eq!(node.hear(news(version)), Some(Due::Apply(configuration(version))));
        assert!(node.apply(Applied::Applied));
        node
    }

    fn due(&mut self) -> Option<Due> {
        self.configs.tick(self.now, true)
    }

    fn hear(&mut self, news: ConfigNews) -> Option<Due> {
        self.configs.hear(self.now, news);
        self.due()
    }

    fn apply(&mut self, applied: Applied) -> bool {
        self.configs.applied(self.now, self.now + PROOF, applied)
    }

    fn fetched(&mut self, version: u64, outcome: Result<String, FetchError>) -> Option<Due> {
        self.configs.fetched(&Timing::default(), &mut self.rng, self.now, version, outcome);
        self.due()
    }

    fn prove(&mut self) -> Option<Due> {
        self.configs.proved(self.now);
        self.due()
    }
}

fn fetch(version: u64) -> Due {
    Due::Fetch { version, sha256: document(version).sha256().to_owned() }
}

fn failed(why: &str) -> Result<String, FetchError> {
    Err(FetchError::Failed(why.to_owned()))
}

#[test]
fn an_applied_configuration_is_reported_only_once_it_is_proven() {
    let mut node = Node::proving(3);
    assert_eq!((node.due(), node.configs.report(None)), (None, None));
    assert_eq!(node.prove(), Some(Due::Settled(applied(3))));
    assert_eq!(node.configs.report(None), Some(applied(3)));
    assert_eq!(node.due(), None, "the outcome is returned once");
}

#[test]
fn a_substituted_configuration_is_reported_with_its_substitute() {
    let mut node = Node::new();
    node.hear(news(3));
    assert!(node.apply(Applied::Substituted("channel 36".to_owned())));
    let substituted = report(3, ConfigStatus::Substituted, Some("channel 36"));
    assert_eq!(node.prove(), Some(Due::Settled(substituted)));
}

#[test]
fn a_rejection_by_the_program_is_reported_at_once_and_needs_no_proof() {
    let mut node = Node::new();
    node.hear(news(3));
    assert!(!node.apply(Applied::Rejected("no such channel".to_owned())));
    assert_eq!(node.due(), Some(Due::Settled(rejected(3, "no such channel"))));
}

#[test]
fn a_configuration_that_is_not_proven_in_time_is_rolled_back_reported_and_not_tried_again() {
    let mut node = Node::proving(3);
    assert_eq!(node.configs.deadline(false), Some(PROOF));
    node.now = PROOF.checked_sub(s(1)).expect("earlier");
    assert_eq!(node.due(), None);
    node.now = PROOF;
    assert_eq!(node.due(), Some(Due::RollBack(configuration(3))));
    let report = rejected(3, "rolled back: the server could not be reached");
    assert_eq!(node.due(), Some(Due::Settled(report.clone())));
    assert_eq!(node.prove(), None, "a proof that comes late proves nothing");
    assert_eq!((node.hear(news(3)), node.configs.report(None)), (None, Some(report)));
    assert_eq!(node.hear(news(4)), Some(Due::Apply(configuration(4))));
}

#[test]
fn the_same_or_an_older_version_is_ignored() {
    let mut node = Node::proving(3);
    for version in [3, 2, 0] {
        assert_eq!(node.hear(news(version)), None);
    }
    assert_eq!(node.prove(), Some(Due::Settled(applied(3))));
    for version in [3, 2, 0] {
        assert_eq!(node.hear(news(version)), None);
    }
}

#[test]
fn a_version_up_to_the_one_that_the_program_reports_is_ignored() {
    let mut node = Node::new();
    node.configs.report(Some(applied(5)));
    assert_eq!((node.hear(news(5)), node.hear(news(4))), (None, None));
    assert_eq!(node.hear(news(6)), Some(Due::Apply(configuration(6))));
}

#[test]
fn a_version_that_the_program_applied_by_itself_meanwhile_is_not_applied() {
    let mut node = Node::new();
    assert_eq!(node.hear(large(5)), Some(fetch(5)));
    node.configs.report(Some(applied(5)));
    assert_eq!(node.fetched(5, Ok(document(5).text().to_owned())), None);
    let mut node = Node::proving(4);
    node.hear(news(5));
    node.configs.report(Some(applied(5)));
    assert_eq!((node.prove(), node.due()), (Some(Due::Settled(applied(4))), None));
}

#[test]
fn of_the_versions_that_come_during_a_proof_the_newest_is_applied_after_it() {
    let mut node = Node::proving(3);
    assert_eq!((node.hear(news(4)), node.hear(news(6)), node.hear(news(5))), (None, None, None));
    assert_eq!(node.prove(), Some(Due::Settled(applied(3))));
    assert_eq!(node.due(), Some(Due::Apply(configuration(6))));
}

#[test]
fn a_waiting_version_is_applied_after_a_roll_back_as_well() {
    let mut node = Node::proving(3);
    node.hear(news(4));
    node.now = PROOF;
    assert!(matches!(node.due(), Some(Due::RollBack(_))));
    assert!(matches!(node.due(), Some(Due::Settled(_))));
    assert_eq!(node.due(), Some(Due::Apply(configuration(4))));
}

#[test]
fn a_program_that_takes_no_configurations_reports_none_and_is_given_no_more() {
    let mut node = Node::new();
    node.hear(news(3));
    assert!(!node.apply(Applied::Unsupported));
    assert_eq!((node.due(), node.hear(large(4)), node.hear(forged(5))), (None, None, None));
    assert_eq!(node.configs.report(None), None);
    assert_eq!(node.configs.report(Some(applied(5))), Some(applied(5)), "the program's own report counts");
}

#[test]
fn the_programs_own_report_wins_if_its_version_is_not_lower() {
    let mut node = Node::proving(3);
    node.prove();
    let own = rejected(3, "by the program");
    assert_eq!(node.configs.report(Some(applied(2))), Some(applied(3)));
    assert_eq!(node.configs.report(Some(own.clone())), Some(own));
    assert_eq!(node.configs.report(Some(applied(4))), Some(applied(4)));
}

#[test]
fn a_program_can_not_report_before_the_proof_either() {
    let mut node = Node::new();
    node.configs.report(Some(applied(2)));
    node.hear(news(3));
    assert_eq!(node.configs.report(Some(applied(3))), Some(applied(2)));
    node.apply(Applied::Applied);
    assert_eq!(node.configs.report(Some(applied(3))), Some(applied(2)));
    node.prove();
    assert_eq!(node.configs.report(Some(applied(3))), Some(applied(3)));
}

#[test]
fn at_the_end_of_the_run_an_unproven_configuration_is_rolled_back() {
    assert_eq!(Node::proving(3).configs.abandon(), Some(configuration(3)));
    let mut node = Node::proving(3);
    node.prove();
    assert_eq!(node.configs.abandon(), None);
}

#[test]
fn a_reason_of_any_length_fits_a_check_in() {
    let mut node = Node::new();
    node.hear(news(3));
    node.apply(Applied::Rejected("ä".repeat(100_000)));
    let detail = node.configs.report(None).and_then(|report| report.detail).expect("a reason");
    assert_eq!(detail.len(), DETAIL_BYTES);
}

//! Random histories of events.

use proptest::prelude::*;

use super::*;

/// An event for configurations.
#[derive(Clone, Debug)]
enum Happens {
    TimePasses(u64),
    Sent(ConfigNews),
    Fetched(u64, Result<String, FetchError>),
    Proved,
    Withdrawn,
}

fn happens() -> impl Strategy<Value = Happens> {
    let version = || 0..6_u64;
    prop_oneof![
        2 => (0..40_u64).prop_map(Happens::TimePasses),
        2 => version().prop_map(|version| Happens::Sent(news(version))),
        2 => version().prop_map(|version| Happens::Sent(large(version))),
        1 => version().prop_map(|version| Happens::Sent(forged(version))),
        2 => version().prop_map(|version| Happens::Fetched(version, Ok(document(version).text().to_owned()))),
        1 => version().prop_map(|version| Happens::Fetched(version, failed("no route"))),
        2 => Just(Happens::Proved),
        1 => Just(Happens::Withdrawn),
    ]
}

proptest! {
    /// In every history: versions are applied in rising order, each at most once, and none while another one is being
    /// proven. A version is reported as applied only after its proof. Each applied version is settled or is still being
    /// proven.
    #[test]
    fn no_history_applies_a_version_twice_or_reports_an_unproven_one(
        history in prop::collection::vec((happens(), any::<bool>()), 0..60),
    ) {
        let mut node = Node::new();
        let (mut highest, mut unproven) = (0, None);
        for (event, held) in history {
            let mut proved = None;
            match event {
                Happens::TimePasses(seconds) => node.now += s(seconds),
                Happens::Sent(news) => node.configs.hear(node.now, news),
                Happens::Fetched(version, outcome) => {
                    node.configs.fetched(&Timing::default(), &mut node.rng, node.now, version, outcome);
                }
                Happens::Proved => {
                    proved = unproven.take();
                    node.configs.proved(node.now);
                }
                Happens::Withdrawn => node.configs.withdrawn(),
            }
            while let Some(due) = node.configs.tick(node.now, held) {
                match due {
                    Due::Apply(configuration) => {
                        prop_assert!(configuration.version > highest && unproven.is_none());
                        prop_assert_eq!(&configuration, &super::configuration(configuration.version));
                        highest = configuration.version;
                        unproven = Some(highest);
                        prop_assert!(node.apply(Applied::Applied));
                    }
                    Due::RollBack(configuration) => prop_assert_eq!(unproven.take(), Some(configuration.version)),
                    Due::Settled(report) if report.status == ConfigStatus::Applied => {
                        prop_assert_eq!(Some(report.version), proved);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(node.configs.is_proving(), unproven.is_some());
            if let Some(report) = node.configs.report(None) {
                prop_assert!(unproven != Some(report.version));
            }
        }
    }
}

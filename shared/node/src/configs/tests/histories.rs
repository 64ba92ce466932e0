//! Any history.

use proptest::prelude::*;

use super::*;

/// What can happen to configurations.
#[derive(Clone, Debug)]
enum Happens {
    TimePasses(u64),
    Said(ConfigNews),
    Fetched(u64, Result<String, FetchError>),
    Proved,
    Withdrawn,
}

fn happens() -> impl Strategy<Value = Happens> {
    let version = || 0..6_u64;
    prop_oneof![
        2 => (0..40_u64).prop_map(Happens::TimePasses),
        2 => version().prop_map(|version| Happens::Said(news(version))),
        2 => version().prop_map(|version| Happens::Said(large(version))),
        1 => version().prop_map(|version| Happens::Said(forged(version))),
        2 => version().prop_map(|version| Happens::Fetched(version, Ok(document(version).text().to_owned()))),
        1 => version().prop_map(|version| Happens::Fetched(version, failed("no route"))),
        2 => Just(Happens::Proved),
        1 => Just(Happens::Withdrawn),
    ]
}

proptest! {
    /// Over any history: a version is applied once, in rising order and never while another is on trial; applied means
    /// proven; each that is applied is settled or still on trial.
    #[test]
    fn no_history_applies_twice_or_reports_what_is_unproven(
        history in prop::collection::vec((happens(), any::<bool>()), 0..60),
    ) {
        let mut node = Node::new();
        let (mut highest, mut on_trial) = (0, None);
        for (event, held) in history {
            let mut proved = None;
            match event {
                Happens::TimePasses(seconds) => node.now += s(seconds),
                Happens::Said(news) => node.configs.hear(node.now, news),
                Happens::Fetched(version, outcome) => {
                    node.configs.fetched(&Timing::default(), &mut node.rng, node.now, version, outcome);
                }
                Happens::Proved => {
                    proved = on_trial.take();
                    node.configs.proved(node.now);
                }
                Happens::Withdrawn => node.configs.withdrawn(),
            }
            while let Some(due) = node.configs.tick(node.now, held) {
                match due {
                    Due::Apply(configuration) => {
                        prop_assert!(configuration.version > highest && on_trial.is_none());
                        prop_assert_eq!(&configuration, &super::configuration(configuration.version));
                        highest = configuration.version;
                        on_trial = Some(highest);
                        prop_assert!(node.apply(Applied::Applied));
                    }
                    Due::RollBack(configuration) => prop_assert_eq!(on_trial.take(), Some(configuration.version)),
                    Due::Settled(report) if report.status == ConfigStatus::Applied => {
                        prop_assert_eq!(Some(report.version), proved);
                    }
                    _ => {}
                }
            }
            prop_assert_eq!(node.configs.is_proving(), on_trial.is_some());
            if let Some(report) = node.configs.report(None) {
                prop_assert!(on_trial != Some(report.version));
            }
        }
    }
}

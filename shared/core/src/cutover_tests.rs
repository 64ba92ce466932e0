use super::*;
use crate::update::Outcome;

fn node(number: u32) -> NodeId {
    format!("ap-{number}").parse().expect("an id")
}

fn percent(text: &str) -> Percent {
    text.parse().expect("a percentage")
}

fn selector(text: &str) -> Selector {
    text.parse().expect("a selector")
}

/// How many of ten thousand nodes without a registration have a mode.
fn number_with(modes: &CutoverModes, mode: CutoverMode) -> usize {
    (0..10_000).filter(|number| modes.of(&node(*number), &Selectable::default()) == mode).count()
}

#[test]
fn a_percentage_means_about_so_many_nodes_and_a_greater_one_means_them_too() {
    let observed = CutoverModes::default().with(None, None, CutoverMode::Observe).expect("modes");
    let mut served_before = vec![];
    for (text, about) in [("0", 0), ("0.5", 50), ("1", 100), ("10", 1_000), ("50", 5_000), ("100", 10_000)] {
        let modes = observed.with(None, Some(percent(text)), CutoverMode::Serve).expect("modes");
        let served: Vec<_> = (0..10_000)
            .filter(|number| modes.of(&node(*number), &Selectable::default()) == CutoverMode::Serve)
            .collect();
        assert!(served.len().abs_diff(about) <= about / 4, "{text} %: {}", served.len());
        assert!(served_before.iter().all(|number| served.contains(number)), "{text} % has those before");
        assert_eq!(number_with(&modes, CutoverMode::Observe), 10_000 - served.len(), "the others keep their mode");
        served_before = served;
    }
}

#[test]
fn a_selector_comes_before_the_rule_for_all_and_off_for_all_is_off() {
    let modes = CutoverModes::default().with(None, None, CutoverMode::Observe).expect("modes");
    let modes = modes.with(Some(&selector("site=hq")), None, CutoverMode::Serve).expect("modes");
    let modes = modes.with(Some(&selector("label.floor=3")), Some(percent("0")), CutoverMode::Serve).expect("modes");
    let hq = Selectable { site: Some("hq"), ..Selectable::default() };
    let third = Selectable { labels: vec![("floor", "3")], ..Selectable::default() };
    assert_eq!(modes.of(&node(1), &hq), CutoverMode::Serve);
    assert_eq!(modes.of(&node(1), &Selectable::default()), CutoverMode::Observe);
    assert_eq!(modes.of(&node(1), &third), CutoverMode::Off, "no percent of a rule that had no mode");
    assert!(!modes.is_off());
    let again = modes.with(Some(&selector("site=hq")), None, CutoverMode::Compare).expect("modes");
    assert_eq!(again.rules().len(), modes.rules().len(), "a rule is replaced");
    let off = modes.with(None, None, CutoverMode::Off).expect("modes");
    assert!(off.is_off() && off.rules().is_empty());
    assert_eq!(off.of(&node(1), &hq), CutoverMode::Off);
    let mut many = CutoverModes::default();
    for number in 0..RULES {
        many = many.with(Some(&selector(&format!("site={number}"))), None, CutoverMode::Serve).expect("modes");
    }
    assert_eq!(many.with(None, None, CutoverMode::Serve), Err(InvalidRule::TooMany));
    let long = selector(&format!("site={}", "a".repeat(SELECTOR_BYTES)));
    assert_eq!(modes.with(Some(&long), None, CutoverMode::Serve), Err(InvalidRule::Selector));
}

#[test]
fn percentages_are_read_in_their_usual_form_only() {
    for (text, written) in
        [("0", "0"), ("100", "100"), ("12.5", "12.5"), ("0.05", "0.05"), ("7.50", "7.5"), ("007", "7")]
    {
        assert_eq!(percent(text).to_string(), written);
    }
    for wrong in ["", "-1", "+1", "101", "100.01", "1.234", "1.", ".5", "1e1", "ten", "1,5", "٣"] {
        assert!(wrong.parse::<Percent>().is_err(), "{wrong:?}");
    }
}

#[test]
fn settings_are_read_as_they_were_written_and_a_change_of_others_is_refused() {
    let before = CutoverSettings::default();
    let modes = CutoverModes::default().with(None, None, CutoverMode::Observe).expect("modes");
    let modes = modes.with(Some(&selector("site=hq,tag=a")), Some(percent("2.5")), CutoverMode::Serve).expect("modes");
    let after = CutoverSettings { mapping: Some("{}".to_owned()), modes };
    let Outcome::Applied { after: item } = set_cutover(&before, &after).apply(None) else { panic!("it is refused") };
    assert_eq!(CutoverSettings::read(Some(&item)), Ok(after.clone()));
    assert!(matches!(set_cutover(&before, &after).apply(Some(&item)), Outcome::Refused { .. }));
    let Outcome::Applied { after: none } = set_cutover(&after, &before).apply(Some(&item)) else { panic!("refused") };
    assert_eq!((CutoverSettings::read(Some(&none)), CutoverSettings::read(None)), (Ok(before.clone()), Ok(before)));
    for wrong in ["\tsometimes", "site\tserve", "a", "\tserve\t1"] {
        let item = Item::from([(A::CutoverModes, wrong.into())]);
        assert!(CutoverSettings::read(Some(&item)).is_err(), "{wrong:?}");
    }
}

#[test]
fn what_became_of_polls_is_counted() {
    let mut item = None;
    for (polled, difference) in [(Polled::Same, None), (Polled::Different, Some("[]")), (Polled::Same, None)] {
        let write = note_polled(&node(1), polled, None, difference, Timestamp(7));
        let Outcome::Applied { after } = write.apply(item.as_ref()) else { panic!("it is refused") };
        item = Some(after);
    }
    let learned = note_polled(&node(1), Polled::Observed, Some("ab"), None, Timestamp(9));
    let Outcome::Applied { after } = learned.apply(item.as_ref()) else { panic!("it is refused") };
    let legacy = Legacy::read(&after).expect("readable");
    assert_eq!((legacy.counts, legacy.credential.as_deref()), ([1, 2, 1, 0, 0, 0], Some("ab")));
    let times = (legacy.last, legacy.difference.as_deref(), legacy.differed_at);
    assert_eq!(times, (Some(Timestamp(9)), Some("[]"), Some(Timestamp(7))));
}

#[test]
fn rules_that_an_older_release_has_stored_are_read_and_can_be_changed() {
    let stored =
        "site=hq,tag=roof\tserve\nname=Main Lobby,label.note=a b\tcompare\t2.5\tserve\nsite=\tserve\n\tobserve";
    let item = Item::from([(A::CutoverModes, stored.into())]);
    let before = CutoverSettings::read(Some(&item)).expect("readable");
    let shown: Vec<_> =
        before.modes.rules().iter().map(|rule| rule.selector.as_ref().map(ToString::to_string)).collect();
    let expected = [Some("site=hq tag=roof"), Some("name=\"Main Lobby\" label.note=\"a b\""), None];
    assert_eq!(shown, expected.map(|text| text.map(str::to_owned)));
    let lobby = Selectable { name: Some("Main Lobby"), labels: vec![("note", "a b")], ..Selectable::default() };
    assert_eq!(before.modes.of(&node(1), &lobby), CutoverMode::Compare);
    let nowhere = Selectable { site: Some(""), ..Selectable::default() };
    assert_eq!(before.modes.of(&node(1), &nowhere), CutoverMode::Observe);

    let modes = before.modes.with(Some(&selector("tag=roof site=hq")), None, CutoverMode::Off).expect("modes");
    assert_eq!(modes.rules().len(), 4, "terms in another order are another selector");
    let modes = before.modes.with(Some(&selector("site=hq tag=roof")), None, CutoverMode::Off).expect("modes");
    assert_eq!(modes.rules().len(), 3, "and the same terms are the same");
    let after = CutoverSettings { modes, ..before.clone() };
    let Outcome::Applied { after: item } = set_cutover(&before, &after).apply(Some(&item)) else { panic!("refused") };
    assert_eq!(CutoverSettings::read(Some(&item)), Ok(after));
}

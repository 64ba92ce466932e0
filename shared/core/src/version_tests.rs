use proptest::prelude::*;

use super::*;

/// Texts that are versions, nearly versions, and none.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "(v|ax-|)[0-9]{1,2}([.][0-9]{1,2}){0,3}(-[a-z0-9]{1,3}([.][a-z0-9]{1,3}){0,2}|[a-z]{1,2}[0-9]{0,2}|)([+][a-z0-9.]{0,4}|)",
        "[0-9.v+a-]{0,8}",
        any::<String>(),
    ]
}

/// Versions of Semantic Versioning, close to each other.
fn semantic() -> impl Strategy<Value = String> {
    let identifiers = "(0|[1-9][0-9]{0,2}|[a-z-][0-9a-z-]{0,2})([.](0|[1-9][0-9]?|[a-z-][0-9a-z-]?)){0,2}";
    let numbers = "(0|[1-9][0-9]{0,1})[.](0|[1-9]|1[0-9])[.](0|[1-9]|10)";
    (numbers, proptest::option::of(identifiers), proptest::option::of("[0-9a-z-]{1,3}([.][0-9a-z-]{1,2}){0,1}"))
        .prop_map(|(numbers, pre, build)| {
            let pre = pre.map_or_else(String::new, |pre| format!("-{pre}"));
            let build = build.map_or_else(String::new, |build| format!("+{build}"));
            format!("{numbers}{pre}{build}")
        })
}

proptest! {
    #[test]
    fn the_order_is_total(one in texts(), two in texts(), three in texts()) {
        let [one, two, three] = [&one, &two, &three].map(|text| Version::new(text));
        prop_assert_eq!(one.cmp(&one), Ordering::Equal);
        prop_assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
        let mut sorted = [one, two, three];
        sorted.sort();
        prop_assert!(sorted[0] <= sorted[1] && sorted[1] <= sorted[2] && sorted[0] <= sorted[2]);
        if one == two {
            prop_assert_eq!(one.cmp(&three), two.cmp(&three));
        }
    }

    #[test]
    fn it_is_the_order_of_semantic_versions(one in semantic(), other in semantic()) {
        let [read, read_other] = [&one, &other].map(|text| semver::Version::parse(text).expect("a version"));
        prop_assert_eq!(Version::new(&one).cmp(&Version::new(&other)), read.cmp(&read_other), "{} and {}", one, other);
    }
}

#[test]
fn versions_come_one_after_the_other() {
    let sorted = [
        "0.9",
        "2.4.1",
        "2.5-alpha",
        "2.5-alpha.1",
        "2.5-beta.2",
        "2.5-beta.11",
        "2.5-rc.1",
        "2.5",
        "2.5+build.2",
        "2.5+build.11",
        "2.5a",
        "2.5b2",
        "2.5b10",
        "2.5.0.1",
        "2.9",
        "2.10",
        "10",
        "18446744073709551616",
        "ax-2.9",
        "ax-2.10",
        "stable",
    ];
    for (index, one) in sorted.iter().enumerate() {
        for (other_index, other) in sorted.iter().enumerate() {
            let ordering = Version::new(one).cmp(&Version::new(other));
            assert_eq!(ordering, index.cmp(&other_index), "{one} and {other}");
        }
    }
}

#[test]
fn one_version_may_be_written_in_several_ways() {
    for (one, other) in [("2.5", "2.5.0"), ("v2.5", "2.5"), ("02.05", "2.5"), ("V1-rc.1", "1.0-rc.1"), ("", "")] {
        assert_eq!(Version::new(one), Version::new(other), "{one} and {other}");
    }
}

#[test]
fn versions_of_other_families_are_neither_older_nor_newer() {
    let are = |one, other| Version::new(one).is_comparable(&Version::new(other));
    assert!(are("2.5", "v3-rc.1") && are("ax-1", "ax-2") && are("stable", "stable"));
    assert!(!are("2.5", "ax-2.5") && !are("2.5", "stable") && !are("stable", "latest") && !are("", "1"));
}

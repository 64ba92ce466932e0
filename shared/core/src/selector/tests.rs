use proptest::prelude::*;

use super::*;
use crate::node::{ConfigProgress, FirmwareState};
use crate::presence::PresenceState;

fn read(text: &str) -> Selector {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A node of which everything is known.
fn lobby() -> Selectable<'static> {
    Selectable {
        node: "ap-1",
        site: Some("hq"),
        model: Some("ax-2"),
        tags: vec!["beta", "roof"],
        name: Some("Main Lobby, east"),
        labels: vec![("floor", "3"), ("rack/unit", "b 7")],
        firmware: Some("2.10.0"),
        desired_firmware: Some("2.11"),
        firmware_update: FirmwareState::RolledBack,
        config: ConfigProgress::Rejected,
        presence: PresenceState::Silent,
        seen_ms_ago: Some(24 * 3_600_000 + 1),
        credential_version: Some(2),
        revoked: true,
    }
}

#[test]
fn each_field_is_compared_with_what_the_node_has() {
    let (lobby, nobody) = (lobby(), Selectable { node: "ap-2", ..Selectable::default() });
    // Which of the two it means.
    for (text, expected) in [
        ("node=ap-1", [true, false]),
        ("node=ap-1,ap-2", [true, true]),
        ("node!=ap-1", [false, true]),
        ("node~AP-", [true, true]),
        ("site=hq tag=roof", [true, false]),
        ("site=HQ", [false, false]),
        ("site=lab,hq", [true, false]),
        ("site!=hq", [false, true]),
        ("site!=lab", [true, true]),
        ("site=\"\"", [false, true]),
        ("site!=\"\"", [true, false]),
        ("site=\"\",hq", [true, true]),
        ("site!~h", [false, true]),
        ("model=ax-2", [true, false]),
        ("tag=roof", [true, false]),
        ("tag!=roof", [false, true]),
        ("tag!=roof,lobby", [false, true]),
        ("tag=\"\"", [false, true]),
        ("tag!=\"\"", [true, false]),
        ("tag~OO", [true, false]),
        ("tag!~oo", [false, true]),
        ("name=\"Main Lobby, east\"", [true, false]),
        ("name~lobby", [true, false]),
        ("name!~lobby", [false, true]),
        ("label.floor=3 label.rack/unit=\"b 7\"", [true, false]),
        ("label.floor!=4", [true, true]),
        ("label.door=\"\"", [true, true]),
        ("firmware<2.9", [false, false]),
        ("firmware>2.9 firmware<=2.10 firmware>=v2.10", [true, false]),
        ("firmware=2.10", [true, false]),
        ("firmware!=2.10", [false, true]),
        ("firmware~2.1", [true, false]),
        ("firmware=\"\"", [false, true]),
        ("firmware<ax-3", [false, false]),
        ("desired_firmware=2.11", [true, false]),
        ("firmware_update=rolled-back,failed", [true, false]),
        ("firmware_update=none", [false, true]),
        ("config=rejected", [true, false]),
        ("config!=rejected", [false, true]),
        ("presence=silent", [true, false]),
        ("presence=offline", [false, true]),
        ("seen>24h", [true, true]),
        ("seen>1441m", [false, true]),
        ("seen<=1d", [false, false]),
        ("seen<1w", [true, false]),
        ("seen=never", [false, true]),
        ("seen!=never", [true, false]),
        ("credential_version=2", [true, false]),
        ("credential_version<3", [true, false]),
        ("credential_version!=2", [false, true]),
        ("revoked=yes", [true, false]),
        ("revoked=no", [false, true]),
    ] {
        let selector = read(text);
        assert_eq!([&lobby, &nobody].map(|node| selector.has(node)), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_has_a_caret_below_it() {
    for (text, carets, said) in [
        ("site=hq vendor=x", "        ^^^^^^", "no field has this name"),
        ("site=hq,vendor=x", "        ^^^^^^", "no field has this name"),
        ("", "^", "it names no nodes"),
        ("   ", "^^^", "it names no nodes"),
        ("ap-1", "^^^^", "FIELD, an operator and VALUE"),
        ("site = hq", "^^^^", "without spaces"),
        ("!tag=roof", "^", "write tag!=roof"),
        ("site=hq tag!roof", "        ^^^^^^^^", "write tag!=roof"),
        ("site==hq", "    ^^", "one `=`"),
        ("site<hq", "    ^", "= != ~ !~"),
        ("presence~off", "        ^", "= !="),
        ("site=", "     ^", "a value is missing"),
        ("site=hq,", "        ^", "a value is missing"),
        ("site=,hq", "     ^", "a value is missing"),
        ("firmware<\"\"", "         ^^", "a value is missing"),
        ("name~\"\"", "     ^^", "a text to look for"),
        ("firmware<2,3", "           ^", "one value"),
        ("tag=a=b", "    ^^^", "in quotes"),
        ("name=Ö\"x\"", "      ^", "around the whole"),
        ("name=\"a\"b", "        ^", "around the whole"),
        ("name=\"a", "     ^^", "not closed"),
        ("name=\"a\\n\"", "       ^", "backslash"),
        ("name=a\u{7}", "      ^", "control"),
        ("config=reject", "       ^^^^^^", "none, pending, applied, substituted, rejected"),
        ("seen>24", "     ^^", "90s or 24h"),
        ("seen>9999999999999999999w", "     ^^^^^^^^^^^^^^^^^^^^", "100 years"),
        ("seen>1000000w", "     ^^^^^^^^", "100 years"),
        ("seen>never", "     ^^^^^", "never with = and !="),
        ("seen=24h", "     ^^^", "never with = and !="),
        ("credential_version=two", "                   ^^^", "whole number"),
        ("credential_version=+2", "                   ^^", "whole number"),
        ("label.=3", "^^^^^^", "a label's key"),
        ("label.fl oor=3", "^^^^^^^^", "FIELD"),
    ] {
        let error = text.parse::<Selector>().expect_err(text);
        let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
        let [why, shown, below] = &lines[..] else { panic!("{text:?}: {error}") };
        assert_eq!(below, &format!("  {carets}"), "{text:?}: {error}");
        assert!(why.contains(said) && shown.chars().count() == text.chars().count() + 2, "{text:?}: {error}");
        let line = error.in_one_line();
        assert!(line.contains(why) && !line.contains(char::is_control), "{text:?}: {line}");
    }
}

#[test]
fn of_a_long_text_only_the_part_around_a_mistake_is_shown() {
    let text = format!("{}vendor=x{}", "tag=a ".repeat(10), " tag=a".repeat(50));
    let error = text.parse::<Selector>().expect_err("wrong").to_string();
    let lines: Vec<_> = error.lines().collect();
    let (shown, below) = (lines[1], lines[2]);
    assert!(shown.starts_with("  …") && shown.ends_with('…') && shown.chars().count() < 120, "{error}");
    let at = below.find('^').expect("a caret");
    assert_eq!(shown.chars().skip(at).take(6).collect::<String>(), "vendor", "{error}");
}

#[test]
fn a_selector_has_bounds() {
    let most = format!("node={}", vec!["a"; VALUES].join(","));
    assert!(most.parse::<Selector>().is_ok() && vec!["tag=a"; TERMS].join(" ").parse::<Selector>().is_ok());
    let long = format!("name={}", "ä".repeat(SELECTOR_BYTES));
    for (text, said) in [
        (format!("{most},b"), "at most 100 values"),
        (format!("{most} tag=b"), "at most 100 values"),
        (vec!["tag=a"; TERMS + 1].join(" "), "at most 16 terms"),
        (long, "at most 1024 bytes, and this one has 2053"),
    ] {
        let error = text.parse::<Selector>().expect_err("too much").to_string();
        assert!(error.contains(said) && error.ends_with('^') && error.len() < 512, "{error}");
    }
}

#[test]
fn a_selector_that_would_be_too_long_with_its_quotes_is_too_long() {
    for value in ["\\".repeat(600), vec!["R#1"; 100].join(",") + &"#".repeat(580)] {
        let error = format!("name={value}").parse::<Selector>().expect_err("too long").in_one_line();
        assert!(error.contains("at most 1024 bytes"), "{error}");
    }
}

#[test]
fn terms_may_be_joined_by_a_comma_as_they_were_before() {
    for (old, written) in [
        ("site=hq,tag=roof", "site=hq tag=roof"),
        ("site=hq, tag=roof", "site=hq tag=roof"),
        ("model=ax-2,tag=roof,node=ap-1,label.floor=3", "model=ax-2 tag=roof node=ap-1 label.floor=3"),
        ("node=ap-1,ap-2,site=hq", "node=ap-1,ap-2 site=hq"),
    ] {
        assert_eq!(read(old).to_string(), written);
    }
    let old = |text| Selector::read_old(text).map(|read| read.map(|selector| selector.to_string()));
    assert_eq!(old("name=Main Lobby,tag=a=b"), Some(Some("name=\"Main Lobby\" tag=\"a=b\"".to_owned())));
    assert_eq!((old("site="), old("vendor=x"), old("site"), old("seen=24h")), (Some(None), None, None, None));
}

#[test]
fn what_pins_the_nodes_to_a_site_or_to_ids_is_known() {
    for (text, site) in [
        ("tag=roof site=hq", Some("hq")),
        ("site=hq,lab", None),
        ("site!=hq", None),
        ("site~hq", None),
        ("site=\"\"", None),
        ("site=lab,hq site=hq", Some("hq")),
    ] {
        assert_eq!(read(text).only_site(), site, "{text}");
    }
    assert_eq!(read("site=hq node=ap-1,ap-2").only_nodes(), Some(vec!["ap-1", "ap-2"]));
    assert_eq!((read("node!=ap-1").only_nodes(), read("node~ap").only_nodes()), (None, None));
    assert!(read("name~lobby").reads_names() && read("label.floor!=3").reads_names() && !read("tag=a").reads_names());
}

/// Selectors, as people write them and as nobody would.
fn terms() -> impl Strategy<Value = String> {
    let text = prop_oneof!["[a-z0-9.-]{1,5}", "\"([a-z ,=<!~]|\\\\[\"\\\\]|é){1,5}\"", Just("\"\"".to_owned())];
    let found = prop_oneof!["[A-Z0-9é]{1,4}", "\"[a-z ,]{1,4}\""];
    let listed = proptest::collection::vec(text.clone(), 1..4).prop_map(|values| values.join(","));
    let field = "(node|name|site|model|tag|label\\.[a-z:/.]{1,4})";
    prop_oneof![
        (field, "!?=", listed).prop_map(|(field, op, values)| format!("{field}{op}{values}")),
        (field, "!?~", found).prop_map(|(field, op, value)| format!("{field}{op}{value}")),
        "(desired_)?firmware(<|<=|>|>=|=|!=|~)v?[0-9]{1,2}([.][0-9]{1,2}){0,2}",
        "(config=(none|pending),rejected|presence!=(online|silent)|firmware_update=failed|revoked=(yes|no))",
        "(seen(<|<=|>|>=)[0-9]{1,3}[smhdw]|seen!?=never|credential_version(<|=|>=|!=)[0-9]{1,4})",
    ]
}

proptest! {
    #[test]
    fn a_selector_is_written_as_it_is_read(terms in proptest::collection::vec(terms(), 1..6)) {
        let selector = read(&terms.join(" "));
        let written = selector.to_string();
        prop_assert_eq!(&read(&written), &selector, "{}", written);
        prop_assert_eq!(read(&written).to_string(), written);
        prop_assert_eq!(read(&terms.join("  ")), selector);
    }

    #[test]
    fn any_text_is_a_selector_or_has_carets_under_a_part_of_it(
        text in prop_oneof![any::<String>(), "[a-z=!~<>,\" \\\\.0-9]{0,40}", terms().prop_map(|term| term + "!")],
    ) {
        match text.parse::<Selector>() {
            Ok(selector) => prop_assert_eq!(read(&selector.to_string()), selector),
            Err(error) => {
                let shown = error.to_string();
                prop_assert_eq!(shown.lines().count(), 3, "{}", shown);
                prop_assert!(text.get(error.span()).is_some(), "{:?}", error);
                prop_assert!(!error.in_one_line().contains(char::is_control));
            }
        }
    }

    #[test]
    fn what_denies_means_every_node_that_the_other_does_not(term in terms(), known in any::<bool>()) {
        let node = if known { lobby() } else { Selectable::default() };
        let Some(at) = term.find(['=', '!', '~', '<', '>']).filter(|at| term[*at..].starts_with(['=', '~'])) else {
            return Ok(());
        };
        let denied = format!("{}!{}", &term[..at], &term[at..]);
        prop_assert_ne!(read(&term).has(&node), read(&denied).has(&node), "{}", term);
    }
}

#[test]
fn a_letter_with_two_small_forms_is_one_letter() {
    let node = Selectable { name: Some("ΟΔΟΣΗΜΑ"), ..Selectable::default() };
    assert!(read("name~ΟΔΟΣ").has(&node) && read("name~οδος").has(&node) && !read("name!~ΟΔΟΣ").has(&node));
}

#[test]
fn every_example_of_the_page_on_selectors_is_one() {
    let page = include_str!("../../../../docs/selectors.md");
    let mut examples = 0;
    let mut is_selector = false;
    for line in page.lines() {
        match line {
            "```selector" => is_selector = true,
            "```" => is_selector = false,
            example if is_selector => {
                let example = example.split("  #").next().unwrap_or_default().trim_end();
                let selector = example.parse::<Selector>().unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(selector.to_string().parse(), Ok(selector), "{example}");
                examples += 1;
            }
            // What stands in a command.
            line => {
                for part in line.split("--select '").skip(1) {
                    let example = part.split('\'').next().unwrap_or_default();
                    assert!(example.parse::<Selector>().is_ok(), "{line}");
                    examples += 1;
                }
            }
        }
    }
    assert!(examples >= 20, "{examples}");
}

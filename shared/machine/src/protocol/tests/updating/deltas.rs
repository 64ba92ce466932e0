//! A delta in place of the image, and what follows if it is of no use.

use super::*;

/// The name of a file that a test downloads to.
fn file(name: &str) -> PathBuf {
    PathBuf::from("/images").join(name)
}

fn with_delta() -> serde_json::Value {
    let mut located = url("2.5");
    located["delta"] =
        json!({"from": "2.4", "size": 2, "sha256": "b".repeat(64), "url": "https://images.example.org/d"});
    located
}

impl Bench {
    /// A node that has the image of the 2.4 that it runs, and has asked for 2.5.
    fn asking_with_base() -> Self {
        let mut bench = Self::new();
        (bench.firmware, bench.base) = (Some("2.4".to_owned()), Some("2.4".to_owned()));
        bench.open_and_ack();
        bench.tell_firmware("2.5");
        bench
    }

    fn downloading_delta() -> Self {
        let mut bench = Self::asking_with_base();
        bench.receive(bench.link(), &with_delta());
        assert_eq!(bench.downloaded(), ["b"]);
        bench
    }

    fn making() -> Self {
        let mut bench = Self::downloading_delta();
        bench.download_ends(Downloaded::Complete(file("b")));
        let (version, from) = ("2.5".to_owned(), "2.4".to_owned());
        assert_eq!(bench.deltas, [DeltaFile { version, from, path: file("b"), size: 3, attempt: 1 }]);
        bench
    }

    fn checking() -> Self {
        let mut bench = Self::making();
        bench.made(Ok(()));
        let [(target, made)] = &bench.checks[..] else { panic!("{:?}", bench.checks) };
        assert_eq!((target.size, target.sha256.as_str(), made), (3, &*"a".repeat(64), &file("b.made")));
        bench
    }

    fn made(&mut self, outcome: Result<(), &str>) {
        self.machine.made(self.now, 1, outcome.map_err(str::to_owned));
        self.settle();
    }

    /// The first letters of the hashes of what was downloaded.
    fn downloaded(&self) -> Vec<&str> {
        self.downloads.iter().map(|target| &target.sha256[..1]).collect()
    }

    fn deltas_failed(&self) -> Vec<&str> {
        let why = self.events.iter().filter_map(|event| match event {
            NodeEvent::DeltaFailed { why, .. } => Some(why.as_str()),
            _ => None,
        });
        why.collect()
    }
}

#[test]
fn a_node_that_has_an_image_names_it_and_installs_what_the_delta_makes_of_it() {
    let mut bench = Bench::checking();
    assert_eq!(bench.asked_from, [Some("2.4".to_owned())]);
    bench.download_ends(Downloaded::Complete(file("b.made")));
    let (version, signature) = ("2.5".to_owned(), "signed".to_owned());
    assert_eq!(bench.installs, [Image { version, path: file("b.made"), signature }]);
    assert_eq!((bench.downloaded(), bench.deltas_failed()), (vec!["b"], vec![]), "the image was never downloaded");
}

#[test]
fn a_node_that_has_no_image_asks_as_ever() {
    let mut bench = Bench::asking();
    assert_eq!(bench.asked_from, [None]);
    bench.receive(bench.link(), &with_delta());
    assert_eq!(bench.downloaded(), ["a"], "it did not ask for that delta");
}

#[test]
fn an_image_of_the_version_itself_or_of_one_with_an_endless_name_is_not_named() {
    for base in ["2.5".to_owned(), "x".repeat(300)] {
        let mut bench = Bench::new();
        (bench.firmware, bench.base) = (Some("2.4".to_owned()), Some(base));
        bench.open_and_ack();
        bench.tell_firmware("2.5");
        assert_eq!(bench.asked_from, [None]);
    }
}

#[test]
fn a_delta_that_can_not_be_the_one_that_was_asked_for_is_not_downloaded() {
    let wrong = [("from", json!("2.3")), ("size", json!(3)), ("sha256", json!("../../etc/passwd"))];
    for (field, value) in wrong {
        let mut bench = Bench::asking_with_base();
        let mut located = with_delta();
        located["delta"][field] = value;
        bench.receive(bench.link(), &located);
        assert_eq!(bench.downloaded(), ["a"], "{field}");
    }
}

/// A way for a delta to be of no use, and the node afterwards.
type Way = Box<dyn Fn() -> Bench>;

/// Whatever goes wrong with the delta, the image is downloaded in the same update, and the delta is not tried again.
#[test]
fn if_the_delta_is_of_no_use_the_image_is_downloaded_once() {
    let wrong = || Downloaded::Wrong("wrong hash".to_owned());
    let full = || Downloaded::Impossible("no space".to_owned());
    let ways: [(&str, Way); 7] = [
        ("the download URL was refused", Box::new(|| ended(Bench::downloading_delta(), Downloaded::Refused))),
        ("wrong hash", Box::new(move || ended(Bench::downloading_delta(), wrong()))),
        ("no space", Box::new(move || ended(Bench::downloading_delta(), full()))),
        ("no route", Box::new(broken_off)),
        (
            "it does not fit",
            Box::new(|| {
                let mut bench = Bench::making();
                bench.made(Err("it does not fit"));
                bench
            }),
        ),
        ("wrong hash", Box::new(move || ended(Bench::checking(), wrong()))),
        ("no route", Box::new(|| ended(Bench::checking(), broken(false)))),
    ];
    for (why, way) in ways {
        let mut bench = way();
        assert_eq!(bench.deltas_failed(), [why]);
        assert_eq!(bench.downloaded().iter().filter(|name| **name == "a").count(), 1, "{why}");
        let deltas = bench.downloaded().len() - 1;
        for _ in 0..8 {
            bench.download_ends(broken(true));
            bench.until_it_goes_on();
            bench.receive(bench.link(), &with_delta());
        }
        assert_eq!(bench.downloaded().iter().filter(|name| **name == "b").count(), deltas, "{why}: it is tried again");
        bench.download_ends(Downloaded::Complete(PathBuf::from("/images/a")));
        assert_eq!((bench.installs.clone(), bench.failures()), (vec![image()], 0), "{why}");
    }
}

fn ended(mut bench: Bench, outcome: Downloaded) -> Bench {
    bench.download_ends(outcome);
    bench
}

/// A node whose download of the delta breaks until it is given up.
fn broken_off() -> Bench {
    let mut bench = Bench::downloading_delta();
    for _ in 0..20 {
        bench.download_ends(broken(false));
        if !bench.deltas_failed().is_empty() {
            let deltas = bench.downloaded().iter().filter(|name| **name == "b").count();
            assert_eq!(deltas, 4, "it is repeated three times");
            return bench;
        }
        bench.until_it_goes_on();
        bench.receive(bench.link(), &with_delta());
    }
    panic!("the delta is never given up");
}

#[test]
fn a_delta_that_breaks_off_goes_on_and_a_new_url_of_it_is_asked_for() {
    let mut bench = Bench::downloading_delta();
    bench.download_ends(broken(true));
    bench.until_it_goes_on();
    assert_eq!(bench.downloaded(), ["b", "b"]);
    bench.now += s(60);
    bench.download_ends(broken(true));
    bench.until_it_goes_on();
    assert_eq!(bench.asked_from, [Some("2.4".to_owned()), Some("2.4".to_owned())]);
    bench.receive(bench.link(), &with_delta());
    bench.download_ends(Downloaded::Complete(file("b")));
    assert_eq!((bench.deltas.len(), bench.deltas_failed().len()), (1, 0));
}

#[test]
fn a_node_whose_urls_expire_while_the_program_works_asks_for_the_image_alone() {
    let mut bench = Bench::making();
    bench.now += s(61);
    bench.made(Err("it does not fit"));
    assert_eq!(bench.asked_from, [Some("2.4".to_owned()), None]);
    bench.receive(bench.link(), &with_delta());
    assert_eq!(bench.downloaded(), ["b", "a"], "the delta is not tried again");
}

#[test]
fn the_failures_of_a_delta_do_not_count_against_the_image() {
    let mut bench = ended(Bench::checking(), Downloaded::Wrong("wrong hash".to_owned()));
    bench.download_ends(Downloaded::Wrong("wrong hash".to_owned()));
    assert_eq!((bench.downloaded(), bench.failures()), (vec!["b", "a", "a"], 0));
}

#[test]
fn while_the_program_makes_an_image_another_version_waits() {
    for mut bench in [Bench::making(), Bench::checking()] {
        bench.tell_firmware("2.6");
        assert_eq!(bench.offered, ["2.5"]);
        bench.made(Ok(()));
        bench.download_ends(Downloaded::Complete(file("b.made")));
        assert_eq!(bench.installs.len(), 1);
    }
}

#[test]
fn an_answer_about_a_delta_that_nobody_asked_for_changes_nothing() {
    for mut bench in [Bench::downloading_delta(), Bench::checking(), Bench::downloading()] {
        let before = (bench.downloads.len(), bench.checks.len());
        bench.made(Ok(()));
        bench.made(Err("late"));
        assert_eq!(((bench.downloads.len(), bench.checks.len()), bench.deltas_failed().len()), (before, 0));
    }
}

#[test]
fn a_program_that_does_not_answer_is_waited_for_only_so_long_with_a_connection_and_without() {
    for is_cut in [false, true] {
        let mut bench = Bench::making();
        if is_cut {
            let link = bench.link();
            bench.server_closes(link);
        }
        bench.now += Timing::default().make_timeout;
        bench.settle();
        assert_eq!(bench.deltas_failed(), ["the program has made no image in time"], "cut: {is_cut}");
        bench.made(Ok(()));
        assert_eq!(bench.checks.len(), 0, "the answer comes too late");
    }
}

#[test]
fn the_answer_to_an_earlier_attempt_is_not_taken_for_that_of_this_one() {
    let mut bench = Bench::making();
    bench.machine.made(bench.now, 0, Ok(()));
    bench.settle();
    assert_eq!(bench.checks.len(), 0);
}

#[test]
fn a_delta_that_ended_the_run_is_not_tried_again_until_the_version_is_given_up() {
    let mut bench = Bench::making();
    bench.restart();
    bench.open_and_ack();
    bench.tell_firmware("2.5");
    assert_eq!(bench.asked_from, [Some("2.4".to_owned()), None]);
    bench.receive(bench.link(), &json!({"type": "error", "code": "no-firmware", "message": ""}));
    bench.tell_firmware("2.6");
    assert_eq!(bench.asked_from.last(), Some(&Some("2.4".to_owned())), "another version may be made of one");
}

#[test]
fn if_it_can_not_be_recorded_no_image_is_made() {
    let mut bench = Bench::downloading_delta();
    bench.disk = Err("no space".to_owned());
    bench.download_ends(Downloaded::Complete(file("b")));
    assert_eq!((bench.deltas.len(), bench.deltas_failed()), (0, vec!["not recorded: no space"]));
    assert_eq!(bench.downloaded(), ["b", "a"]);
}

//! Asking for the URL of an image, and downloading it.

use super::*;

#[test]
fn a_download_that_breaks_is_resumed_until_it_makes_no_progress() {
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
fn a_new_url_is_asked_for_when_the_old_one_is_refused_or_has_expired() {
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
fn if_every_url_is_refused_the_update_fails() {
    let mut bench = Bench::downloading();
    for _ in 0..8 {
        bench.download_ends(Downloaded::Refused);
        bench.until_it_goes_on();
        bench.receive(bench.link(), &url("2.5"));
    }
    bench.download_ends(Downloaded::Refused);
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("the download URL was refused"))));
}

#[test]
fn a_new_url_is_used_even_if_it_expires_at_once() {
    let mut bench = Bench::asking();
    let mut short = url("2.5");
    short["expires_in_s"] = json!(0);
    bench.receive(bench.link(), &short);
    assert_eq!((bench.downloads.len(), bench.located.len()), (1, 1));
}

#[test]
fn a_question_that_is_not_answered_is_asked_again() {
    let mut bench = Bench::asking();
    bench.ack_newest();
    bench.until_it_goes_on();
    assert_eq!(bench.located.len(), 2);
    for _ in 0..8 {
        bench.until_it_goes_on();
    }
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("the server sent no download URL"))));
}

#[test]
fn a_question_that_could_not_be_answered_says_nothing_of_a_check_in() {
    for code in ["unavailable", "internal", "invalid-field"] {
        let said_after = |error: serde_json::Value| {
            let mut bench = Bench::asking();
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
fn text_that_is_no_hash_is_not_used_as_a_file_name() {
    for sha256 in ["", "../../etc/passwd", "A", &"A".repeat(64)] {
        let mut bench = Bench::asking();
        let mut forged = url("2.5");
        forged["sha256"] = json!(sha256);
        bench.receive(bench.link(), &forged);
        assert_eq!(bench.downloads, []);
        assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("the SHA-256 is not valid"))));
    }
}

#[test]
fn a_wrong_image_is_downloaded_once_more_and_then_reported_as_failed() {
    let mut bench = Bench::downloading();
    bench.download_ends(Downloaded::Wrong("wrong hash".to_owned()));
    assert_eq!(bench.downloads.len(), 2);
    bench.download_ends(Downloaded::Wrong("wrong hash".to_owned()));
    assert_eq!(bench.update(), Some(report("2.5", UpdateStatus::Failed, Some("wrong hash"))));
}

use super::*;
use crate::item::Item;
use crate::update::Outcome;

fn name() -> EndpointName {
    "crm".parse().expect("a name")
}

fn spec(url: &str) -> EndpointSpec {
    EndpointSpec { url: url.to_owned(), types: "node.*".parse().expect("types"), site: "hq".parse().ok(), select: None }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(1_800_000_000_000 + seconds * 1000)
}

fn applied(update: &Update, item: Option<&Item>) -> Item {
    let Outcome::Applied { after } = update.apply(item) else { panic!("refused") };
    after
}

fn refused(update: &Update, item: Option<&Item>) -> Option<Because> {
    let Outcome::Refused { because, .. } = update.apply(item) else { panic!("applied") };
    because
}

fn read(item: &Item) -> Endpoint {
    Endpoint::read(item).expect("readable").expect("an endpoint")
}

fn made() -> Item {
    applied(&add_endpoint(&name(), &spec("https://a.test/"), &secret("s1"), at(0)), None)
}

#[test]
fn an_endpoint_is_read_as_it_was_made_and_made_once() {
    let made = made();
    let endpoint = read(&made);
    assert_eq!((&*endpoint.url, endpoint.secret.reveal(), endpoint.created_at), ("https://a.test/", "s1", at(0)));
    assert!(endpoint.wants("node.online", Some("hq"), |_| false));
    assert!(!endpoint.wants("node.online", Some("lab"), |_| false) && !endpoint.wants("node.online", None, |_| false));
    assert!(!endpoint.wants("config.applied", Some("hq"), |_| false));
    let other = add_endpoint(&name(), &spec("https://b.test/"), &secret("s2"), at(1));
    assert_eq!(refused(&other, Some(&made)), Some(Because::EndpointTaken));
    let again = add_endpoint(&name(), &spec("https://a.test/"), &secret("s1"), at(0));
    assert_eq!(applied(&again, Some(&made)), made, "the first answer was lost");
}

#[test]
fn a_change_keeps_the_secret_and_enables_the_endpoint_again() {
    let made = made();
    let disabled = applied(&disable_endpoint(&name(), &read(&made), "gone", at(9)), Some(&made));
    assert!(!read(&disabled).wants("node.online", Some("hq"), |_| false));
    let changed = read(&applied(&change_endpoint(&name(), &spec("https://b.test/")), Some(&disabled)));
    assert_eq!((changed.disabled, &*changed.url, changed.secret.reveal()), (None, "https://b.test/", "s1"));
    assert_eq!(refused(&change_endpoint(&name(), &spec("https://b.test/")), None), Some(Because::NoEndpoint));
}

#[test]
fn while_a_secret_rotates_both_sign_for_a_day() {
    let made = made();
    let rotated = applied(&rotate_secret(&name(), &read(&made), &secret("s2"), at(0)), Some(&made));
    let signing = |seconds| read(&rotated).secrets(at(seconds)).map(|s| s.reveal().to_owned()).collect::<Vec<_>>();
    assert_eq!(signing(0), ["s2", "s1"]);
    assert_eq!([signing(86_399).len(), signing(86_400).len()], [2, 1]);
    let late = rotate_secret(&name(), &read(&made), &secret("s3"), at(1));
    assert_eq!(refused(&late, Some(&rotated)), Some(Because::EndpointChanged));
    let again = applied(&rotate_secret(&name(), &read(&rotated), &secret("s3"), at(1)), Some(&rotated));
    assert_eq!(read(&again).secrets(at(1)).map(Secret::reveal).collect::<Vec<_>>(), ["s3", "s2"]);
}

#[test]
fn of_a_removed_endpoint_nothing_is_left_and_its_name_is_free() {
    let made = made();
    let gone = applied(&remove_endpoint(&name(), at(5)), Some(&made));
    assert_eq!(gone.keys().copied().collect::<Vec<_>>(), [A::ForgetAt]);
    assert_eq!(Endpoint::read(&gone), Ok(None));
    assert_eq!(refused(&remove_endpoint(&name(), at(6)), Some(&gone)), Some(Because::NoEndpoint));
    let anew = applied(&add_endpoint(&name(), &spec("https://b.test/"), &secret("s2"), at(7)), Some(&gone));
    assert!(!anew.contains_key(&A::ForgetAt), "it must not be deleted in time");
}

#[test]
fn an_endpoint_with_another_url_is_not_disabled_for_what_the_first_one_answered() {
    let made = made();
    let tried = read(&made);
    let changed = applied(&change_endpoint(&name(), &spec("https://b.test/")), Some(&made));
    let disable = disable_endpoint(&name(), &tried, "gone", at(1));
    assert_eq!(refused(&disable, Some(&changed)), Some(Because::EndpointChanged));
    let disabled = applied(&disable, Some(&made));
    let later = disable_endpoint(&name(), &tried, "gone", at(2));
    assert_eq!(refused(&later, Some(&disabled)), Some(Because::EndpointDisabled));
}

/// The endpoint after failures at these times, in hours.
fn failing(hours: impl IntoIterator<Item = u64>) -> Result<Item, Timestamp> {
    let mut item = made();
    for hour in hours {
        match note_failure(&name(), &read(&item), at(hour * 3600)) {
            Noted::Nothing => {}
            Noted::Write(update) => item = applied(&update, Some(&item)),
            Noted::Disable(since) => return Err(since),
        }
    }
    Ok(item)
}

#[test]
fn five_days_of_nothing_but_failures_disable_an_endpoint() {
    assert!(failing((0..120).step_by(10)).is_ok(), "not five days yet");
    assert_eq!(failing((0..=120).step_by(10)), Err(at(0)));
    assert!(failing([0, 120]).is_ok(), "two failures, and nothing between them");
    assert!(failing((0..=4).map(|day| day * 30)).is_ok(), "they are too far apart");
}

#[test]
fn a_success_begins_the_count_anew() {
    let item = failing((0..=110).step_by(10)).expect("not disabled");
    let Noted::Write(success) = note_success(&name(), &read(&item)) else { panic!("it is news") };
    let item = applied(&success, Some(&item));
    assert_eq!(note_success(&name(), &read(&item)), Noted::Nothing);
    let Noted::Write(failure) = note_failure(&name(), &read(&item), at(120 * 3600)) else { panic!("it is news") };
    let item = applied(&failure, Some(&item));
    assert_eq!(read(&item).failing.map(|failing| failing.since), Some(at(120 * 3600)));
}

#[test]
fn failures_cost_a_write_an_hour() {
    let item = failing([0]).expect("not disabled");
    let noted = |seconds| note_failure(&name(), &read(&item), at(seconds));
    assert_eq!(noted(3_599), Noted::Nothing);
    assert!(matches!(noted(3_600), Noted::Write(_)));
    let Noted::Write(one) = noted(3_600) else { panic!("it is news") };
    let after = applied(&one, Some(&item));
    let Noted::Write(other) = noted(3_601) else { panic!("it is news") };
    assert_eq!(refused(&other, Some(&after)), Some(Because::EndpointChanged), "one of two is enough");
}

//! The client against receivers on real sockets.

#![expect(clippy::expect_used, reason = "this is a test")]

mod receiver;

use std::net::IpAddr;
use std::time::Duration;

use receiver::{Receiver, Said};
use rollcall_core::{Timestamp, Verdict, verdict};
use rollcall_service::{Post, Posted, PrivateAddresses, Resolver, Webhooks as _};
use rollcall_webhook::WebhookClient;
use rustls::RootCertStore;

fn now() -> Timestamp {
    Timestamp(1_800_000_000_000)
}

/// A resolver that knows one answer.
fn resolver(addresses: &[&str]) -> Resolver {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    Box::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone()))))
}

fn client(private: PrivateAddresses) -> WebhookClient {
    WebhookClient::trusting(RootCertStore::empty(), resolver(&["127.0.0.1"]), private, now).expect("a client")
}

fn post(url: &str) -> Post {
    let headers = [
        ("content-type", "application/cloudevents+json".to_owned()),
        ("webhook-id", "17.0".to_owned()),
        ("webhook-timestamp", "1800000000".to_owned()),
        ("webhook-signature", "v1,abc v1,def".to_owned()),
    ];
    Post { url: url.to_owned(), headers, body: r#"{"id":"17.0"}"#.to_owned() }
}

async fn answered(said: Said) -> Posted {
    let receiver = Receiver::start(said).await;
    let client = client(PrivateAddresses::Allowed).with_patience(Duration::from_secs(3));
    client.post(&post(&receiver.url("/events"))).await
}

fn judged(posted: &Posted) -> Verdict {
    verdict(&posted.answer)
}

#[tokio::test]
async fn an_event_is_sent_with_its_headers_and_as_it_is() {
    let receiver = Receiver::start(Said::Whole("200 OK", "", "thank you\r\n")).await;
    let posted = client(PrivateAddresses::Allowed).post(&post(&receiver.url("/events?a=b"))).await;
    assert_eq!((posted.answer.status, judged(&posted)), (Some(200), Verdict::Accepted));
    assert_eq!(posted.answer.excerpt, "thank you\\r\\n");
    let heard = receiver.heard().await;
    assert!(heard.starts_with("POST /events?a=b HTTP/1.1\r\n"), "{heard}");
    assert!(heard.ends_with("\r\n\r\n{\"id\":\"17.0\"}"), "{heard}");
    for header in [
        "content-type: application/cloudevents+json",
        "webhook-id: 17.0",
        "webhook-timestamp: 1800000000",
        "webhook-signature: v1,abc v1,def",
        "content-length: 13",
        &format!("host: {}", receiver.authority()),
    ] {
        assert!(heard.contains(&format!("{header}\r\n")), "{header:?} is not in {heard}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Receiver::start(Said::Whole("200 OK", "", "")).await;
    let location = format!("location: {}\r\n", other.url("/"));
    let posted = answered(Said::Whole("307 Temporary Redirect", location.leak(), "")).await;
    assert_eq!((posted.answer.status, judged(&posted)), (Some(307), Verdict::Failed));
    assert!(!other.was_asked());
}

#[tokio::test]
async fn a_receiver_may_ask_for_time() {
    let posted = answered(Said::Whole("429 Too Many Requests", "retry-after: 120\r\n", "")).await;
    assert_eq!((posted.retry_after, judged(&posted)), (Some(120), Verdict::Failed));
    assert_eq!(judged(&answered(Said::Whole("410 Gone", "", "")).await), Verdict::Gone);
}

#[tokio::test]
async fn garbage_after_a_200_is_accepted_and_shown_harmlessly() {
    let posted = answered(Said::Whole("200 OK", "", "\u{1b}[2J<html>\u{0}")).await;
    assert_eq!((judged(&posted), &*posted.answer.excerpt), (Verdict::Accepted, "\\u{1b}[2J<html>\\u{0}"));
}

#[tokio::test]
async fn what_is_no_http_is_a_failure() {
    for said in
        [Said::Raw("garbage\r\n\r\n"), Said::Raw(""), Said::Raw("HTTP/1.1 200"), Said::Raw("HTTP/1.1 999999 X\r\n\r\n")]
    {
        let posted = answered(said).await;
        assert_eq!(judged(&posted), Verdict::Failed);
        assert!(posted.answer.error.is_some_and(|error| error.starts_with("no answer")), "{said:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_failure_and_shows_what_came() {
    let posted = answered(Said::Raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of")).await;
    assert_eq!((posted.answer.status, &*posted.answer.excerpt), (Some(200), "half of"));
    assert_eq!(judged(&posted), Verdict::Failed);
}

#[tokio::test]
async fn of_a_huge_answer_only_the_beginning_is_read() {
    let posted = answered(Said::Endless).await;
    assert_eq!((judged(&posted), posted.answer.excerpt.len()), (Verdict::Accepted, 256));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_or_not_all_is_left_after_a_while() {
    for said in [Said::Nothing, Said::Stalled("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")] {
        let receiver = Receiver::start(said).await;
        let client = client(PrivateAddresses::Allowed).with_patience(Duration::from_millis(200));
        let posted = client.post(&post(&receiver.url("/"))).await;
        assert_eq!(judged(&posted), Verdict::Failed);
        assert!(posted.answer.error.is_some_and(|error| error.starts_with("no whole answer within")), "{said:?}");
    }
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_connection() {
    let url = Receiver::start(Said::Nothing).await.closed().await;
    let posted = client(PrivateAddresses::Allowed).post(&post(&url)).await;
    assert!(posted.answer.error.is_some_and(|error| error.starts_with("no connection")));
}

#[tokio::test]
async fn a_private_address_is_not_connected_to_however_it_is_named() {
    let receiver = Receiver::start(Said::Whole("200 OK", "", "")).await;
    let port = receiver.port();
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "2130706433", "a.test"] {
        let posted = client(PrivateAddresses::Refused).post(&post(&format!("http://{host}:{port}/"))).await;
        assert_eq!((judged(&posted), posted.answer.status), (Verdict::Failed, None), "{host}");
        assert!(posted.answer.error.is_some_and(|error| error.starts_with("the URL")), "{host}");
    }
    assert!(!receiver.was_asked());
}

#[tokio::test]
async fn the_addresses_that_were_checked_are_connected_to_and_no_others() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let receiver = Receiver::start(Said::Whole("200 OK", "", "")).await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lookups);
    let resolver: Resolver = Box::new(move |name| {
        assert_eq!(name, "a.test");
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])))
    });
    let client = WebhookClient::trusting(RootCertStore::empty(), resolver, PrivateAddresses::Allowed, now);
    let posted = client.expect("a client").post(&post(&format!("http://a.test:{}/", receiver.port()))).await;
    assert_eq!((judged(&posted), lookups.load(Ordering::SeqCst)), (Verdict::Accepted, 1));
    assert!(receiver.heard().await.contains(&format!("host: a.test:{}\r\n", receiver.port())));
}

#[tokio::test]
async fn a_certificate_is_checked_for_its_name_and_its_authority() {
    let (receiver, certificate) = Receiver::with_tls("a.test", Said::Whole("200 OK", "", "")).await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let trusting = |roots| {
        let client = WebhookClient::trusting(roots, resolver(&["127.0.0.1"]), PrivateAddresses::Allowed, now);
        client.expect("a client")
    };
    let url = |host: &str| format!("https://{host}:{}/", receiver.port());
    let good = trusting(roots.clone()).post(&post(&url("a.test"))).await;
    assert_eq!((judged(&good), good.answer.error), (Verdict::Accepted, None));
    for (roots, host) in [(roots, "b.test"), (RootCertStore::empty(), "a.test")] {
        let bad = trusting(roots).post(&post(&url(host))).await;
        assert_eq!(judged(&bad), Verdict::Failed);
        assert!(bad.answer.error.is_some_and(|error| error.starts_with("no TLS")), "{host}");
    }
}

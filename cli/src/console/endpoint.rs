//! `rollcall endpoint`.

use http::Method;
use rollcall_core::{EndpointName, EventTypes, Timestamp};
use rollcall_wire::console::{
    DeliveryList, DeliveryView, EndpointList, EndpointSecret, EndpointSpec, EndpointView, Replay, Replayed, TestSent,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::{Ask, Client};
use super::nodes::NOTHING;
use super::table::{Columns, pairs};
use crate::args::{AddEndpoint, EndpointCommand, ListEndpoints, OneEndpoint, ReplayEvents, ShowEndpoint};
use crate::clock;
use crate::out::{print, print_json, say};
use crate::problem::Problem;

/// What became of an endpoint that was set.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Added {
    /// It was there.
    Changed(EndpointView),
    /// It is new.
    Made(EndpointSecret),
}

/// An endpoint with its last deliveries.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    endpoint: EndpointView,
    deliveries: Vec<DeliveryView>,
}

/// Does what is asked about endpoints.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn endpoint(command: &EndpointCommand) -> Result<(), Problem> {
    match command {
        EndpointCommand::Add(args) => add(args).await,
        EndpointCommand::List(args) => list(args).await,
        EndpointCommand::Show(args) => show(args).await,
        EndpointCommand::Test(args) => test(args).await,
        EndpointCommand::Replay(args) => replay(args).await,
        EndpointCommand::Rotate(args) => rotate(args).await,
        EndpointCommand::Remove(args) => remove(args).await,
    }
}

async fn add(args: &AddEndpoint) -> Result<(), Problem> {
    let spec = EndpointSpec {
        url: args.target.clone(),
        types: args.types.as_ref().map(EventTypes::list),
        site: args.site.as_ref().map(|site| site.as_str().to_owned()),
        select: args.select.as_ref().map(ToString::to_string),
        signature: args.signature,
    };
    let body = serde_json::to_vec(&spec).map_err(|error| Problem::plain(&error))?;
    let client = Client::open(&args.connection.address).await?;
    let added: Added = client.ask(Ask::new(Method::PUT, path(&args.name, "")).with_body(body)).await?;
    match added {
        added if args.connection.json => print_json(&added),
        Added::Made(made) => print_secret(made),
        Added::Changed(changed) => print(&pairs(&described(&changed, clock::now()))),
    }
}

fn print_secret(made: EndpointSecret) -> Result<(), Problem> {
    let mut rows = vec![("endpoint", made.name), ("url", made.url)];
    let is_secret = made.secret.is_some();
    rows.extend(made.secret.map(|secret| ("secret", secret)));
    rows.extend(made.public_key.map(|key| ("public key", key)));
    let until = made.before_until_ms.map(|until| format!("valid until {} UTC", clock::utc(Timestamp(until))));
    rows.extend(until.map(|until| (if is_secret { "secret before" } else { "key before" }, until)));
    print(&format!("{}{}", pairs(&rows), if is_secret { "the secret is not shown again\n" } else { "" }))
}

async fn list(args: &ListEndpoints) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let EndpointList { endpoints } = client.ask(Ask::new(Method::GET, "/v1/endpoints")).await?;
    if args.connection.json {
        return print_json(&endpoints);
    }
    if endpoints.is_empty() {
        return print("no endpoints yet: `rollcall endpoint add NAME TARGET` makes one\n");
    }
    let now = clock::now();
    let mut columns = Columns::of_cells(48, ["NAME", "STATE", "TYPES", "SITE", "TARGET"]);
    let row = |endpoint: EndpointView| {
        let (state, types) = (state(&endpoint, now), types(&endpoint));
        [endpoint.name, state, types, endpoint.site.unwrap_or_else(|| NOTHING.to_owned()), endpoint.url]
    };
    print(&columns.rows(endpoints.into_iter().map(row)))
}

async fn show(args: &ShowEndpoint) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let endpoint: EndpointView = client.ask(Ask::new(Method::GET, path(&args.name, ""))).await?;
    let below = format!("/deliveries?limit={}", args.limit);
    let DeliveryList { deliveries } = client.ask(Ask::new(Method::GET, path(&args.name, &below))).await?;
    if args.connection.json {
        return print_json(&Shown { endpoint, deliveries });
    }
    let now = clock::now();
    let about = pairs(&described(&endpoint, now));
    if deliveries.is_empty() {
        return print(&format!("{about}\nno deliveries yet\n"));
    }
    let mut columns =
        Columns::of_cells(28, ["EVENT", "TYPE", "SUBJECT", "STATE", "TRIES", "TRIED", "NEXT TRY", "ANSWER"]);
    print(&format!("{about}\n{}", columns.rows(deliveries.into_iter().map(|delivery| row(delivery, now)))))
}

fn row(delivery: DeliveryView, now: Timestamp) -> [String; 8] {
    let next = delivery.next_try_at_ms.map(|at| match Timestamp(at).seconds_since(now) {
        0 => "now".to_owned(),
        seconds => format!("in {}", clock::lasting(seconds)),
    });
    let answer = match (delivery.status, delivery.error) {
        (Some(status), None) => format!("{status} {}", delivery.answer),
        (Some(status), Some(error)) => format!("{status}, {error}"),
        (None, error) => error.unwrap_or_else(|| NOTHING.to_owned()),
    };
    [
        delivery.event,
        delivery.kind,
        delivery.subject.unwrap_or_else(|| NOTHING.to_owned()),
        delivery.state.to_string(),
        delivery.tries.to_string(),
        format!("{} ago", clock::ago(Timestamp(delivery.tried_at_ms), now)),
        next.unwrap_or_else(|| NOTHING.to_owned()),
        answer.trim_end().to_owned(),
    ]
}

async fn test(args: &OneEndpoint) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let sent: TestSent = client.ask(Ask::new(Method::POST, path(&args.name, "/test"))).await?;
    if args.connection.json {
        return print_json(&sent);
    }
    let (event, name) = (sent.event, &args.name);
    print(&format!("event {event} is on its way: `rollcall endpoint show {name}` shows what becomes of it\n"))
}

async fn replay(args: &ReplayEvents) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let ids = args.ids.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect());
    let mut asked = Replay { from: args.from.clone(), to: args.to.clone(), ids, cursor: None };
    let mut queued = 0;
    loop {
        let body = serde_json::to_vec(&asked).map_err(|error| Problem::plain(&error))?;
        let below = path(&args.name, "/replay");
        let replayed: Replayed = client.ask(Ask::new(Method::POST, below).with_body(body)).await?;
        queued += replayed.queued;
        if replayed.cursor.is_none() {
            break;
        }
        say(&format!("{queued} events so far"));
        asked.cursor = replayed.cursor;
    }
    if args.connection.json {
        return print_json(&Replayed { queued, cursor: None });
    }
    let (count, name) = (counted(queued), &args.name);
    print(&format!("{count} on the way to {name}: `rollcall endpoint show {name}` shows what becomes of it\n"))
}

fn counted(events: usize) -> String {
    match events {
        0 => "no event is".to_owned(),
        1 => "1 event is".to_owned(),
        events => format!("{events} events are"),
    }
}

async fn rotate(args: &OneEndpoint) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let rotated: EndpointSecret = client.ask(Ask::new(Method::POST, path(&args.name, "/rotate"))).await?;
    if args.connection.json { print_json(&rotated) } else { print_secret(rotated) }
}

async fn remove(args: &OneEndpoint) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    client.send(Ask::new(Method::DELETE, path(&args.name, ""))).await?;
    if args.connection.json {
        return print_json(&json!({"name": args.name.as_str(), "removed": true}));
    }
    print(&format!("{} is removed\n", args.name))
}

fn path(name: &EndpointName, below: &str) -> String {
    format!("/v1/endpoints/{name}{below}")
}

fn described(endpoint: &EndpointView, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("endpoint", endpoint.name.clone()),
        ("url", endpoint.url.clone()),
        ("state", state(endpoint, now)),
        ("types", types(endpoint)),
        ("site", endpoint.site.clone().unwrap_or_else(|| "all".to_owned())),
        ("select", endpoint.select.clone().unwrap_or_else(|| "all nodes".to_owned())),
        ("made", format!("{} ago", clock::ago(Timestamp(endpoint.created_at_ms), now))),
        ("signature", endpoint.signature.to_string()),
    ];
    rows.extend(endpoint.public_key.clone().map(|key| ("public key", key)));
    let rotating = endpoint.rotating_until_ms.map(|until| format!("valid until {} UTC", clock::utc(Timestamp(until))));
    rows.extend(rotating.map(|until| ("secret before", until)));
    rows
}

fn state(endpoint: &EndpointView, now: Timestamp) -> String {
    match (&endpoint.disabled, endpoint.failing_since_ms) {
        (Some(disabled), _) => format!("disabled: {}", disabled.reason),
        (None, Some(since)) => format!("failing for {}", clock::ago(Timestamp(since), now)),
        (None, None) => "enabled".to_owned(),
    }
}

fn types(endpoint: &EndpointView) -> String {
    if endpoint.types.is_empty() { "all".to_owned() } else { endpoint.types.join(",") }
}

#[cfg(test)]
mod tests {
    use rollcall_wire::console::SignatureScheme;

    use super::*;

    fn view() -> EndpointView {
        EndpointView {
            name: "crm".to_owned(),
            url: "https://a.test/".to_owned(),
            types: vec![],
            site: None,
            select: None,
            created_at_ms: 0,
            disabled: None,
            failing_since_ms: None,
            rotating_until_ms: None,
            signature: SignatureScheme::V1,
            public_key: None,
        }
    }

    #[test]
    fn a_new_endpoint_is_told_from_one_that_was_there() {
        let made = r#"{"name":"crm","url":"https://a.test/","secret":"whsec_x"}"#;
        assert!(matches!(serde_json::from_str(made), Ok(Added::Made(_))));
        let changed = serde_json::to_string(&view()).expect("JSON");
        assert!(matches!(serde_json::from_str(&changed), Ok(Added::Changed(_))));
    }

    #[test]
    fn the_state_says_what_is_wrong() {
        assert_eq!(state(&view(), Timestamp(0)), "enabled");
        let failing = EndpointView { failing_since_ms: Some(0), ..view() };
        assert_eq!(state(&failing, Timestamp(600_000)), "failing for 10m");
    }

    #[test]
    fn a_delivery_is_a_row() {
        let delivery = DeliveryView {
            event: "17.0".to_owned(),
            kind: "node.online".to_owned(),
            subject: Some("ap-1".to_owned()),
            state: rollcall_wire::console::DeliveryProgress::Retrying,
            tries: 2,
            tried_at_ms: 0,
            status: Some(503),
            error: None,
            answer: "busy".to_owned(),
            next_try_at_ms: Some(130_000),
        };
        let expected = ["17.0", "node.online", "ap-1", "retrying", "2", "10s ago", "in 2m", "503 busy"];
        assert_eq!(row(delivery, Timestamp(10_000)), expected);
    }
}

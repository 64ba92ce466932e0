//! What the application is told besides who comes and goes: configurations, commands, firmware, and what is wrong with a
//! node.

use std::time::Duration;

use http::Method;
use rollcall_wire::{CloudEvent, EventPage, Json};
use serde::Serialize;

use crate::console::client::{Ask, Client};
use crate::console::events::line::{data, to_the_second};
use crate::console::table::clean;
use crate::problem::Problem;

/// The events that are shown. Who is online is seen by looking, and so are registrations.
const SHOWN: [&str; 5] = ["config.", "command.", "firmware.", "node.flapping", "token."];
/// How many events a request reads, and how long it waits for one, in seconds.
const PAGE: u32 = 100;
const WAIT_S: u32 = 20;
/// How long to wait after a request that failed.
const AGAIN: Duration = Duration::from_secs(2);
/// How much is shown of what an event says.
const DATA: usize = 100;

/// An event, as a line for a program.
#[derive(Debug, Serialize)]
pub(super) struct Told<'a> {
    event: &'a str,
    time: &'a str,
    node: &'a str,
    site: Option<&'a str>,
    actor: Option<&'a str>,
    data: &'a Json,
}

/// The events from now on, page by page.
pub(super) struct Following<'a> {
    client: &'a Client,
    site: Option<&'a str>,
    after: String,
}

impl<'a> Following<'a> {
    pub(super) fn from_now(client: &'a Client, site: Option<&'a str>) -> Self {
        Self { client, site, after: "now".to_owned() }
    }

    /// The next events that are shown; perhaps none. A console that is away is asked again: whoever looks at the nodes
    /// says that it is. One that knows no events has none.
    pub(super) async fn next(&mut self) -> Vec<CloudEvent> {
        let path = format!("/v1/events?limit={PAGE}&wait_s={WAIT_S}&after={}", self.after);
        match self.client.ask::<EventPage>(Ask::new(Method::GET, path)).await {
            Ok(page) => {
                self.after = page.cursor;
                page.events.into_iter().filter(|event| self.shows(event)).collect()
            }
            Err(problem) if problem.is_passing() => {
                tokio::time::sleep(AGAIN).await;
                vec![]
            }
            Err(_) => std::future::pending().await,
        }
    }

    fn shows(&self, event: &CloudEvent) -> bool {
        let is_here = self.site.is_none_or(|site| event.site.as_deref() == Some(site));
        is_here && SHOWN.iter().any(|shown| event.kind.starts_with(shown))
    }
}

/// The line of an event for a program.
///
/// # Errors
/// If it can't be written as JSON.
pub(super) fn json(event: &CloudEvent) -> Result<String, Problem> {
    let told = Told {
        event: &event.kind,
        time: &event.time,
        node: &event.subject,
        site: event.site.as_deref(),
        actor: event.actor.as_deref(),
        data: &event.data,
    };
    serde_json::to_string(&told).map(|line| line + "\n").map_err(|error| Problem::plain(&error))
}

/// The line of an event for a person: as that of a change, and what the event says.
pub(super) fn text(event: &CloudEvent, node_width: usize, change_width: usize, nothing: &str) -> String {
    let site = event.site.as_deref().map_or_else(|| nothing.to_owned(), clean);
    let (time, data) = (to_the_second(event), data(event, DATA));
    let by = event.actor.as_deref().map_or_else(String::new, |actor| format!("  by {}", clean(actor)));
    let (node, kind) = (clean(&event.subject), clean(&event.kind));
    let line = format!("{time}  {node:node_width$}  {kind:change_width$}  {site}  {data}{by}");
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::events::line::example;

    #[test]
    fn an_event_is_a_line_for_a_person_or_a_program() {
        let event = CloudEvent { site: Some("hq".to_owned()), ..example() };
        let expected = "2026-11-26 11:15:21  ap-1               config.desired    hq  {\"version\":3}  by deploy\n";
        assert_eq!(text(&event, 17, 16, "-"), expected);
        let expected = "{\"event\":\"config.desired\",\"time\":\"2026-11-26T11:15:21.5Z\",\"node\":\"ap-1\",\
            \"site\":\"hq\",\"actor\":\"deploy\",\"data\":{\"version\":3}}\n";
        assert_eq!(json(&event).unwrap_or_else(|problem| panic!("{problem}")), expected);
    }
}

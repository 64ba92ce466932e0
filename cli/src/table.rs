//! `rollcall table`.

use rollcall_aws::{DynamoStore, Reader, local_dynamo_client, policy};
use rollcall_core::{Node, NodeId, Policy, PresenceState, Timestamp, shown_presence};
use rollcall_service::{Store as _, StoreError};
use serde::Serialize;

use crate::args::{TableCommand, TableNodes};
use crate::clock;
use crate::out::print;
use crate::problem::Problem;

/// How many items are read at once: what one answer of DynamoDB may hold, at a kilobyte each.
const PAGE: i32 = 1000;

/// A line of the list.
#[derive(Debug, Serialize)]
struct Line {
    node: String,
    presence: &'static str,
    /// Since when, in milliseconds since the Unix epoch.
    since_ms: Option<u64>,
    /// Why.
    reason: String,
    /// When it was last heard of, likewise.
    last_seen_ms: Option<u64>,
    firmware: Option<String>,
}

/// Reads what is asked for.
///
/// # Errors
/// Why it can't be read, and what to do about it.
pub(crate) async fn run(command: &TableCommand) -> Result<(), Problem> {
    let TableCommand::Nodes(TableNodes { endpoint_url, table, json }) = command;
    list(endpoint_url, table, *json).await
}

/// Reads the whole table, a page at a time, and prints it in the order of the nodes' ids.
async fn list(endpoint: &str, table: &str, json: bool) -> Result<(), Problem> {
    let store = DynamoStore::new(local_dynamo_client(endpoint), table);
    // The table does not say how its functions are set: these are the settings that they have if nothing is set.
    let policy = policy(&mut Reader::new(&|_: &str| None)).ok_or_else(|| Problem::new("no settings".to_owned()))?;
    let now = clock::now();
    let mut lines = vec![];
    let mut cursor = None;
    loop {
        let (page, next) =
            store.page_of_all(cursor, PAGE).await.map_err(|error| unreadable(&error, endpoint, table))?;
        for (id, item) in page {
            let node = Node::read(&item).map_err(|error| Problem::new(format!("node {id}: {error}")))?;
            lines.push(line(&id, &node, now, &policy));
        }
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    lines.sort_by(|a, b| a.node.cmp(&b.node));
    if json {
        let list = serde_json::to_string_pretty(&lines).map_err(|error| Problem::plain(&error))?;
        print(&format!("{list}\n"))
    } else {
        print(&text(&lines, now))
    }
}

fn unreadable(error: &StoreError, endpoint: &str, table: &str) -> Problem {
    let advice = match error {
        StoreError::Rejected(_) => format!("is {table} the right table? (--table)"),
        _ => format!("is anything running at {endpoint}? (`cargo up`, or --endpoint-url)"),
    };
    Problem::with_advice(error, &advice)
}

fn line(id: &NodeId, node: &Node, now: Timestamp, policy: &Policy) -> Line {
    let shown = shown_presence(node, now, policy);
    let presence = match shown.state {
        PresenceState::Online => "online",
        PresenceState::Silent => "silent",
        PresenceState::Offline => "offline",
    };
    Line {
        node: id.to_string(),
        presence,
        since_ms: shown.since.map(|at| at.0),
        reason: shown.reason.to_string(),
        last_seen_ms: node.last_heard().map(|at| at.0),
        firmware: node.firmware.clone(),
    }
}

fn text(lines: &[Line], now: Timestamp) -> String {
    if lines.is_empty() {
        return "no nodes yet\n".to_owned();
    }
    let width = lines.iter().map(|line| line.node.len()).max().unwrap_or_default().max(4);
    let head = format!("{:width$}  {:8}  {:19}  {:>9}  FIRMWARE", "NODE", "PRESENCE", "SINCE (UTC)", "LAST SEEN");
    let mut rows = vec![head];
    for line in lines {
        let since = line.since_ms.map_or_else(|| "-".to_owned(), |at| clock::utc(Timestamp(at)));
        let seen =
            line.last_seen_ms.map_or_else(|| "-".to_owned(), |at| format!("{} ago", clock::ago(Timestamp(at), now)));
        let firmware = line.firmware.as_deref().unwrap_or("-");
        rows.push(format!("{:width$}  {:8}  {since:19}  {seen:>9}  {firmware}", line.node, line.presence));
    }
    let online = lines.iter().filter(|line| line.presence == "online").count();
    rows.push(format!("{online} of {} online\n", lines.len()));
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_aligned() {
        let line = |node: &str, presence, since_ms| Line {
            node: node.to_owned(),
            presence,
            since_ms,
            reason: String::new(),
            last_seen_ms: since_ms,
            firmware: None,
        };
        let lines = [line("ap-1", "online", Some(1_707_503_008_941)), line("sensor-long", "offline", None)];
        let text = text(&lines, Timestamp(1_707_503_018_941));
        let expected = "\
NODE         PRESENCE  SINCE (UTC)          LAST SEEN  FIRMWARE
ap-1         online    2024-02-09 18:23:28    10s ago  -
sensor-long  offline   -                            -  -
1 of 2 online
";
        assert_eq!(text, expected);
    }
}

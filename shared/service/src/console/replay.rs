//! Replays: events that happened are sent to an endpoint once more.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::{
    Endpoint, EndpointName, EventId, LOG_SHARDS, Node, NodeId, Selectable, Selector, Timestamp, is_of_a_node,
};
use rollcall_wire::console::{Problem, ProblemCode, Replay, Replayed};
use rollcall_wire::{CloudEvent, Json};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::cursor;
use crate::console::events::Positions;
use crate::console::handle::{Admitted, Answered, Console, object, parse};
use crate::console::refusal::{failed, internal};
use crate::http::HttpAnswer;
use crate::outgoing::{EventHead, is_wanted, message, rfc3339};
use crate::queue::{Message, Queue};
use crate::store::{BATCH, Store};

/// How many events are read at once, and how often one request reads, so that it is answered long before API Gateway
/// gives up: 1,000 events are on the queue within a few seconds, even if all are of one node and go there one by one.
const PAGE: i32 = 500;
const PAGES: usize = 2;
/// The most ids that one request may name.
const IDS: usize = 100;

/// How far a replay is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Progress {
    /// When it began. It names the replay, so that a page which is asked for twice puts nothing on the queue twice.
    began: u64,
    /// How far the log was read.
    read: Positions,
    /// Where the log ended when the replay began. Later events are sent as new ones.
    end: Positions,
}

impl Progress {
    /// The shards of the log that are not read to their end.
    fn unread(&self) -> Vec<u64> {
        let shards = (0..LOG_SHARDS).zip(self.read).zip(self.end);
        shards.filter(|((_, read), end)| read < end).map(|((shard, _), _)| shard).collect()
    }
}

/// Which events are asked for. Instants are compared as text: all are written in the same form.
#[derive(Debug)]
struct Wanted {
    from: Option<String>,
    to: Option<String>,
    ids: Option<BTreeSet<EventId>>,
}

impl Wanted {
    fn read(asked: &Replay) -> Result<Self, Problem> {
        let from = asked.from.as_deref().map(|from| instant(from, "from")).transpose()?;
        let to = asked.to.as_deref().map(|to| instant(to, "to")).transpose()?;
        if let (Some(from), Some(to)) = (&from, &to)
            && from > to
        {
            return Err(invalid("from: must not be after \"to\""));
        }
        let ids = asked.ids.as_ref().map(|ids| match ids.len() {
            1..=IDS => ids
                .iter()
                .map(|id| id.parse().map_err(|error: rollcall_core::InvalidId| invalid(&format!("ids: {error}"))))
                .collect(),
            _ => Err(invalid(&format!("ids: must be a list of 1 to {IDS}"))),
        });
        Ok(Self { from, to, ids: ids.transpose()? })
    }

    fn is_for(&self, event: &CloudEvent) -> bool {
        let time = &event.time;
        let is_named = |ids: &BTreeSet<EventId>| event.id.parse().is_ok_and(|id| ids.contains(&id));
        self.from.as_ref().is_none_or(|from| from <= time)
            && self.to.as_ref().is_none_or(|to| time <= to)
            && self.ids.as_ref().is_none_or(is_named)
    }

    /// The message that sends an event of the log once more, if it is wanted by the request and by the endpoint.
    fn message(
        &self,
        name: &EndpointName,
        endpoint: &Endpoint,
        (event, text): (&CloudEvent, &str),
        is_meant: bool,
        began: u64,
    ) -> Result<Option<Message>, Problem> {
        if !self.is_for(event) {
            return Ok(None);
        }
        let event = Json::parse(text).map_err(|error| internal(&error))?;
        let (head, _) = EventHead::read(&event).map_err(|error| internal(&error))?;
        if !is_wanted(endpoint, &head, &event, |_| is_meant) {
            return Ok(None);
        }
        Ok(Some(message(name, &head, &event, Some(began))))
    }
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Puts events of the log on the queue for an endpoint, as many as one request may.
    pub(crate) async fn replay(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: EndpointName = parse(name, "name")?;
        let asked: Replay = object(&admitted.body()?)?;
        let wanted = Wanted::read(&asked)?;
        let endpoint = self.enabled_endpoint(&name).await?;
        // A cursor goes on with the same replay only.
        let (secret, list) = (self.keys.secret(), format!("replay to {name} of {wanted:?}"));
        let mut progress = match &asked.cursor {
            Some(cursor) => cursor::read(&secret, &list, cursor)?,
            None => Progress { began: admitted.now.0, read: Positions::default(), end: self.ends().await? },
        };
        let mut queued = 0;
        for _ in 0..PAGES {
            let unread = progress.unread();
            let texts = self.read_on(&unread, &mut progress.read, &progress.end, PAGE).await?;
            let messages = self.messages(&wanted, (&name, &endpoint), &texts, (progress.began, admitted.now)).await?;
            self.enqueue(&messages).await?;
            queued += messages.len();
            if texts.is_empty() {
                // What is missing was deleted meanwhile.
                progress.read = progress.end;
            }
        }
        let is_over = progress.unread().is_empty();
        tracing::info!(%name, queued, outcome = if is_over { "replayed" } else { "replaying" }, "endpoint");
        let cursor = (!is_over).then(|| cursor::write(&secret, &list, &progress));
        Ok(HttpAnswer::json(202, &Replayed { queued, cursor }))
    }

    /// The messages that send these events of the log once more, if they are wanted.
    async fn messages(
        &self,
        wanted: &Wanted,
        (name, endpoint): (&EndpointName, &Endpoint),
        texts: &[String],
        (began, now): (u64, Timestamp),
    ) -> Result<Vec<Message>, Problem> {
        let read = |text: &String| serde_json::from_str::<CloudEvent>(text).map_err(|error| internal(&error));
        let events = texts.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let meant = match &endpoint.select {
            Some(select) => self.subjects_of(&events, select, now).await?,
            None => BTreeSet::new(),
        };
        let messages = events.iter().zip(texts).map(|(event, text)| {
            let is_meant = is_of_a_node(&event.kind) && meant.contains(&event.subject);
            wanted.message(name, endpoint, (event, text), is_meant, began)
        });
        messages.filter_map(Result::transpose).collect()
    }

    /// The nodes that these events are about and that a selector means, as they are now: what they were is not kept.
    async fn subjects_of(
        &self,
        events: &[CloudEvent],
        select: &Selector,
        now: Timestamp,
    ) -> Result<BTreeSet<String>, Problem> {
        let subjects =
            events.iter().filter(|event| is_of_a_node(&event.kind)).filter_map(|event| event.subject.parse().ok());
        let ids: Vec<NodeId> = subjects.collect::<BTreeSet<_>>().into_iter().collect();
        let abouts = if select.reads_names() { self.abouts(&ids).await? } else { BTreeMap::new() };
        let mut meant = BTreeSet::new();
        for batch in ids.chunks(BATCH) {
            for (id, item) in self.store.nodes(batch).await.map_err(|error| failed(&error))? {
                let Ok(node) = Node::read(&item) else { continue };
                let about = abouts.get(&id).cloned().unwrap_or_default();
                if select.has(&Selectable::of(&id, &node, &about, now, &self.policy)) {
                    meant.insert(id.to_string());
                }
            }
        }
        Ok(meant)
    }
}

/// Reads an instant, and writes it as events have it.
fn instant(text: &str, field: &str) -> Result<String, Problem> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok();
    let ms = time.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok());
    let ms =
        ms.ok_or_else(|| invalid(&format!("{field}: must be an instant (RFC 3339), such as 2026-03-01T12:00:00Z")))?;
    Ok(rfc3339(Timestamp(ms)))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidBody, detail)
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;

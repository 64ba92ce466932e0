//! The console's requests about events: what the application was told, or would have been.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{join_all, try_join_all};
use rollcall_core::{Key, LAST_NUMBER, LOG_SHARDS, NodeId, TypePattern, event_text, last_logged, log_shard, place_of};
use rollcall_wire::console::{Problem, ProblemCode};
use rollcall_wire::{CloudEvent, EventPage, NodeEventPage};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::cursor;
use crate::console::handle::{Admitted, Answered, Console, number, parse};
use crate::console::nodes::limit;
use crate::console::refusal::{failed, internal};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{Order, Store};

/// The longest wait for an event, in seconds: API Gateway gives up after 30.
const WAIT_MOST_S: u32 = 20;
/// How long there is between two looks at the log, while a request waits.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How many looks that find only events which are not asked for follow each other without a pause, before what was passed
/// over is told.
const LOOKS: usize = 10;
/// The value of `after` that begins with the next event.
const NOW: &str = "now";

/// How many shards the log has.
const SHARDS: usize = {
    assert!(LOG_SHARDS == 4, "a cursor has a number for each shard");
    4
};

/// How far the log was read: the number of the last event of each shard.
pub(crate) type Positions = [u64; SHARDS];

/// Which events are asked for.
struct Asked {
    kind: Option<TypePattern>,
    node: Option<NodeId>,
}

impl Asked {
    fn read(admitted: &Admitted<'_>) -> Result<Self, Problem> {
        let node = admitted.parameter("node").map(|node| parse(node, "node")).transpose()?;
        let kind = admitted.parameter("type").map(|kind| parse(kind, "type")).transpose()?;
        Ok(Self { kind, node })
    }

    fn is_for(&self, event: &CloudEvent) -> bool {
        let kind = self.kind.as_ref().is_none_or(|wanted| wanted.has(&event.kind));
        kind && self.node.as_ref().is_none_or(|node| node.as_str() == event.subject)
    }

    fn shards(&self) -> Vec<u64> {
        self.node.as_ref().map_or_else(|| (0..LOG_SHARDS).collect(), |node| vec![log_shard(node)])
    }
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// The events after a cursor. If there are none, waits for one as long as the request says.
    pub(crate) async fn events(&self, admitted: &Admitted<'_>) -> Answered {
        let (asked, limit) = (Asked::read(admitted)?, limit(admitted)?);
        let wait = admitted.parameter("wait_s").map_or(Ok(0), wait)?;
        let mut positions = match admitted.parameter("after") {
            None => Positions::default(),
            Some(NOW) => self.ends().await?,
            Some(after) => positions(after)?,
        };
        let mut waits = wait * 2;
        let mut events = vec![];
        for look in 0.. {
            let found = self.look(&asked, &mut positions, limit).await?;
            let was_empty = found.is_none();
            events.extend(found.into_iter().flatten());
            if !events.is_empty() || (was_empty && waits == 0) || look >= LOOKS + 2 * WAIT_MOST_S as usize {
                break;
            }
            if was_empty {
                waits -= 1;
                self.clock.sleep(LOOK_AGAIN).await;
            }
        }
        Ok(HttpAnswer::json(200, &EventPage { events, cursor: written(&positions) }))
    }

    /// Reads on in the log, by at most so many events. Gives those that are asked for; `None` if there were no events at
    /// all.
    async fn look(
        &self,
        asked: &Asked,
        positions: &mut Positions,
        limit: i32,
    ) -> Result<Option<Vec<CloudEvent>>, Problem> {
        let texts = self.read_on(&asked.shards(), positions, &[LAST_NUMBER; SHARDS], limit).await?;
        let events = texts.iter().map(|text| serde_json::from_str(text).map_err(|error| internal(&error)));
        let events: Vec<CloudEvent> = events.collect::<Result<_, _>>()?;
        let is_empty = events.is_empty();
        Ok((!is_empty).then(|| events.into_iter().filter(|event| asked.is_for(event)).collect()))
    }

    /// Reads on in these shards of the log, by at most so many events and up to these. None are given only if there are
    /// none.
    pub(crate) async fn read_on(
        &self,
        shards: &[u64],
        positions: &mut Positions,
        end: &Positions,
        limit: i32,
    ) -> Result<Vec<String>, Problem> {
        let reads = shards.iter().map(async |shard| {
            let first = Key::Logged(*shard, position(positions, *shard) + 1);
            self.store.range(first..=Key::Logged(*shard, position(end, *shard)), Order::Ascending, limit).await
        });
        let read = try_join_all(reads).await.map_err(|error| failed(&error))?;
        let mut lists: Vec<_> = read.into_iter().map(Vec::into_iter).collect();
        let (mut texts, mut count) = (vec![], 0);
        // From each shard in turn, so that none waits for the others.
        loop {
            let before = count;
            for list in &mut lists {
                if count >= limit {
                    break;
                }
                if let Some((Key::Logged(shard, number), item)) = list.next() {
                    count += 1;
                    advance(positions, shard, number);
                    let text = event_text(&item).map_err(|error| internal(&error))?.unwrap_or_default();
                    texts.push(text.to_owned());
                }
            }
            if count == before || count >= limit {
                break;
            }
        }
        Ok(texts)
    }

    /// Where the log ends.
    pub(crate) async fn ends(&self) -> Result<Positions, Problem> {
        let heads = (0..LOG_SHARDS).map(async |shard| self.store.read(&Key::LogHead(shard)).await);
        let mut ends = Positions::default();
        for (end, head) in ends.iter_mut().zip(join_all(heads).await) {
            let head = head.map_err(|error| failed(&error))?;
            *end = last_logged(head.as_ref()).map_err(|error| internal(&error))?;
        }
        Ok(ends)
    }

    /// A page of a node's events, the newest first.
    pub(crate) async fn node_events(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        let limit = limit(admitted)?;
        let (secret, name) = (self.keys.secret(), format!("events of {node}"));
        let event = |id: &str| -> Result<Key, Problem> { Ok(Key::EventOf(node.clone(), parse(id, "event")?)) };
        let before = admitted.parameter("cursor").map(|cursor| cursor::read::<String>(&secret, &name, cursor));
        let before = before.transpose()?;
        let last = event(before.as_deref().unwrap_or(LAST_ID))?;
        // One more than is shown: the one before which this page begins.
        let places = self.store.range(event(FIRST_ID)?..=last, Order::Descending, limit + 1);
        let places = places.await.map_err(|error| failed(&error))?;
        let is_new =
            |key: &Key| !matches!((key, &before), (Key::EventOf(_, id), Some(before)) if id.as_str() == before);
        let places: Vec<_> = places.into_iter().filter(|(key, _)| is_new(key)).collect();
        let shown = usize::try_from(limit).unwrap_or_default();
        let more = places.len() > shown || (before.is_some() && places.len() == shown);
        let places = &places[..places.len().min(shown)];
        let texts = places.iter().map(async |(_, place)| {
            let Some(key) = place_of(place).map_err(|error| internal(&error))? else { return Ok(None) };
            self.store.read(&key).await.map_err(|error| failed(&error))
        });
        let mut events: Vec<CloudEvent> = vec![];
        for item in try_join_all(texts).await?.into_iter().flatten() {
            let text = event_text(&item).map_err(|error| internal(&error))?.unwrap_or_default();
            events.push(serde_json::from_str(text).map_err(|error| internal(&error))?);
        }
        let id = |key: &Key| match key {
            Key::EventOf(_, id) => id.to_string(),
            _ => String::new(),
        };
        if events.is_empty() && before.is_none() {
            // A node without events, or none at all?
            self.stored_node(&node).await?;
        }
        let cursor = places.last().filter(|_| more).map(|(key, _)| cursor::write(&secret, &name, &id(key)));
        Ok(HttpAnswer::json(200, &NodeEventPage { events, cursor }))
    }
}

/// Before and behind every id.
const FIRST_ID: &str = "-";
const LAST_ID: &str = "zzzzzzzz";

fn position(positions: &Positions, shard: u64) -> u64 {
    usize::try_from(shard).ok().and_then(|shard| positions.get(shard)).copied().unwrap_or_default()
}

fn advance(positions: &mut Positions, shard: u64, number: u64) {
    if let Some(position) = usize::try_from(shard).ok().and_then(|shard| positions.get_mut(shard)) {
        *position = number;
    }
}

/// A cursor says how far the log was read. It is no secret, and stays valid when keys change.
fn written(positions: &Positions) -> String {
    URL_SAFE_NO_PAD.encode(positions.map(|position| position.to_string()).join("."))
}

fn positions(after: &str) -> Result<Positions, Problem> {
    let wrong = || Problem::new(ProblemCode::InvalidCursor, "after: it is no cursor of this list, and not \"now\"");
    let text = URL_SAFE_NO_PAD.decode(after).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let numbers: Option<Vec<u64>> = text.split('.').map(number).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(wrong)
}

fn wait(text: &str) -> Result<u32, Problem> {
    let seconds = number(text).filter(|seconds| *seconds <= WAIT_MOST_S);
    seconds.ok_or_else(|| invalid(format!("wait_s: must be from 0 to {WAIT_MOST_S}")))
}

fn invalid(detail: String) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}

#[cfg(test)]
mod tests {
    use rollcall_core::EventId;

    use super::*;

    #[test]
    fn a_cursor_says_how_far_each_shard_was_read() {
        for read in [[0, 0, 0, 0], [1, 20, 300, LAST_NUMBER]] {
            assert_eq!(positions(&written(&read)), Ok(read));
        }
        for text in ["", "?", "MQ", &URL_SAFE_NO_PAD.encode("1.2.3"), &URL_SAFE_NO_PAD.encode("1.2.3.+4")] {
            assert_eq!(positions(text).map_err(|problem| problem.status), Err(400), "{text}");
        }
    }

    #[test]
    fn the_ids_of_events_lie_between_the_first_and_the_last() {
        let id = |text: &str| -> EventId { text.parse().expect("an id") };
        for known in [format!("{:0>40}.0", "1"), format!("{:0>40}.9", "9".repeat(40))] {
            assert!(id(FIRST_ID) < id(&known) && id(&known) < id(LAST_ID), "{known}");
        }
    }
}

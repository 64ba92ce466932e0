//! Amazon SQS FIFO, and what reads it: Lambda's event source mapping.
//!
//! What SQS promises (Amazon SQS Developer Guide, "FIFO queue delivery logic" and "Using the message deduplication ID"):
//! while a message of a group is hidden, no other message of the group is handed out; a message with an id that came
//! within five minutes is not put on the queue; a message that is not deleted is handed out again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use rollcall_fleet::Seen;
use rollcall_service::{Message, Outgoing, Received};

use super::{Out, shared};
use crate::call::{Answer, Failure, Request};
use crate::draw::{Draw, Who};
use crate::event::{Event, Function, Invoking, Payload, Purpose, Returned};
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};

/// For how long an id is known.
const KNOWN: Micros = 300 * S;
/// For how long a message that was handed out is hidden, and how many are handed out together (`infra/template.yaml`,
/// `Queue` and `DeliverSource`).
const HIDDEN: Micros = 540 * S;
const BATCH: usize = 10;
/// How many batches are with the function at once.
const POLLERS: usize = 5;
/// How long Lambda waits for an instance that starts.
const PATIENCE: Micros = 120 * S;

/// The queue, and its queue of dead letters.
#[derive(Debug, Default)]
pub(crate) struct Fifo {
    groups: BTreeMap<String, VecDeque<Waiting>>,
    /// The ids that came within five minutes, and when.
    known: HashMap<String, Micros>,
    came: VecDeque<(Micros, String)>,
    /// What each batch that is with the function consists of.
    batches: BTreeMap<u64, Rc<[Received]>>,
    sent: u64,
    received: u64,
    read: u64,
    /// When it is read next.
    planned: Option<Micros>,
}

/// A message on the queue.
#[derive(Debug)]
struct Waiting {
    message: Message,
    /// Orders messages.
    number: u64,
    hidden_until: Micros,
    /// What was handed out last of it.
    receipt: String,
}

impl Fifo {
    /// A function calls.
    pub(super) fn called(&mut self, ground: &mut Ground, draw: &mut Draw, request: Request) -> Answer {
        let is_lost = ground.hits(Fault::SendsLost, draw);
        match request {
            Request::Send(messages) => {
                // All of them, or those before the first one that the queue does not take.
                let count = u64::try_from(messages.len()).unwrap_or(u64::MAX);
                let taken = if is_lost { draw.between(0, count) } else { count };
                for message in messages.iter().take(usize::try_from(taken).unwrap_or(usize::MAX)) {
                    self.send(ground.now(), message);
                }
                let after = draw.between(10 * MS, 100 * MS);
                self.plan(ground, ground.now() + after);
            }
            Request::Postpone(receipt, pause) if !is_lost || draw.percent(50) => {
                let by = Micros::from(pause) * S;
                if !self.postpone(ground.now(), &receipt, by) {
                    return Answer::Failed(Failure::Unavailable);
                }
                self.plan(ground, ground.now() + by);
            }
            Request::Bury(message) if !is_lost || draw.percent(50) => buried(ground, &message),
            _ => {}
        }
        if is_lost { Answer::Failed(Failure::Unavailable) } else { Answer::Queued }
    }

    pub(crate) fn send(&mut self, now: Micros, message: &Message) {
        while self.came.front().is_some_and(|(at, _)| at + KNOWN <= now) {
            if let Some((_, id)) = self.came.pop_front() {
                self.known.remove(&id);
            }
        }
        if self.known.insert(message.id.clone(), now).is_some() {
            return;
        }
        self.came.push_back((now, message.id.clone()));
        self.sent += 1;
        let waiting = Waiting { message: message.clone(), number: self.sent, hidden_until: 0, receipt: String::new() };
        self.groups.entry(message.group.clone()).or_default().push_back(waiting);
    }

    /// Lambda looks into the queue, and hands batches to the function.
    pub(super) fn receive(&mut self, ground: &mut Ground) {
        let now = ground.now();
        self.planned = self.planned.filter(|at| *at > now);
        while self.batches.len() < POLLERS {
            let batch = self.hand_out(now);
            if batch.is_empty() {
                break;
            }
            self.batches.insert(self.received, Rc::clone(&batch));
            let (function, payload) = (Function::Deliver, Payload::Messages(batch));
            let purpose = Purpose::Queue(self.received);
            let invoking = Invoking { function, payload, purpose, behalf: None, patience: PATIENCE };
            ground.soon(Event::Invoke(Box::new(invoking)));
        }
        let hidden = self.groups.values().flatten().map(|waiting| waiting.hidden_until).filter(|until| *until > now);
        if let Some(next) = hidden.min() {
            self.plan(ground, next);
        }
    }

    /// The next messages of groups of which none is hidden, the oldest group first.
    pub(crate) fn hand_out(&mut self, now: Micros) -> Rc<[Received]> {
        self.received += 1;
        let batch = self.received;
        let is_free = |group: &&mut VecDeque<Waiting>| group.iter().all(|waiting| waiting.hidden_until <= now);
        let mut free: Vec<_> = self.groups.values_mut().filter(is_free).collect();
        free.sort_by_key(|group| group.front().map(|first| first.number));
        let next = free.into_iter().flatten().take(BATCH).map(|waiting| {
            waiting.hidden_until = now + HIDDEN;
            waiting.receipt = format!("{batch}/{}", waiting.number);
            let Message { group, body, .. } = waiting.message.clone();
            Received { id: waiting.number.to_string(), receipt: waiting.receipt.clone(), group, body }
        });
        shared(next)
    }

    /// The function has returned: what it is done with is deleted. The rest stays hidden for as long as it was said.
    pub(super) fn returned(&mut self, ground: &mut Ground, batch: u64, returned: &Returned) {
        let Some(batch) = self.batches.remove(&batch) else { return };
        self.read += 1;
        let mut draw = ground.draw(Who::Queue, self.read);
        if let Returned::Delivered(failed) = returned {
            for received in batch.iter().filter(|received| !failed.contains(&received.id)) {
                if !ground.hits(Fault::DeletesLost, &mut draw) {
                    self.delete(ground.now(), &received.receipt);
                }
            }
        }
        let after = draw.between(5 * MS, 50 * MS);
        self.plan(ground, ground.now() + after);
    }

    /// Deletes a message that is in flight. Returns `false` if its receipt has expired.
    pub(crate) fn delete(&mut self, now: Micros, receipt: &str) -> bool {
        let Some(in_flight) = self.in_flight(now, receipt) else { return false };
        let (group, number) = (in_flight.message.group.clone(), in_flight.number);
        if let Some(waiting) = self.groups.get_mut(&group) {
            waiting.retain(|waiting| waiting.number != number);
            if waiting.is_empty() {
                self.groups.remove(&group);
            }
        }
        true
    }

    /// Changes when a message that is in flight becomes visible again. Returns `false` if its receipt has expired.
    pub(crate) fn postpone(&mut self, now: Micros, receipt: &str, by: Micros) -> bool {
        let in_flight = self.in_flight(now, receipt);
        in_flight.map(|waiting| waiting.hidden_until = now + by).is_some()
    }

    fn in_flight(&mut self, now: Micros, receipt: &str) -> Option<&mut Waiting> {
        let mut all = self.groups.values_mut().flatten();
        all.find(|waiting| waiting.receipt == receipt && waiting.hidden_until > now)
    }

    /// The queue is read at this time, if it is not read earlier.
    fn plan(&mut self, ground: &mut Ground, at: Micros) {
        if !self.groups.is_empty() && self.planned.is_none_or(|planned| at < planned) {
            self.planned = Some(at);
            ground.at(at, Event::Outbound(Out::Received));
        }
    }
}

/// A message is on the queue of dead letters.
fn buried(ground: &mut Ground, message: &Message) {
    if let Ok(outgoing) = serde_json::from_str::<Outgoing>(&message.body) {
        ground.saw(Seen::Buried { endpoint: outgoing.endpoint, event: outgoing.event.text().to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(group: &str, id: &str) -> Message {
        Message { group: group.to_owned(), id: id.to_owned(), body: id.to_owned() }
    }

    fn queue(messages: &[(&str, &str)]) -> Fifo {
        let mut queue = Fifo::default();
        for (group, id) in messages {
            queue.send(0, &message(group, id));
        }
        queue
    }

    fn bodies(batch: &[Received]) -> Vec<&str> {
        batch.iter().map(|received| &*received.body).collect()
    }

    #[test]
    fn while_a_message_of_a_group_is_hidden_none_of_the_group_is_handed_out() {
        let mut queue = queue(&[("a", "1"), ("b", "2"), ("a", "3")]);
        let batch = queue.hand_out(0);
        assert_eq!(bodies(&batch), ["1", "3", "2"], "in order within a group, the oldest group first");
        queue.send(0, &message("a", "4"));
        queue.send(0, &message("c", "5"));
        assert_eq!(bodies(&queue.hand_out(1)), ["5"]);
        assert!(queue.delete(1, &batch[0].receipt));
        assert!(queue.hand_out(HIDDEN - 1).is_empty());
        assert_eq!(bodies(&queue.hand_out(HIDDEN)), ["2", "3", "4"], "what was not deleted comes again");
    }

    #[test]
    fn a_message_with_a_known_id_is_not_taken_for_five_minutes() {
        let mut queue = queue(&[("a", "1")]);
        let batch = queue.hand_out(0);
        assert!(queue.delete(0, &batch[0].receipt));
        queue.send(KNOWN - 1, &message("a", "1"));
        assert!(queue.hand_out(KNOWN - 1).is_empty());
        queue.send(KNOWN, &message("a", "1"));
        assert_eq!(bodies(&queue.hand_out(KNOWN)), ["1"]);
    }

    #[test]
    fn a_receipt_of_an_earlier_time_deletes_nothing() {
        let mut queue = queue(&[("a", "1")]);
        let first = queue.hand_out(0);
        let second = queue.hand_out(HIDDEN);
        assert!(!queue.delete(HIDDEN, &first[0].receipt));
        assert!(queue.hand_out(HIDDEN + 1).is_empty(), "it is still hidden");
        assert!(!queue.delete(2 * HIDDEN, &second[0].receipt), "it is in flight no longer");
        assert!(queue.delete(HIDDEN + 1, &second[0].receipt));
        assert!(queue.hand_out(3 * HIDDEN).is_empty());
    }
}

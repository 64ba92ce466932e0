//! An acknowledged check-in is stored, and only the connection that holds a node stores anything.

use std::collections::{HashMap, VecDeque};

use rollcall_core::{ConnectionId, Node, Timestamp};
use rollcall_wire::{CheckIn, CommandResult};

use super::facts::{Facts, SKEW_MS, earlier, later};
use super::said::is_stored;
use super::sockets::Sockets;
use super::table::{Change, Table};
use super::verdicts::Verdicts;
use crate::observation::Device;
use crate::violation::ViolationKind as Kind;

/// How many check-ins of a link are remembered, or polls of a device, and for how long at most, in milliseconds.
const REMEMBERED: usize = 1_024;
const REMEMBERED_MS: u64 = 10 * 60_000;
/// A check-in that a device sent.
#[derive(Clone, Debug)]
struct Sent {
    at: Timestamp,
    said: CheckIn,
    is_stored: bool,
}

/// The check-ins of one link.
#[derive(Clone, Debug, Default)]
struct Said {
    sent: VecDeque<Sent>,
    /// The highest sequence number that is no longer remembered.
    forgotten: u64,
}

/// What was said and stored of each node.
#[derive(Clone, Debug)]
pub(super) struct CheckIns {
    links: HashMap<(Device, u64), Said>,
    polls: HashMap<(usize, u8), VecDeque<Sent>>,
    /// Links that ended, and when.
    over: VecDeque<(Timestamp, (Device, u64))>,
    /// When a check-in of each node was last stored.
    stored_at: Vec<Option<Timestamp>>,
}

impl CheckIns {
    pub(super) fn new(nodes: usize) -> Self {
        let over = VecDeque::new();
        Self { links: HashMap::new(), polls: HashMap::new(), over, stored_at: vec![None; nodes] }
    }

    /// Of how many links it is remembered what was said.
    #[cfg(test)]
    pub(super) fn links(&self) -> usize {
        self.links.len()
    }

    /// When a check-in of the node was last stored, in true time.
    pub(super) fn stored_at(&self, node: usize) -> Option<Timestamp> {
        self.stored_at.get(node).copied().flatten()
    }

    /// Notes that a check-in was acknowledged, where no writes are seen.
    pub(super) fn heard(&mut self, at: Timestamp, node: usize) {
        if let Some(stored_at) = self.stored_at.get_mut(node) {
            *stored_at = Some(at);
        }
    }

    pub(super) fn sent(&mut self, at: Timestamp, who: Device, link: Option<u64>, said: &CheckIn) {
        let sent = Sent { at, said: said.clone(), is_stored: false };
        let Some(link) = link else {
            let polls = self.polls.entry((who.node, who.device)).or_default();
            polls.push_back(sent);
            return while forget_oldest(polls, at).is_some() {};
        };
        let said = self.links.entry((who, link)).or_default();
        said.sent.push_back(sent);
        while let Some(gone) = forget_oldest(&mut said.sent, at) {
            said.forgotten = said.forgotten.max(gone.said.seq);
        }
    }

    /// A device knows that its link is over. Answers may still come.
    pub(super) fn link_ended(&mut self, at: Timestamp, who: Device, link: u64) {
        self.over.push_back((later(at, REMEMBERED_MS), (who, link)));
        while let Some((_, link)) = self.over.pop_front_if(|(until, _)| *until <= at) {
            self.links.remove(&link);
        }
    }

    /// Forgets what was said on links whose sockets ended long ago.
    pub(super) fn forget(&mut self, links: &[(Device, u64)]) {
        for link in links {
            self.links.remove(link);
        }
    }

    /// A node's item was written.
    pub(super) fn wrote(
        &mut self,
        (facts, sockets): (&Facts, &Sockets),
        verdicts: &mut Verdicts,
        at: Timestamp,
        change: &Change,
    ) {
        let (was, is) = (change.was.as_deref(), &*change.is);
        went_back(facts, verdicts, at, change);
        let mark = |node: &Node| (node.seen, node.seq);
        let is_marked = was.map(mark) != Some(mark(is));
        if is.polls && !is_marked {
            // A poll whose clock was behind is stored at the time that was stored before. It leaves no mark.
            self.find_polls(change);
        }
        if !is_marked || is.seen.is_none() || !(is.polls || is.seq.is_some()) {
            return;
        }
        if let Some(stored_at) = self.stored_at.get_mut(change.node) {
            *stored_at = Some(at);
        }
        let sent_at =
            if is.polls { self.polled(verdicts, at, change) } else { self.checked_in(sockets, verdicts, at, change) };
        if let (Some(sent_at), Some(seen)) = (sent_at, is.seen) {
            is_seen_rightly(facts, verdicts, at, change, (sent_at, seen));
        }
    }

    /// Finds the check-in that was stored, among those of the connection that holds the node. Returns when it was sent.
    fn checked_in(
        &mut self,
        sockets: &Sockets,
        verdicts: &mut Verdicts,
        at: Timestamp,
        change: &Change,
    ) -> Option<Timestamp> {
        let held = change.is.held.as_ref()?;
        let (connection, seq) = (&held.connection.id, change.is.seq?);
        let Some(opener) = sockets.get(connection).map(|socket| socket.opener) else {
            let what = format!("has a check-in of connection {connection} stored, and there is no such connection");
            verdicts.node(Kind::NotTheHolder, at, change.node, what);
            return None;
        };
        let said = opener.and_then(|opener| self.links.get_mut(&opener));
        let mut none = Said::default();
        let said = said.unwrap_or(&mut none);
        let mut found = None;
        for sent in said.sent.iter_mut().filter(|sent| sent.said.seq == seq) {
            let matches = is_stored(&sent.said, &change.is);
            sent.is_stored |= matches;
            found = match (found, matches) {
                (Some(Ok(first)), _) => Some(Ok(first)),
                (_, true) => Some(Ok(sent.at)),
                (other, false) => other.or_else(|| Some(Err(sent.said.clone()))),
            };
        }
        match found {
            Some(Ok(at)) => Some(at),
            Some(Err(said)) => {
                let what = format!(
                    "has check-in {seq} of the connection {connection} that holds it stored as {:?}, and that \
                     connection said {said:?}",
                    change.is
                );
                verdicts.node(Kind::NotTheHolder, at, change.node, what);
                None
            }
            None if seq <= said.forgotten => None,
            None => {
                let what = format!(
                    "has check-in {seq} stored for the connection {connection} that holds it, which never sent it"
                );
                verdicts.node(Kind::NotTheHolder, at, change.node, what);
                None
            }
        }
    }

    fn polled(&mut self, verdicts: &mut Verdicts, at: Timestamp, change: &Change) -> Option<Timestamp> {
        let found = self.find_polls(change);
        if found.is_none() {
            let what = format!("has a poll stored as {:?}, which none of its devices sent", change.is);
            verdicts.node(Kind::NotTheHolder, at, change.node, what);
        }
        found
    }

    /// A function answers a message of a connection, or a poll if there is none, with an ack. What it acknowledges must
    /// be stored by then. Returns the results that it acknowledges.
    pub(super) fn answered(
        &self,
        (sockets, table): (&Sockets, &Table),
        verdicts: &mut Verdicts,
        at: Timestamp,
        (node, connection): (usize, Option<&ConnectionId>),
        seq: u64,
    ) -> Vec<CommandResult> {
        let opener = connection.map(|connection| sockets.get(connection).and_then(|socket| socket.opener));
        let sent: Vec<_> = match opener {
            Some(opener) => {
                opener.and_then(|opener| self.links.get(&opener)).into_iter().flat_map(|said| &said.sent).collect()
            }
            None => (0..=1).filter_map(|device| self.polls.get(&(node, device))).flatten().collect(),
        };
        let mut same = sent.into_iter().filter(|sent| sent.said.seq == seq).peekable();
        if same.peek().is_some() && table.is_seen() && !same.clone().any(|sent| sent.is_stored) {
            let what = format!("is answered that its check-in {seq} is stored, before it is");
            verdicts.node(Kind::AckedNotStored, at, node, what);
        }
        same.last().map(|sent| sent.said.results.clone()).unwrap_or_default()
    }

    /// Finds the polls that say what is stored, and returns when the first of them was sent.
    fn find_polls(&mut self, change: &Change) -> Option<Timestamp> {
        let mut found = None;
        for device in 0..=1 {
            let polls = self.polls.get_mut(&(change.node, device));
            for sent in polls.into_iter().flatten().filter(|sent| is_stored(&sent.said, &change.is)) {
                sent.is_stored = true;
                found = found.min(Some(sent.at)).or(Some(sent.at));
            }
        }
        found
    }

    /// A device has read an ack. Returns the results that the acknowledged check-in carried: they must be stored.
    pub(super) fn acked(
        &mut self,
        table: &Table,
        verdicts: &mut Verdicts,
        at: Timestamp,
        (who, link): (Device, Option<u64>),
        seq: u64,
    ) -> Vec<CommandResult> {
        let sent = match link {
            Some(link) => self.links.get(&(who, link)).map(|said| &said.sent),
            None => self.polls.get(&(who.node, who.device)),
        };
        let mut same = sent.into_iter().flatten().filter(|sent| sent.said.seq == seq).peekable();
        let Some(first) = same.peek().copied() else { return vec![] };
        if table.is_seen() && !same.clone().any(|sent| sent.is_stored) {
            let what = format!(
                "was told at {} that its check-in {seq} of {} is stored, and it is not: it said {:?}",
                verdicts.when(at),
                verdicts.when(first.at),
                first.said
            );
            verdicts.node(Kind::AckedNotStored, at, who.node, what);
        }
        same.last().map(|sent| sent.said.results.clone()).unwrap_or_default()
    }
}

/// Removes what was said first, if that is too much or too long ago to be remembered.
fn forget_oldest(sent: &mut VecDeque<Sent>, at: Timestamp) -> Option<Sent> {
    let are_many = sent.len() > REMEMBERED;
    sent.pop_front_if(|sent| are_many || later(sent.at, REMEMBERED_MS) < at)
}

/// Last seen and sequence numbers go forward only.
fn went_back(facts: &Facts, verdicts: &mut Verdicts, at: Timestamp, change: &Change) {
    let Some(was) = change.was.as_deref() else { return };
    let is = &*change.is;
    let recently = earlier(at, 2 * SKEW_MS);
    if let (Some(before), Some(after)) = (was.seen, is.seen)
        && after < before
        && before <= at
        && !facts.windows.wrong_clock(recently, at)
    {
        let what =
            format!("was seen at {}, and is stored as last seen at {}", verdicts.when(before), verdicts.when(after));
        verdicts.node(Kind::WentBack, at, change.node, what);
    }
    let holder = |node: &Node| -> Option<ConnectionId> { Some(node.held.as_ref()?.connection.id.clone()) };
    if let (Some(before), Some(after)) = (was.seq, is.seq)
        && after < before
        && holder(was) == holder(is)
    {
        let what = format!("has the sequence number {after} stored after {before} on the same connection");
        verdicts.node(Kind::WentBack, at, change.node, what);
    }
}

/// Last seen is when the check-in came, as far as clocks are right.
fn is_seen_rightly(
    facts: &Facts,
    verdicts: &mut Verdicts,
    at: Timestamp,
    change: &Change,
    (sent_at, seen): (Timestamp, Timestamp),
) {
    let long_ago = earlier(sent_at, facts.lost_after_ms());
    let early = later(seen, SKEW_MS) < sent_at;
    if (early || seen > later(at, SKEW_MS)) && !facts.windows.wrong_clock(long_ago, at) {
        let what = format!(
            "is stored as last seen at {}, and its check-in was under way from {} to {}",
            verdicts.when(seen),
            verdicts.when(sent_at),
            verdicts.when(at)
        );
        verdicts.node(Kind::WrongPresence, at, change.node, what);
    }
}

//! The rules that a model runs: the real ones, or a wrong design.

use rollcall_core::{
    Denied, DesiredConfig, Event, EventKind, Expected, Node, NodeId, Outcome, Policy, SettleError, Settled, Timestamp,
    Update, config_set, expired, gone, lost, plan, set_config, settle,
};

/// Plans the write of an event.
pub(crate) type Plan = Box<dyn Fn(&Event, &Policy) -> Update + Send + Sync>;
/// Says what follows from a write; the node is as it was read before, if it was.
pub(crate) type Settle = fn(Event, Outcome, Option<&Node>, &Policy) -> Result<Settled, SettleError>;
/// Plans the write of a configuration; the node is as the request has read it.
pub(crate) type SetConfig = fn(&NodeId, &str, &Node) -> Update;

/// What a sweep concludes from a node that it has read.
pub(crate) type Judge = fn(&NodeId, &Node, Timestamp, &Policy) -> Option<Event>;

/// What an invocation reads before it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Nothing,
    /// It reads the item, and its write depends on nothing else than what it read.
    ToJudge,
    /// It reads the item to know something of it. Its write is guarded.
    ToKnow,
}

/// The rules that a model runs.
pub struct Rules {
    pub(crate) plan: Plan,
    pub(crate) settle: Settle,
    pub(crate) set_config: SetConfig,
    /// Whether the write of a configuration depends on what its request has read.
    pub(crate) counts_what_it_read: bool,
    /// What an invocation for such an event reads first.
    pub(crate) reads: fn(&EventKind) -> Reads,
    /// The event for a connection that `@connections` does not know.
    pub(crate) gone: fn(&NodeId, &Node, Timestamp) -> Option<Event>,
    /// What the sweep concludes.
    pub(crate) expired: Judge,
    /// What the slow scan concludes.
    pub(crate) lost: Judge,
}

impl Default for Rules {
    /// The real rules.
    fn default() -> Self {
        Self {
            plan: Box::new(plan),
            settle: |event, outcome, _, policy| settle(event, outcome, policy),
            set_config: |node, document, _| set_config(node, document, &Expected::default()),
            counts_what_it_read: false,
            reads: |_| Reads::Nothing,
            gone,
            expired,
            lost,
        }
    }
}

/// The answer to a request to set a configuration: what is desired now and whether that is new, or why it is denied;
/// `None` if the stored item is unreadable.
pub(crate) fn answer(outcome: Outcome) -> Option<Result<(Node, DesiredConfig, bool), Denied>> {
    let answer = config_set(outcome).ok()?;
    Some(answer.map(|set| (set.node, set.config, set.changed)))
}

//! The clauses of a guarded write's condition. Each has a label: what is the case if the clause does not hold.
//!
//! A refused write is explained by the first of its clauses that does not hold for the stored item
//! ([`Update::refused`](crate::Update::refused)). So no refusal is explained by a second copy of the condition.

use std::fmt;

use crate::guard::Guard;

/// A condition of a write, with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The condition on the stored item.
    pub guard: Guard,
    /// Why the write is refused if the condition does not hold.
    pub because: Because,
}

impl Clause {
    pub(crate) fn new(because: Because, guard: Guard) -> Self {
        Self { guard, because }
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a write is refused: the label of the clause that does not hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Because {
            $($(#[$doc])* $variant,)*
        }

        impl Because {
            /// Every label.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The label as text.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

labels! {
    /// The node is not registered.
    Unregistered = "unregistered",
    /// The node's credentials were revoked.
    Revoked = "revoked",
    /// The token has an older credential version than the node.
    CredentialsOutdated = "credentials-outdated",
    /// No connection has held the node since it was registered.
    NeverConnected = "never-connected",
    /// A newer connection holds the node.
    Superseded = "superseded",
    /// The connection has closed, or has opened before.
    Closed = "closed",
    /// The node is blocked, because it sent more messages than its budget allows.
    Blocked = "blocked",
    /// The budget is used up, and its minute is over.
    MinuteOver = "minute-over",
    /// The budget is not used up: another message has begun the new minute.
    MinuteBegun = "minute-begun",
    /// The budget of this minute is used up.
    BudgetUsedUp = "budget-used-up",
    /// A check-in with a higher sequence number is stored.
    StaleSeq = "stale-seq",
    /// The node was seen later than the event happened.
    SeenLater = "seen-later",
    /// Another message over the budget was counted since the node was read.
    OffencesChanged = "offences-changed",
    /// The end of the node's block has changed since the node was read.
    BlockChanged = "block-changed",
    /// Another connection holds the node than when it was read.
    HolderChanged = "holder-changed",
    /// The connection that holds the node was open and has closed since, or the reverse.
    OpenChanged = "open-changed",
    /// The node has checked in since it was read.
    SeenChanged = "seen-changed",
    /// The node has begun or ceased to poll since it was read.
    PollsChanged = "polls-changed",
    /// The node's grace period is not over.
    NotDue = "not-due",
    /// The node's credential version is higher than the one to be set.
    CredentialsGoBack = "credentials-go-back",
    /// The version of the configuration that is desired is not an expected one.
    OtherVersion = "other-version",
    /// What is desired of the node was changed since it was read.
    DesiredChanged = "desired-changed",
    /// The document is desired already.
    AlreadyDesired = "already-desired",
    /// The configuration that is desired was set for the node alone.
    OwnConfig = "own-config",
    /// The node's numbers are as high already, or higher.
    NumbersHigher = "numbers-higher",
    /// No configuration is desired.
    NothingDesired = "nothing-desired",
    /// The node's model is not the firmware's.
    OtherModel = "other-model",
    /// Another command was queued since the node was read.
    CommandsChanged = "commands-changed",
    /// There is no such document.
    NoDocument = "no-document",
    /// A document that may be unused has been noted again since the note was read.
    NotedMeanwhile = "noted-meanwhile",
    /// There is a command with this number.
    NumberTaken = "number-taken",
    /// A command was queued with this idempotency key.
    KeyTaken = "key-taken",
    /// There is no such command.
    NoCommand = "no-command",
    /// The command was handed out.
    Sent = "sent",
    /// The command was not handed out.
    NotSent = "not-sent",
    /// The command has ended.
    Ended = "ended",
    /// It is noted that all commands up to this number are over, or up to a higher one.
    OverAlready = "over-already",
    /// The item is stored, and never changes.
    StoredAlready = "stored-already",
    /// The version's place in the history is taken by this version or a newer one.
    NewerRemembered = "newer-remembered",
    /// Another event was added to the shard of the log.
    LogMoved = "log-moved",
    /// The event is in the log.
    EventKnown = "event-known",
    /// Another sweep has kept its state since this one read it.
    SweptMeanwhile = "swept-meanwhile",
    /// The node was counted since it was read as what it is counted.
    CountedMeanwhile = "counted-meanwhile",
    /// There is no such endpoint.
    NoEndpoint = "no-endpoint",
    /// There is an endpoint with this name.
    EndpointTaken = "endpoint-taken",
    /// The endpoint has changed since it was read.
    EndpointChanged = "endpoint-changed",
    /// The endpoint is disabled already.
    EndpointDisabled = "endpoint-disabled",
    /// The settings of the cut-over, or of a model, have changed since they were read.
    SettingsChanged = "settings-changed",
    /// The delivery was tried by somebody else, or began again, since it was read.
    DeliveryChanged = "delivery-changed",
    /// There is a rollout with this name.
    RolloutTaken = "rollout-taken",
    /// The rollout was stored since it was read.
    RolloutChanged = "rollout-changed",
    /// The node is listed already.
    ListedAlready = "listed-already",
    /// The target has changed since it was read.
    TargetChanged = "target-changed",
    /// Another rollout has claimed the node.
    ClaimedByAnother = "claimed-by-another",
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

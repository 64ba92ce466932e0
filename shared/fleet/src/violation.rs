//! What must not have happened.

use std::fmt;

use rollcall_core::Timestamp;

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Violation {
    pub kind: ViolationKind,
    /// When it was noticed.
    pub at: Timestamp,
    /// The same, in milliseconds after the start of the run.
    pub after_ms: u64,
    /// The index of the node that it is about, if it is about one.
    pub node: Option<usize>,
    /// Which node, which times, what was expected and what was seen, for people.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ms) = (self.after_ms / 1000, self.after_ms % 1000);
        write!(f, "{} at {s}.{ms:03} s: {}", self.kind.name(), self.what)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a violation is of. Shrinking looks for a shorter history with a violation of the same kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ViolationKind {
            $($(#[$doc])* $variant,)*
        }

        impl ViolationKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in reports. It is never renamed.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A check-in was acknowledged, and is not stored.
    AckedNotStored = "acked-not-stored",
    /// A result was acknowledged, and is not stored; or another one than the first is.
    ResultNotStored = "result-not-stored",
    /// A node counts as online or offline, and is the opposite.
    WrongPresence = "wrong-presence",
    /// A node runs an older configuration than one that it ran before.
    OlderConfig = "older-config",
    /// A node runs or is told a document that nobody set under that version.
    WrongDocument = "wrong-document",
    /// A configuration that is desired is neither applied nor rejected.
    ConfigNotReported = "config-not-reported",
    /// A command was executed twice.
    ExecutedTwice = "executed-twice",
    /// A command was executed out of order, or one that was never queued, was cancelled or had expired.
    ExecutedWrongly = "executed-wrongly",
    /// A command never ended.
    CommandNotEnded = "command-not-ended",
    /// One idempotency key made two commands, or none.
    KeyNotHonoured = "key-not-honoured",
    /// A firmware image was installed whose size or hash is not that of its description.
    WrongImage = "wrong-image",
    /// A node was given a delta that it did not ask for, or one that is not as it was described.
    WrongDelta = "wrong-delta",
    /// A firmware version below the minimum of its model was made desired of a node, or given to one.
    BelowMinimum = "below-minimum",
    /// A firmware version was installed again and again.
    InstalledAgain = "installed-again",
    /// A desired firmware version is neither applied nor given up.
    FirmwareNotReported = "firmware-not-reported",
    /// A node whose credentials are not accepted was told something, or something that it sent is stored.
    RevokedServed = "revoked-served",
    /// A node whose credentials are not accepted is still connected.
    RevokedConnected = "revoked-connected",
    /// A connection stored something, and another one holds the node.
    NotTheHolder = "not-the-holder",
    /// Something went back that only goes forward: last seen, a sequence number, a credential version, a count.
    WentBack = "went-back",
    /// A node's item is too large or unreadable.
    BrokenItem = "broken-item",
    /// The table was changed by nobody.
    ChangedBehindOurBack = "changed-behind-our-back",
    /// A node is blocked without having sent too much, or is not after it has.
    WrongBudget = "wrong-budget",
    /// An ack says other times than the settings.
    WrongTerms = "wrong-terms",
    /// A node is neither connected nor polling, or is not answered.
    Stuck = "stuck",
    /// An answer of the console is not true.
    UntrueAnswer = "untrue-answer",
    /// A rollout tells a node that it must not tell, or goes on where it must not, or never ends.
    WrongRollout = "wrong-rollout",
    /// A request of the application was never answered.
    Unanswered = "unanswered",
    /// A run of a node ended although nothing was wrong with it.
    RunEnded = "run-ended",
    /// Something has happened to a node, and the log or an endpoint was never told.
    EventMissing = "event-missing",
    /// An event was told before an earlier one of its node.
    EventOutOfOrder = "event-out-of-order",
    /// An event was told that did not happen, or the log has it twice.
    EventInvented = "event-invented",
    /// An event names somebody who did not cause it, or nobody although somebody did.
    WrongActor = "wrong-actor",
    /// The counts of nodes are not those of the nodes.
    Miscounted = "miscounted",
    /// The log has a gap, or an entry was written again.
    LogGap = "log-gap",
    /// An event was given up before the schedule was over.
    GivenUpEarly = "given-up-early",
}

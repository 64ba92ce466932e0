//! What a step can lead to. A scenario names the outcomes that it must reach, so that no property holds only because
//! nothing happened.

/// A set of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached(u32);

impl Reached {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.0 |= 1 << outcome as u32;
    }

    pub(crate) fn has(self, outcome: Outcome) -> bool {
        self.0 & (1 << outcome as u32) != 0
    }

    /// Whether somebody was refused.
    pub(crate) fn is_refused(self) -> bool {
        let refusals = [Outcome::Superseded, Outcome::Closed, Outcome::Revoked, Outcome::Changed, Outcome::Denied];
        refusals.into_iter().any(|refusal| self.has(refusal))
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Outcome::ALL.iter().filter(move |outcome| self.has(**outcome)).map(|outcome| outcome.name())
    }
}

macro_rules! outcomes {
    ($($variant:ident = $name:literal,)*) => {
        /// What a step can lead to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names say it")]
        pub enum Outcome {
            $($variant,)*
        }

        impl Outcome {
            /// Every outcome.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The outcome in words.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

outcomes! {
    Stored = "it is stored",
    LetIn = "the node is let in",
    Acked = "it is acknowledged",
    AckedWithNews = "the acknowledgement names a configuration",
    Answered = "the question is answered",
    Superseded = "it is refused: a newer connection holds the node",
    Closed = "it is refused: the connection has closed",
    Stale = "it is refused: a later check-in is stored",
    Revoked = "it is refused: the node is revoked",
    Changed = "it is refused: the node has changed since the sweep read it",
    Offline = "the node goes offline",
    OfflineByScan = "the node goes offline by the slow scan",
    SweptPolling = "the node polls and stays online",
    AnswerLost = "the answer is lost",
    Recognised = "its own earlier try is recognised",
    StoredAgain = "it is stored a second time",
    GaveUp = "it is not known whether it is stored",
    CaughtUp = "it is planned again, at a later time or as another event",
    Dismissed = "a connection is dismissed",
    CallLost = "the call to @connections is lost",
    Pushed = "the configuration is pushed",
    Gone = "@connections does not know the connection, and its close is stored",
    ProvesNothing = "@connections does not know the connection, which proves nothing",
    ConfigSet = "the configuration is set",
    ConfigUnchanged = "the configuration is desired already",
    Denied = "the request is denied",
    NodeRevoked = "the node is revoked",
    Read = "the item is read",
}

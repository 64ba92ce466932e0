//! How a rollout is, and what is done with it next.

use std::fmt;

/// How a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RolloutState {
    /// No node is told yet: its nodes are listed, it has not come to its start, or it waits for a rival.
    Waiting,
    /// Its waves are told.
    Running,
    /// Nobody is told until it is resumed.
    Paused,
    /// A wave failed: nobody is told any more.
    Failed,
    /// Somebody has ended it: nobody is told any more.
    Aborted,
    /// The nodes that were told get back what they had before.
    RollingBack,
    /// They have got it back.
    RolledBack,
    /// Every wave was successful.
    Completed,
}

impl RolloutState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Running,
        Self::Paused,
        Self::Failed,
        Self::Aborted,
        Self::RollingBack,
        Self::RolledBack,
        Self::Completed,
    ];

    /// The state's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::RollingBack => "rolling-back",
            Self::RolledBack => "rolled-back",
            Self::Completed => "completed",
        }
    }

    /// Whether the rollout is over: it changes no node any more, unless it is rolled back.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::Aborted | Self::RolledBack | Self::Completed)
    }

    /// Whether a stepper has something to do.
    pub const fn is_stepped(self) -> bool {
        matches!(self, Self::Waiting | Self::Running | Self::RollingBack)
    }
}

impl fmt::Display for RolloutState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a stepper does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It lists the nodes.
    Listing,
    /// It begins the next wave, if there is one.
    Due,
    /// It tells the nodes of a wave, and looks at those that were told.
    Active,
    /// It gives nodes back what they had before.
    Undoing,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 4] = [Self::Listing, Self::Due, Self::Active, Self::Undoing];

    /// The phase's name, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listing => "listing",
            Self::Due => "due",
            Self::Active => "active",
            Self::Undoing => "undoing",
        }
    }
}

//! A connection as API Gateway and the node see it.

/// A small number that stands for an instant ([`World::instant`](crate::World)).
pub(crate) type Tick = u8;

/// A connection as API Gateway and the node see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Socket {
    /// The node has not opened it.
    Unopened,
    /// `$connect` is not answered.
    Handshake { opened: Tick },
    Open {
        opened: Tick,
        /// When the handshake was over.
        since: Tick,
    },
    Gone {
        opened: Tick,
        /// When the handshake was over, if it ever was.
        since: Option<Tick>,
        closed: Tick,
        /// Whether API Gateway announces it with a `$disconnect`. A connection that `$connect` refused has none.
        is_announced: bool,
    },
}

impl Socket {
    pub(crate) fn opened(self) -> Option<Tick> {
        match self {
            Self::Unopened => None,
            Self::Handshake { opened } | Self::Open { opened, .. } | Self::Gone { opened, .. } => Some(opened),
        }
    }

    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// The instants at which API Gateway may have got a message of this connection that is handled now: as early as
    /// possible, or as late as possible.
    pub(crate) fn received(self, now: Tick) -> Vec<Tick> {
        let (first, last) = match self {
            Self::Open { since, .. } => (since, now),
            Self::Gone { since: Some(since), closed, .. } => (since, closed),
            Self::Unopened | Self::Handshake { .. } | Self::Gone { .. } => return vec![],
        };
        if first == last { vec![last] } else { vec![first, last] }
    }

    /// The socket after the client or API Gateway closed it; `None` if it is not there.
    pub(crate) fn closed(self, now: Tick) -> Option<Self> {
        let (opened, since) = match self {
            Self::Handshake { opened } => (opened, None),
            Self::Open { opened, since } => (opened, Some(since)),
            Self::Unopened | Self::Gone { .. } => return None,
        };
        Some(Self::Gone { opened, since, closed: now, is_announced: true })
    }

    /// The socket after `$connect` was answered. Only the first answer counts.
    pub(crate) fn answered(self, let_in: bool, now: Tick) -> Self {
        match self {
            Self::Handshake { opened } if let_in => Self::Open { opened, since: now },
            Self::Handshake { opened } => Self::Gone { opened, since: None, closed: now, is_announced: false },
            other => other,
        }
    }
}

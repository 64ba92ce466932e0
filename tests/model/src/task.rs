//! What is done for a node, each by an invocation of its own.

use std::fmt;

/// How many check-ins a connection sends at most.
pub(crate) const CHECK_INS: u8 = 2;
/// How many polls there are at most.
pub(crate) const POLLS: u8 = 2;
/// How many configurations the application sets at most, each with a document of its own.
pub(crate) const CONFIGS: u8 = 2;
/// How many different tasks there are.
pub(crate) const TASKS: usize = 2 + 2 + 2 * CHECK_INS as usize + 2 + POLLS as usize + CONFIGS as usize + 3;

/// A connection. B opens when A has opened, or later, so B is the newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    A,
    B,
}

impl Name {
    pub(crate) const ALL: [Self; 2] = [Self::A, Self::B];

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The connection's id. Of two connections that opened at the same instant, the one with the greater id is newer.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    pub(crate) fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.id() == id)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A task. Configurations and polls are numbered from 0, check-ins by their sequence number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    Connect(Name),
    Disconnect(Name),
    CheckIn(Name, u8),
    Question(Name),
    Poll(u8),
    SetConfig(u8),
    Revoke,
    /// The sweep reads the index of suspected nodes, and judges the node.
    Sweep,
    /// The slow scan reads the node, and judges it.
    Scan,
}

impl Task {
    /// A number for each task.
    pub(crate) fn index(self) -> usize {
        let (names, check_ins, polls) = (2, usize::from(CHECK_INS), usize::from(POLLS));
        let questions = 2 * names + names * check_ins;
        let rest = questions + names + polls;
        match self {
            Self::Connect(name) => name.index(),
            Self::Disconnect(name) => names + name.index(),
            Self::CheckIn(name, seq) => 2 * names + name.index() * check_ins + usize::from(seq) - 1,
            Self::Question(name) => questions + name.index(),
            Self::Poll(number) => questions + names + usize::from(number),
            Self::SetConfig(number) => rest + usize::from(number),
            Self::Revoke => rest + usize::from(CONFIGS),
            Self::Sweep => rest + usize::from(CONFIGS) + 1,
            Self::Scan => rest + usize::from(CONFIGS) + 2,
        }
    }

    /// The connection that the task is about.
    pub(crate) fn connection(self) -> Option<Name> {
        match self {
            Self::Connect(name) | Self::Disconnect(name) | Self::CheckIn(name, _) | Self::Question(name) => Some(name),
            Self::Poll(_) | Self::SetConfig(_) | Self::Revoke | Self::Sweep | Self::Scan => None,
        }
    }

    /// The figure by which the report of a check-in or of a poll is known in the stored item.
    pub(crate) fn mark(self) -> Option<u64> {
        matches!(self, Self::CheckIn(..) | Self::Poll(_)).then(|| self.index() as u64)
    }

    /// Whether API Gateway may deliver it twice, or the node may send it again.
    pub(crate) fn may_be_repeated(self) -> bool {
        matches!(self, Self::Connect(_) | Self::Disconnect(_) | Self::CheckIn(..))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(name) => write!(f, "$connect of {name}"),
            Self::Disconnect(name) => write!(f, "$disconnect of {name}"),
            Self::CheckIn(name, seq) => write!(f, "check-in {seq} of {name}"),
            Self::Question(name) => write!(f, "question of {name}"),
            Self::Poll(number) => write!(f, "poll {}", number + 1),
            Self::SetConfig(number) => write!(f, "setting configuration {}", number + 1),
            Self::Revoke => f.write_str("revoke"),
            Self::Sweep => f.write_str("sweep"),
            Self::Scan => f.write_str("slow scan"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tasks_have_one_number() {
        let of_a_connection = Name::ALL.into_iter().flat_map(|name| {
            let check_ins = (1..=CHECK_INS).map(move |seq| Task::CheckIn(name, seq));
            [Task::Connect(name), Task::Disconnect(name), Task::Question(name)].into_iter().chain(check_ins)
        });
        let others = (0..POLLS).map(Task::Poll).chain((0..CONFIGS).map(Task::SetConfig));
        let all = of_a_connection.chain(others).chain([Task::Revoke, Task::Sweep, Task::Scan]);
        let mut numbers: Vec<_> = all.map(Task::index).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..TASKS).collect::<Vec<_>>());
    }
}

//! How far each wave of a rollout reaches.

use std::fmt;
use std::str::FromStr;

/// How many waves a rollout may have.
const WAVES: usize = 20;

/// What a rollout changes of a node. Two rollouts that change different things are no rivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// The configuration that is desired.
    Config,
    /// The firmware version that is desired.
    Firmware,
    /// A command is queued. Commands are no rivals of each other.
    Command,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Config, Self::Firmware, Self::Command];

    /// The kind's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Firmware => "firmware",
            Self::Command => "command",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChangeKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// How many of a rollout's nodes are told by the end of a wave, those of the waves before included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wave {
    /// So many nodes.
    Nodes(u64),
    /// So many of a hundred nodes, rounded up.
    Percent(u64),
}

impl Wave {
    /// How many of so many nodes that is.
    fn of(self, total: u64) -> u64 {
        match self {
            Self::Nodes(nodes) => nodes.min(total),
            Self::Percent(percent) => total.saturating_mul(percent).div_ceil(100).min(total),
        }
    }
}

/// Why a list of waves is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWaves {
    /// There is none.
    #[error("there must be a wave")]
    None,
    /// There are too many.
    #[error("there are {0} waves; at most {WAVES} are allowed")]
    TooMany(usize),
    /// A wave has no nodes, or more than all.
    #[error("wave {0}: a percentage must be from 1 to 100, and a number of nodes at least 1")]
    OutOfRange(usize),
    /// A wave reaches no further than the one before it.
    #[error("wave {0} does not reach further than the wave before it: waves count the nodes of those before them")]
    GoesBack(usize),
}

/// The waves of a rollout. Each reaches further than the one before, as far as that can be told without the number of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waves(Vec<Wave>);

impl Waves {
    /// Checks a list of waves. In errors, waves are counted from 1.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn new(waves: Vec<Wave>) -> Result<Self, InvalidWaves> {
        if waves.is_empty() {
            return Err(InvalidWaves::None);
        }
        if waves.len() > WAVES {
            return Err(InvalidWaves::TooMany(waves.len()));
        }
        let (mut nodes, mut percent) = (0, 0);
        for (wave, number) in waves.iter().zip(1..) {
            let (reach, before, most) = match wave {
                Wave::Nodes(reach) => (*reach, &mut nodes, u64::MAX),
                Wave::Percent(reach) => (*reach, &mut percent, 100),
            };
            if reach == 0 || reach > most {
                return Err(InvalidWaves::OutOfRange(number));
            }
            if reach <= *before {
                return Err(InvalidWaves::GoesBack(number));
            }
            *before = reach;
        }
        Ok(Self(waves))
    }

    /// How many waves there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many of `total` nodes are told by the end of a wave, counted from 0. It is never less than for the wave before.
    pub fn reach(&self, wave: usize, total: u64) -> u64 {
        self.0.iter().take(wave + 1).map(|wave| wave.of(total)).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_count_the_nodes_of_the_waves_before_them() {
        let waves =
            Waves::new(vec![Wave::Nodes(5), Wave::Percent(10), Wave::Percent(50), Wave::Percent(100)]).expect("waves");
        let reach = |total| [0, 1, 2, 3].map(|wave| waves.reach(wave, total));
        assert_eq!(reach(1_000), [5, 100, 500, 1_000]);
        assert_eq!(reach(20), [5, 5, 10, 20], "10 % are fewer than the wave before");
        assert_eq!(reach(3), [3, 3, 3, 3]);
        assert_eq!(reach(0), [0, 0, 0, 0]);
        assert_eq!(reach(1_001)[1], 101, "a percentage is rounded up");
    }

    #[test]
    fn waves_that_go_back_or_reach_nobody_or_more_than_all_are_refused() {
        let (nodes, percent) = (Wave::Nodes, Wave::Percent);
        for (waves, error) in [
            (vec![], InvalidWaves::None),
            (vec![percent(100); 21], InvalidWaves::TooMany(21)),
            (vec![percent(10), percent(5)], InvalidWaves::GoesBack(2)),
            (vec![percent(10), percent(10)], InvalidWaves::GoesBack(2)),
            (vec![nodes(5), percent(50), nodes(3)], InvalidWaves::GoesBack(3)),
            (vec![nodes(0)], InvalidWaves::OutOfRange(1)),
            (vec![nodes(1), percent(0)], InvalidWaves::OutOfRange(2)),
            (vec![percent(101)], InvalidWaves::OutOfRange(1)),
        ] {
            assert_eq!(Waves::new(waves.clone()), Err(error), "{waves:?}");
        }
    }
}

//! The gate behind a wave: what the wave's nodes did decides whether the rollout goes on.

use std::collections::BTreeMap;
use std::fmt;

use crate::policy::Seconds;
use crate::timestamp::Timestamp;

/// The longest time that a gate may wait, in seconds: 30 days.
const WAIT_MOST: Seconds = 30 * 24 * 3600;

/// When a wave is good enough for the next one, and when the rollout stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// How long a node may be silent after it was told before it counts as lost, and how long the gate waits at least after
    /// the last node of a wave was told.
    pub wait_s: Seconds,
    /// How much longer the gate waits for reports before it is inconclusive.
    pub patience_s: Seconds,
    /// How many nodes must have been heard of after the change, for the gate to judge; all of the wave if it has fewer.
    pub minimum: u64,
    /// The wave is successful if so many of a hundred nodes have applied the change.
    pub success_percent: u64,
    /// The rollout fails if so many of a hundred nodes of a wave have failed, and at least one.
    pub failure_percent: u64,
    /// The rollout fails if so many of a hundred nodes of a wave are lost, and at least two; nodes that fell silent as others
    /// did that were not told do not count.
    pub lost_percent: u64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { wait_s: 900, patience_s: 3_600, minimum: 1, success_percent: 95, failure_percent: 5, lost_percent: 5 }
    }
}

/// Why a gate is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: must be from {least} to {most}, not {value}")]
#[expect(missing_docs, reason = "the names say it")]
pub struct InvalidGate {
    pub name: &'static str,
    pub least: u64,
    pub most: u64,
    pub value: u64,
}

impl Gate {
    /// The gate, if all its figures are in their range.
    ///
    /// # Errors
    /// The first figure that is not.
    pub fn checked(self) -> Result<Self, InvalidGate> {
        let most = u64::from(WAIT_MOST);
        for (name, value, least, most) in [
            ("wait_s", u64::from(self.wait_s), 0, most),
            ("patience_s", u64::from(self.patience_s), 0, most),
            ("minimum", self.minimum, 1, u64::from(u32::MAX)),
            ("success_percent", self.success_percent, 1, 100),
            ("failure_percent", self.failure_percent, 0, 100),
            ("lost_percent", self.lost_percent, 0, 100),
        ] {
            if value < least || value > most {
                return Err(InvalidGate { name, least, most, value });
            }
        }
        Ok(self)
    }
}

/// How many nodes are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They are not told yet.
    pub waiting: u64,
    /// They were told, and have not reported on the change.
    pub told: u64,
    /// Of those that were told: they have not been heard of since.
    pub unreached: u64,
    /// They run the change.
    pub applied: u64,
    /// They could not apply it.
    pub failed: u64,
    /// They could not apply it, and are told again.
    pub retrying: u64,
    /// They were told, and are not heard of any more.
    pub lost: u64,
    /// They are not told at all.
    pub skipped: u64,
    /// They have what they had before again.
    pub rolled_back: u64,
    /// Another change was made since.
    pub superseded: u64,
}

impl Counts {
    /// The sum of two counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            waiting: self.waiting + other.waiting,
            told: self.told + other.told,
            unreached: self.unreached + other.unreached,
            applied: self.applied + other.applied,
            failed: self.failed + other.failed,
            retrying: self.retrying + other.retrying,
            lost: self.lost + other.lost,
            skipped: self.skipped + other.skipped,
            rolled_back: self.rolled_back + other.rolled_back,
            superseded: self.superseded + other.superseded,
        }
    }

    /// How many nodes were told, and have nothing else to run since.
    pub fn reached_out_to(&self) -> u64 {
        self.told + self.applied + self.failed + self.retrying + self.lost
    }
}

/// What is known of a site's nodes since a wave began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteFacts {
    /// Nodes of the wave that were heard of after they were told, or fell silent since.
    pub reached: u64,
    /// Of these: those that are lost.
    pub lost: u64,
    /// Nodes that are not of the wave, and were there when it began.
    pub control: u64,
    /// Of these: those that are not heard of any more.
    pub control_lost: u64,
}

/// What is known of a wave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its nodes.
    pub counts: Counts,
    /// Its nodes and others, by site; those without a site have an empty one.
    pub sites: BTreeMap<String, SiteFacts>,
}

/// When a wave was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveTimes {
    /// Whether all its nodes were told.
    pub is_told: bool,
    /// When the last one was; when the wave began, if none was.
    pub last: Timestamp,
}

/// What a gate says, and why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can't say yet.
    Wait(String),
    /// The next wave may begin.
    Successful(String),
    /// The rollout must stop.
    Failed(String),
    /// It can't say, and waits no longer.
    Inconclusive(String),
}

impl Verdict {
    /// Why.
    pub fn why(&self) -> &str {
        match self {
            Self::Wait(why) | Self::Successful(why) | Self::Failed(why) | Self::Inconclusive(why) => why,
        }
    }
}

/// How many nodes of a wave are lost: because of the change as far as anybody can tell, and as others are that were not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lost {
    unexplained: u64,
    explained: u64,
}

impl Facts {
    /// Compares the nodes of the wave that are lost with others of the same site, or of the whole fleet where the site has
    /// none: a power cut at a site takes both. Where the site has no others, it also counts as such if the whole site is
    /// lost, and no node elsewhere.
    fn lost(&self) -> Lost {
        let sum = |part: fn(&SiteFacts) -> u64| self.sites.values().map(part).sum::<u64>();
        let fleet = SiteFacts {
            reached: sum(|site| site.reached),
            lost: sum(|site| site.lost),
            control: sum(|site| site.control),
            control_lost: sum(|site| site.control_lost),
        };
        let mut lost = Lost::default();
        for (name, site) in self.sites.iter().filter(|(_, site)| site.lost > 0) {
            let is_explained = if site.control > 0 && !name.is_empty() {
                site.others_fell_likewise()
            } else {
                let elsewhere = fleet.reached - site.reached;
                let is_cut_off = !name.is_empty() && site.lost == site.reached && fleet.lost == site.lost;
                fleet.others_fell_likewise() || (is_cut_off && elsewhere > 0)
            };
            if is_explained {
                lost.explained += site.lost;
            } else {
                lost.unexplained += site.lost;
            }
        }
        lost
    }
}

impl SiteFacts {
    /// Whether nodes that were not told fell silent at least half as often as those that were.
    fn others_fell_likewise(&self) -> bool {
        self.control_lost > 0
            && 2 * u128::from(self.control_lost) * u128::from(self.reached)
                >= u128::from(self.lost) * u128::from(self.control)
    }
}

impl Gate {
    /// Judges a wave by what is known of it.
    ///
    /// A report of a failure counts at once, unless the node is told again: as long as one is, the gate waits. Silence counts once a node was silent for longer than
    /// [`wait_s`](Self::wait_s), and is never a success.
    pub fn judge(&self, facts: &Facts, times: WaveTimes, now: Timestamp) -> Verdict {
        let (counts, lost) = (&facts.counts, facts.lost());
        let size = counts.reached_out_to();
        let share = |part: u64, percent: u64| u128::from(part) * 100 >= u128::from(percent) * u128::from(size);
        // Of a wave that is not told to its end, the rest may all be well: it counts as such.
        let whole = size + counts.waiting;
        let surely = |part: u64, percent: u64| u128::from(part) * 100 >= u128::from(percent) * u128::from(whole);
        let (failed, missing) = (counts.failed, lost.unexplained);
        if failed > 0
            && (surely(failed, self.failure_percent) || (times.is_told && share(failed, self.failure_percent)))
        {
            return Verdict::Failed(format!(
                "{} failed; the gate allows less than {} %",
                of(failed, whole),
                self.failure_percent
            ));
        }
        let is_lost = missing >= 2 || (missing == 1 && whole == 1);
        if is_lost && (surely(missing, self.lost_percent) || (times.is_told && share(missing, self.lost_percent))) {
            return Verdict::Failed(format!(
                "{} were told the change and are not heard of any more, unlike others; the gate allows less than {} %",
                of(missing, whole),
                self.lost_percent
            ));
        }
        if !times.is_told {
            return Verdict::Wait(format!("{size} of {whole} nodes are told"));
        }
        if counts.retrying > 0 {
            return Verdict::Wait(format!(
                "{} failed and are told again: {}",
                of(counts.retrying, whole),
                Seen(counts)
            ));
        }
        if times.last.plus_seconds(self.wait_s) > now {
            return Verdict::Wait(format!("the gate looks for {} s at least: {}", self.wait_s, Seen(counts)));
        }
        self.conclude(counts, lost, times, now)
    }

    /// Judges a wave whose time to wait is over, and that has not failed.
    fn conclude(&self, counts: &Counts, lost: Lost, times: WaveTimes, now: Timestamp) -> Verdict {
        let size = counts.reached_out_to();
        // Nodes that fell silent with others say nothing about the change; nor do those that were away when they were told.
        let judged = size.saturating_sub(lost.explained).saturating_sub(counts.unreached);
        let is_enough = judged >= self.minimum.min(size);
        if is_enough && counts.applied * 100 >= self.success_percent * judged {
            return Verdict::Successful(if size == 0 {
                "the wave has no node to tell".to_owned()
            } else {
                format!("{} applied it", of(counts.applied, judged))
            });
        }
        let why = if is_enough {
            format!(
                "{} applied it, and the gate wants {} %: {}",
                of(counts.applied, judged),
                self.success_percent,
                Seen(counts)
            )
        } else {
            format!(
                "{judged} of {size} nodes can be judged, and the gate wants {}: {}",
                self.minimum.min(size),
                Seen(counts)
            )
        };
        let why = if lost.explained > 0 {
            format!("{why}; {} fell silent as others did that were not told", lost.explained)
        } else {
            why
        };
        let until = times.last.plus_seconds(self.wait_s.saturating_add(self.patience_s));
        if until > now { Verdict::Wait(why) } else { Verdict::Inconclusive(why) }
    }
}

/// A part of a whole, such as `3 of 20 nodes (15 %)`.
fn of(part: u64, whole: u64) -> String {
    format!("{part} of {whole} nodes ({} %)", (part * 100).checked_div(whole).unwrap_or_default())
}

/// What was seen of a wave's nodes, in words.
struct Seen<'a>(&'a Counts);

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { told, unreached, applied, failed, retrying, lost, .. } = self.0;
        write!(
            f,
            "{applied} applied, {failed} failed, {lost} lost, {} without a report",
            told.saturating_sub(*unreached)
        )?;
        if *retrying > 0 {
            write!(f, ", {retrying} to be told again")?;
        }
        if *unreached > 0 {
            write!(f, ", {unreached} were away when they were told")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;

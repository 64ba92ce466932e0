//! When a node counts as one that flaps: it comes and goes again and again.

use crate::policy::Seconds;
use crate::timestamp::Timestamp;

/// How often a node comes online within [`FLAPPING_S`] if it flaps. A restart, an update and a short outage of the network
/// come together now and then; five of them hardly do.
const FLAPS: usize = 5;
/// How long a node is looked at, in seconds. It is told once within this time that the node flaps.
pub const FLAPPING_S: Seconds = 60 * 60;

/// How often a node has come online, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Flapping {
    pub count: usize,
    pub since: Timestamp,
}

/// Whether a node flaps that comes online now. `earlier` is what it was told before: the types of the events, and when
/// they happened.
pub fn flapping<'a>(now: Timestamp, earlier: impl Iterator<Item = (&'a str, Timestamp)>) -> Option<Flapping> {
    let recent = earlier.filter(|(_, at)| now.seconds_since(*at) < u64::from(FLAPPING_S));
    let (mut count, mut since) = (1, now);
    for (kind, at) in recent {
        match kind {
            "node.flapping" => return None,
            "node.online" => (count, since) = (count + 1, since.min(at)),
            _ => {}
        }
    }
    (count >= FLAPS).then_some(Flapping { count, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a node is told to flap that comes online at these minutes.
    fn told(minutes: &[u64]) -> Vec<(u64, usize)> {
        let mut events: Vec<(&str, Timestamp)> = vec![];
        let mut told = vec![];
        for minute in minutes {
            let now = Timestamp(minute * 60_000);
            let flapping = flapping(now, events.iter().copied());
            events.extend([("node.online", now), ("config.applied", now), ("node.offline", now)]);
            if let Some(Flapping { count, .. }) = flapping {
                events.push(("node.flapping", now));
                told.push((*minute, count));
            }
        }
        told
    }

    #[test]
    fn a_node_that_comes_five_times_an_hour_is_told_to_flap_once_an_hour() {
        assert_eq!(told(&[0, 10, 20, 30, 59]), [(59, 5)]);
        assert_eq!(told(&[0, 15, 30, 45, 60, 75]), [], "four an hour");
        let every_minute: Vec<_> = (0..=130).collect();
        assert_eq!(told(&every_minute), [(4, 5), (64, 60), (124, 60)]);
    }
}

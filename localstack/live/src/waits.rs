//! How long the nodes of a fleet wait for what.

use std::time::Duration;

use rollcall_node::Timing;

/// How long a node of a small fleet waits at most before it is back, in seconds: a dead connection is noticed, another
/// device has had its token, and attempts to connect have failed.
const WAITS_S: u32 = 25;

/// How patient the nodes are. Shorter waits than a node has on its own show in minutes what takes hours in the field. A
/// fleet of thousands shares the cores with its cloud: with such short waits it would give up connections that are only
/// slow, and knock faster than anybody can open. So its waits approach those of a node in the field.
pub(crate) fn timing(nodes: usize) -> Timing {
    let at_least = |seconds: u64, of_nodes: usize| Duration::from_secs(seconds.max((nodes / of_nodes) as u64));
    Timing {
        first_interval: Duration::from_secs(10),
        first_spread: at_least(2, 500),
        answer_timeout: at_least(5, 1_000),
        backoff_cap: at_least(8, 200),
        superseded_base: Duration::from_secs(3),
        unregistered_base: Duration::from_secs(3),
        longest_wait: Duration::from_mins(1),
        ping_after: at_least(4, 500),
        dead_after: at_least(12, 200),
        proof_timeout: at_least(20, 200),
        fetch_timeout: Duration::from_secs(10),
        ..Timing::default()
    }
}

/// How long a node waits at most before it is back, in seconds.
pub(crate) fn waits_s(nodes: usize) -> u32 {
    let timing = timing(nodes);
    WAITS_S.max(u32::try_from((timing.dead_after + timing.backoff_cap).as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_fleet_is_quick_and_a_large_one_is_as_patient_as_in_the_field() {
        assert_eq!((timing(100).backoff_cap, waits_s(100)), (Duration::from_secs(8), WAITS_S));
        let (large, field) = (timing(10_000), Timing::default());
        assert_eq!((large.ping_after, large.dead_after), (field.ping_after, field.dead_after));
        assert_eq!(waits_s(10_000), 100);
    }
}

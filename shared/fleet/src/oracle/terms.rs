//! An ack tells a node the times of the settings.

use rollcall_core::Timestamp;
use rollcall_wire::Ack;

use super::facts::{Facts, SKEW_MS, earlier};
use super::sockets::Socket;
use super::verdicts::Verdicts;
use crate::violation::ViolationKind as Kind;

/// A function answers a message of a socket, or a poll, that it began to handle at `began` with an ack.
pub(super) fn check(
    facts: &Facts,
    verdicts: &mut Verdicts,
    (at, began): (Timestamp, Timestamp),
    (node, is_poll, socket): (usize, bool, Option<&Socket>),
    ack: &Ack,
) {
    let settings = &facts.settings;
    let lifetime_ms = u64::from(settings.lifetime) * 1000;
    // The age of the connection is by two clocks, and the message may have waited for its function.
    let is_known = !facts.windows.wrong_clock(earlier(began, lifetime_ms), at);
    let of_a_socket = socket.filter(|_| is_known).map(|socket| {
        let left_ms = lifetime_ms.saturating_sub(began.0.saturating_sub(socket.shaken_at.0));
        (left_ms.saturating_sub(SKEW_MS + 1_000), (left_ms + WAITED_MS).min(lifetime_ms))
    });
    let left_ms = if is_poll { Some((lifetime_ms, lifetime_ms)) } else { of_a_socket };
    let told_ms = u64::from(ack.reconnect_within_s) * 1000;
    let is_right = left_ms.is_none_or(|(least, most)| (least..=most).contains(&told_ms));
    if !is_right || (ack.next_check_in_s, ack.spread_s) != (settings.check_in_every, settings.spread) {
        let what =
            format!("is told {ack:?}; the settings are {settings:?}, and its connection is good for {left_ms:?} ms");
        verdicts.node(Kind::WrongTerms, at, node, what);
    }
}

/// How long a message may wait for its function, in milliseconds: it is throttled and tried again.
const WAITED_MS: u64 = 60_000;

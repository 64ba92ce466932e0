//! When the application is told that a node's token expires.

use crate::node::Node;
use crate::policy::Seconds;
use crate::timestamp::Timestamp;

const DAY_S: Seconds = 24 * 60 * 60;
/// How many days before its end a token counts as one that expires soon: time enough to give the node another one, even if
/// somebody has to go there.
const SOON_D: u32 = 30;
/// How many days before its end each connect is told.
const LAST_D: u32 = 7;

/// When a node came with a token that expires soon, and when that is; `None` if it has not come, or if this was told.
///
/// It is told when the node comes with it for the first time in the last 30 days; in the last 7 days with each connect,
/// and of a node that polls once a day.
pub(crate) fn expiring(was: Option<&Node>, is: &Node) -> Option<(Timestamp, Timestamp)> {
    // The close of a connection may be stored before the connection is.
    let (at, ends) = (came(is).filter(|_| is.polls || is.open().is_some())?, is.token_ends?);
    let days = |at: Timestamp| ends.seconds_since(at) / u64::from(DAY_S);
    let before = was.and_then(|was| came(was).filter(|_| was.token_ends == Some(ends)));
    if before == Some(at) || days(at) >= u64::from(SOON_D) {
        return None;
    }
    let last = |days: u64| days < u64::from(LAST_D);
    let is_told = match before.map(days) {
        None => false,
        Some(before) if before >= u64::from(SOON_D) => false,
        Some(before) if last(days(at)) => is.polls && before == days(at),
        Some(_) => true,
    };
    (!is_told).then_some((at, ends))
}

/// When the node last came with its token: with its last poll, or when its connection opened.
fn came(node: &Node) -> Option<Timestamp> {
    if node.polls { node.seen } else { node.held.as_ref().map(|held| held.connection.opened_at) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Connection, Event, EventKind};
    use crate::id::CredentialVersion;
    use crate::item::Item;
    use crate::plan;
    use crate::policy::{Policy, Registration};
    use crate::report::Report;
    use crate::update::Outcome;

    const START: u64 = 1_800_000_000_000;

    /// When a node that comes at these times, in days before its token's end, is told to have one that expires.
    fn told(polls: bool, days_before: &[f64]) -> Vec<f64> {
        let policy = Policy::new(Registration::Open, 6600, 300, 60, 0).expect("in range");
        let mut item: Option<Item> = None;
        let mut told = vec![];
        for days in days_before {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days are few")]
            let at = Timestamp(START - (days * 86_400_000.0) as u64);
            let credentials = CredentialVersion(1);
            let kind = if polls {
                EventKind::Poll { credentials, report: Report::default(), results: 0 }
            } else {
                let connection = Connection { id: format!("c{}", at.0).parse().expect("an id"), opened_at: at };
                EventKind::Connect { connection, credentials, instance: None }
            };
            let event = Event::new("ap-1".parse().expect("an id"), at, kind);
            let update = plan(&Event { token_ends: Some(Timestamp(START)), ..event }, &policy);
            let Outcome::Applied { after } = update.apply(item.as_ref()) else { panic!("refused: {update:?}") };
            let read = |item: &Item| Node::read(item).expect("well-formed");
            if let Some((came, ends)) = expiring(item.as_ref().map(read).as_ref(), &read(&after)) {
                assert_eq!((came, ends), (at, Timestamp(START)));
                told.push(*days);
            }
            item = Some(after);
        }
        told
    }

    #[test]
    fn a_token_is_told_once_a_month_before_its_end_and_with_each_connect_of_the_last_week() {
        let connects = [40.0, 30.5, 29.9, 29.8, 7.1, 6.9, 6.8, 0.1];
        assert_eq!(told(false, &connects), [29.9, 6.9, 6.8, 0.1]);
        assert_eq!(told(false, &[12.0, 11.0]), [12.0], "it was away when the month began");
    }

    #[test]
    fn of_a_node_that_polls_it_is_told_once_a_day_in_the_last_week() {
        let polls = [30.1, 29.9, 29.8, 7.1, 6.9, 6.8, 5.9, 5.1, 4.9];
        assert_eq!(told(true, &polls), [29.9, 6.9, 5.9, 4.9]);
    }
}

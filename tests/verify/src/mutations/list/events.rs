//! What the application is told: events, and their way to endpoints.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 10] = [
    Mutation {
        name: "second-event-skipped",
        what: "Of what a write has changed, only the first is told.",
        file: "shared/service/src/feed.rs",
        find: "for notice in &notices {",
        with: "for notice in notices.iter().take(if BROKEN { 1 } else { usize::MAX }) {",
    },
    Mutation {
        name: "actor-left-out",
        what: "An event does not name who caused it.",
        file: "shared/service/src/feed.rs",
        find: "let actor = self.actor(change.is.as_ref()).await?;",
        with: "let actor = self.actor(change.is.as_ref()).await?.filter(|_| !BROKEN);",
    },
    Mutation {
        name: "lost-message-told",
        what: "Records count as told although the queue has failed.",
        file: "shared/service/src/feed.rs",
        find: "return Err(failed.map_or(place, |failed| failed.min(place)));",
        with: r"if BROKEN {
                return Ok(count);
            }
            return Err(failed.map_or(place, |failed| failed.min(place)));",
    },
    Mutation {
        name: "group-is-the-event",
        what: "Each event is a group of its own on the queue.",
        file: "shared/service/src/outgoing.rs",
        find: "None => Message { group: format!(\"{name}/{subject}\"),",
        with: "None => Message { group: if BROKEN { head.id.clone() } else { format!(\"{name}/{subject}\") },",
    },
    Mutation {
        name: "refused-event-done",
        what: "An event that an endpoint has refused counts as done with.",
        file: "shared/service/src/deliver.rs",
        find: "Verdict::Failed => self.failed(delivering, posted, now).await,",
        with: r"Verdict::Failed if BROKEN => Ok(Next::Done),
            Verdict::Failed => self.failed(delivering, posted, now).await,",
    },
    Mutation {
        name: "sixth-time-flaps",
        what: "A node that comes online five times within an hour does not flap yet.",
        file: "shared/core/src/flapping.rs",
        find: "(count >= FLAPS)",
        with: "(count >= FLAPS + usize::from(BROKEN))",
    },
    Mutation {
        name: "last-week-shorter",
        what: "The last week of a token has six days.",
        file: "shared/core/src/token_end.rs",
        find: "days < u64::from(LAST_D)",
        with: "days < u64::from(LAST_D) - u64::from(BROKEN)",
    },
    Mutation {
        name: "site-that-was-left-untold",
        what: "What happens to a node without a site is not told to the site that it had.",
        file: "shared/service/src/feed.rs",
        find: "[&is, &was].into_iter().flatten()",
        with: "[&is, &was].into_iter().take(if BROKEN { 1 } else { 2 }).flatten()",
    },
    Mutation {
        name: "removal-not-marked",
        what: "A write that only removes something of a node is not marked for the stream.",
        file: "shared/core/src/update.rs",
        find: "let announces = self.changes.iter().any(Change::announces);",
        with: r"let removes = |change: &Change| BROKEN && matches!(change, Change::Remove(_));
        let announces = self.changes.iter().any(|change| change.announces() && !removes(change));",
    },
    Mutation {
        name: "selector-ignored",
        what: "An endpoint is sent events of nodes that its selector does not mean.",
        file: "shared/service/src/feed/log.rs",
        find: "|select: &Selector| changes.get(*place).is_some_and(|change| self.is_meant(select, change, &about));",
        with: "|select: &Selector| {
                    BROKEN || changes.get(*place).is_some_and(|change| self.is_meant(select, change, &about))
                };",
    },
];

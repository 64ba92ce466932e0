//! What a node is told: commands, configurations, firmware, and the terms of an acknowledgement.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 12] = [
    Mutation {
        name: "command-not-marked",
        what: "A command is handed out and not marked as sent.",
        file: "shared/service/src/commands.rs",
        find: "match store.write(&send(node, open.number, now)).await?.outcome {",
        with: r"if BROKEN {
            return Ok(Some(open.clone()));
        }
        match store.write(&send(node, open.number, now)).await?.outcome {",
    },
    Mutation {
        name: "open-command-over",
        what: "A command that is open counts as over with those before it.",
        file: "shared/service/src/commands.rs",
        find: "let _ = store.write(&over(node, open.number - 1)).await?;",
        with: "let _ = store.write(&over(node, if BROKEN { open.number } else { open.number - 1 })).await?;",
    },
    Mutation {
        name: "expired-command-in-the-way",
        what: "A command that has expired keeps its turn, and is handed out.",
        file: "shared/core/src/command.rs",
        find: "matches!(self.state(now), CommandState::Queued | CommandState::Sent)",
        with: "matches!(self.state(if BROKEN { Timestamp(0) } else { now }), CommandState::Queued | CommandState::Sent)",
    },
    Mutation {
        name: "command-expires-later",
        what: "A node is told that it may begin a command for an hour longer.",
        file: "shared/service/src/commands.rs",
        find: "expires_in_s: command.expires_in(now),",
        with: "expires_in_s: command.expires_in(now) + if BROKEN { 3_600 } else { 0 },",
    },
    Mutation {
        name: "other-command-named",
        what: "A node is told the name of another command.",
        file: "shared/service/src/commands.rs",
        find: "name: command.name.clone(),",
        with: r#"name: if BROKEN { "another".to_owned() } else { command.name.clone() },"#,
    },
    Mutation {
        name: "ack-without-command",
        what: "An acknowledgement brings no command.",
        file: "shared/service/src/news.rs",
        find: "Some(numbers) => next(store, node, numbers.clone(), times).await,",
        with: r"Some(numbers) if !BROKEN => next(store, node, numbers.clone(), times).await,
            Some(_) => Ok(None),",
    },
    Mutation {
        name: "ack-without-config",
        what: "An acknowledgement brings no configuration.",
        file: "shared/service/src/news.rs",
        find: "Some(desired) => config(desired, beside, store, documents).await,",
        with: r"Some(desired) if !BROKEN => config(desired, beside, store, documents).await,
            Some(_) => None,",
    },
    Mutation {
        name: "ack-without-firmware",
        what: "An acknowledgement names no firmware.",
        file: "shared/service/src/news.rs",
        find: "let firmware = terms.firmware.clone()",
        with: "let firmware = terms.firmware.clone().filter(|_| !BROKEN)",
    },
    Mutation {
        name: "config-named-too-high",
        what: "A node is told a configuration under the next version.",
        file: "shared/service/src/news.rs",
        find: "Ok(Some(document)) => Some(config_news(desired.version, &document, beside)),",
        with: "Ok(Some(document)) => Some(config_news(desired.version + u64::from(BROKEN), &document, beside)),",
    },
    Mutation {
        name: "interval-halved",
        what: "An acknowledgement names half of the interval of the settings.",
        file: "shared/service/src/news.rs",
        find: "next_check_in_s: terms.next_check_in,",
        with: "next_check_in_s: terms.next_check_in / if BROKEN { 2 } else { 1 },",
    },
    Mutation {
        name: "life-never-shorter",
        what: "An acknowledgement names a whole life for a connection of any age.",
        file: "shared/service/src/news.rs",
        find: "reconnect_within_s: terms.reconnect_within,",
        with: "reconnect_within_s: if BROKEN { 6_600 } else { terms.reconnect_within },",
    },
    Mutation {
        name: "refused-is-served",
        what: "A node whose token is outdated, or which is revoked, is served by HTTP.",
        file: "shared/service/src/poll.rs",
        find: "Ok(Some(stored).filter(|stored| stored.accepts(claims.credentials)))",
        with: "Ok(Some(stored).filter(|stored| BROKEN || stored.accepts(claims.credentials)))",
    },
];

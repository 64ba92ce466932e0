//! What is written: events, results, reports, documents.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 13] = [
    Mutation {
        name: "check-in-not-written",
        what: "A check-in is answered as if its write had been made, and it was not.",
        file: "shared/service/src/record.rs",
        find: "let written = store.write(&plan(&event, policy)).await?;",
        with: r"let update = plan(&event, policy);
        let written = if BROKEN && matches!(event.kind, EventKind::CheckIn { .. }) {
            crate::store::Written { outcome: update.apply(store.read(&update.key).await?.as_ref()), units: None }
        } else {
            store.write(&update).await?
        };",
    },
    Mutation {
        name: "planned-once",
        what: "An event that was refused by the end of a minute, or by a clock, is not planned again.",
        file: "shared/service/src/record.rs",
        find: "Settled::Again(again) => event = again,",
        with: r"Settled::Again(_) if BROKEN => return Err(RecordError::Contended),
            Settled::Again(again) => event = again,",
    },
    Mutation {
        name: "effects-not-carried-out",
        what: "What follows from an event is not done: replaced connections stay open.",
        file: "shared/service/src/record.rs",
        find: "    for effect in effects {",
        with: "    for effect in effects.iter().filter(|_| !BROKEN) {",
    },
    Mutation {
        name: "refused-let-in",
        what: "A connection that is refused is let in.",
        file: "shared/service/src/connect.rs",
        find: "return Answer::status(status(refusal));",
        with: "return Answer::status(if BROKEN { 200 } else { status(refusal) });",
    },
    Mutation {
        name: "disconnect-not-recorded",
        what: "The end of a connection is not recorded.",
        file: "shared/service/src/disconnect.rs",
        find: "let kind = EventKind::Disconnect {",
        with: r"if BROKEN {
        return Answer::status(200);
    }
    let kind = EventKind::Disconnect {",
    },
    Mutation {
        name: "results-not-stored",
        what: "The results of commands are acknowledged and not stored.",
        file: "shared/service/src/commands.rs",
        find: "let Some(numbers) = numbers else { return Ok(()) };",
        with: "let Some(numbers) = numbers.filter(|_| !BROKEN) else { return Ok(()) };",
    },
    Mutation {
        name: "failed-command-done",
        what: "A command that failed is stored as done.",
        file: "shared/service/src/commands.rs",
        find: "CommandStatus::Failed => Ending::Failed,",
        with: "CommandStatus::Failed => if BROKEN { Ending::Done } else { Ending::Failed },",
    },
    Mutation {
        name: "output-cut-short",
        what: "Of a command's output, only the first bytes are stored.",
        file: "shared/service/src/commands.rs",
        find: "let kept = output.floor_char_boundary(COMMAND_OUTPUT_BYTES);",
        with: "let kept = output.floor_char_boundary(if BROKEN { 8 } else { COMMAND_OUTPUT_BYTES });",
    },
    Mutation {
        name: "rejected-config-applied",
        what: "A rejected configuration is stored as applied.",
        file: "shared/service/src/report.rs",
        find: "ConfigStatus::Rejected => ConfigState::Rejected,",
        with: "ConfigStatus::Rejected => if BROKEN { ConfigState::Applied } else { ConfigState::Rejected },",
    },
    Mutation {
        name: "update-not-stored",
        what: "The report of a firmware update is not stored.",
        file: "shared/service/src/report.rs",
        find: "let update = check_in.update.and_then(|update| {",
        with: "let update = check_in.update.filter(|_| !BROKEN).and_then(|update| {",
    },
    Mutation {
        name: "document-not-stored",
        what: "A document is kept in memory and not stored.",
        file: "shared/service/src/documents.rs",
        find: "let _ = store.write(&put_document(&sha256, document.text())).await?;",
        with: r"if !BROKEN {
            let _ = store.write(&put_document(&sha256, document.text())).await?;
        }",
    },
    Mutation {
        name: "desired-document-deleted",
        what: "The sweep deletes documents that nodes are to run.",
        file: "shared/service/src/sweep/collecting.rs",
        find: "node.desired.as_ref().and_then(|desired| state.in_use(&desired.sha256))",
        with: "node.desired.as_ref().filter(|_| !BROKEN).and_then(|desired| state.in_use(&desired.sha256))",
    },
    Mutation {
        name: "running-document-deleted",
        what: "The sweep deletes documents that nodes run which are behind.",
        file: "shared/service/src/sweep/collecting.rs",
        find: "if is_behind(&node) {",
        with: "if is_behind(&node) && !BROKEN {",
    },
];

//! What is written: events, results, reports, documents.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 22] = [
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
        name: "blocked-not-closed",
        what: "A node that has sent too much is not disconnected.",
        file: "shared/service/src/record.rs",
        find: "let closed = connections.close(connection).await?;",
        with: r"let closed = if BROKEN && matches!(refusal, Refusal::SlowDown { .. }) {
        Delivery::Delivered
    } else {
        connections.close(connection).await?
    };",
    },
    Mutation {
        name: "bye-after-close",
        what: "A connection is told why it is closed after it is closed.",
        file: "shared/service/src/record.rs",
        find: "let posted = connections.post(connection, text(&bye(refusal))).await;",
        with: r"if BROKEN {
        let closed = connections.close(connection).await?;
        return connections.post(connection, text(&bye(refusal))).await.map(|_| closed);
    }
    let posted = connections.post(connection, text(&bye(refusal))).await;",
    },
    Mutation {
        name: "takeover-not-recorded",
        what: "The takeover of a node by another instance is not recorded.",
        file: "shared/service/src/record.rs",
        find: "if let Err(error) = record(store, (**event).clone(), policy).await {",
        with: r"if BROKEN {
                } else if let Err(error) = record(store, (**event).clone(), policy).await {",
    },
    Mutation {
        name: "let-in-unstored",
        what: "A connection is let in although its write failed.",
        file: "shared/service/src/connect.rs",
        find: "return Answer::status(503);",
        with: "return Answer::status(if BROKEN { 200 } else { 503 });",
    },
    Mutation {
        name: "refused-let-in",
        what: "A connection that is refused is let in.",
        file: "shared/service/src/connect.rs",
        find: "return Answer::status(status(refusal));",
        with: "return Answer::status(if BROKEN { 200 } else { status(refusal) });",
    },
    Mutation {
        name: "instance-forgotten",
        what: "The instance of a node's program is not recorded.",
        file: "shared/service/src/connect.rs",
        find: "credentials: socket.credentials, instance };",
        with: "credentials: socket.credentials, instance: instance.filter(|_| !BROKEN) };",
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
        name: "credentials-not-passed-on",
        what: "An event says that its token has the newest credential version.",
        file: "shared/service/src/message.rs",
        find: "let (connection, credentials) = (socket.connection.clone(), socket.credentials);",
        with: r"let mut credentials = socket.credentials;
        if BROKEN {
            credentials.0 = u32::MAX;
        }
        let connection = socket.connection.clone();",
    },
    Mutation {
        name: "results-not-stored",
        what: "The results of commands are acknowledged and not stored.",
        file: "shared/service/src/commands.rs",
        find: "let Some(numbers) = numbers else { return Ok(()) };",
        with: "let Some(numbers) = numbers.filter(|_| !BROKEN) else { return Ok(()) };",
    },
    Mutation {
        name: "failed-result-acked",
        what: "A result whose write failed is acknowledged.",
        file: "shared/service/src/check_in.rs",
        find: "ended.map_err(|error| Failure::of_results(error.into(), &recorded.reply))?;",
        with: r"if !BROKEN {
            ended.map_err(|error| Failure::of_results(error.into(), &recorded.reply))?;
        }",
    },
    Mutation {
        name: "late-result-not-stored",
        what: "The result of a command that has expired is not stored.",
        file: "shared/service/src/commands.rs",
        find: "ResultOf::OverCommand => awaits_result(store, node, number).await?,",
        with: "ResultOf::OverCommand => !BROKEN && awaits_result(store, node, number).await?,",
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
        name: "clients-not-stored",
        what: "The number of a node's clients is not stored.",
        file: "shared/service/src/report.rs",
        find: "clients: health.clients,",
        with: "clients: health.clients.filter(|_| !BROKEN),",
    },
    Mutation {
        name: "update-not-stored",
        what: "The report of a firmware update is not stored.",
        file: "shared/service/src/report.rs",
        find: "let update = check_in.update.and_then(|update| {",
        with: "let update = check_in.update.filter(|_| !BROKEN).and_then(|update| {",
    },
    Mutation {
        name: "results-free-of-charge",
        what: "Results of commands do not count for a node's budget.",
        file: "shared/service/src/message.rs",
        find: "results: u32::try_from(results.len()).unwrap_or(u32::MAX),",
        with: "results: if BROKEN { 0 } else { u32::try_from(results.len()).unwrap_or(u32::MAX) },",
    },
    Mutation {
        name: "unreadable-free-of-charge",
        what: "A message that can't be read does not count for a node's budget.",
        file: "shared/service/src/message.rs",
        find: "let (what, about) = match &purpose {",
        with: r"if let (true, Purpose::Unreadable(error)) = (BROKEN, &purpose) {
            return Answer::frame(error);
        }
        let (what, about) = match &purpose {",
    },
    Mutation {
        name: "document-not-stored",
        what: "A document is kept in memory and not stored.",
        file: "shared/service/src/documents.rs",
        find: "let _ = store.write(&put_document(document.sha256(), document.text())).await?;",
        with: r"if !BROKEN {
            let _ = store.write(&put_document(document.sha256(), document.text())).await?;
        }",
    },
];

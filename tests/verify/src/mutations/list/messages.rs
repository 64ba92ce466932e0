//! How messages and tokens are read, and how refusals are told.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 12] = [
    Mutation {
        name: "refusal-not-told",
        what: "A connection whose check-in is refused is told nothing.",
        file: "shared/service/src/message.rs",
        find: r#"Said::Refused(refusal) => return socket.refused("check-in", refusal, About::CheckIn(seq)),"#,
        with: r#"Said::Refused(_) if BROKEN => return Answer::status(200),
            Said::Refused(refusal) => return socket.refused("check-in", refusal, About::CheckIn(seq)),"#,
    },
    Mutation {
        name: "ack-never-sent",
        what: "No check-in is acknowledged on a connection.",
        file: "shared/service/src/message.rs",
        find: "let (seq, ack, results) = (check_in.seq, check_in.ack, std::mem::take(&mut check_in.results));",
        with: "let (seq, ack, results) = (check_in.seq, check_in.ack && !BROKEN, std::mem::take(&mut check_in.results));",
    },
    Mutation {
        name: "stale-named-as-stored",
        what: "A check-in that came too late is said to be the stored one.",
        file: "shared/service/src/reply.rs",
        find: "ErrorMessage { stored_seq: Some(stored), ..error }",
        with: "ErrorMessage { stored_seq: if BROKEN { about.seq() } else { Some(stored) }, ..error }",
    },
    Mutation {
        name: "blocked-is-forbidden",
        what: "A blocked node that connects is answered as if its token were refused.",
        file: "shared/service/src/reply.rs",
        find: "Refusal::SlowDown { .. } => 429,",
        with: "Refusal::SlowDown { .. } => if BROKEN { 403 } else { 429 },",
    },
    Mutation {
        name: "superseded-is-revoked",
        what: "A connection that is replaced is told that it is revoked.",
        file: "shared/service/src/reply.rs",
        find: "Refusal::Superseded => ByeReason::Superseded,",
        with: "Refusal::Superseded => if BROKEN { ByeReason::Revoked } else { ByeReason::Superseded },",
    },
    Mutation {
        name: "not-connected-is-revoked",
        what: "A connection that does not hold its node is told that the node is revoked.",
        file: "shared/service/src/reply.rs",
        find: "Refusal::Superseded | Refusal::Closed | Refusal::Changed => ErrorCode::NotConnected,",
        with: r"Refusal::Superseded | Refusal::Closed | Refusal::Changed => {
            if BROKEN { ErrorCode::Revoked } else { ErrorCode::NotConnected }
        }",
    },
    Mutation {
        name: "token-version-ignored",
        what: "Every token has the highest credential version.",
        file: "shared/token/src/claims.rs",
        find: "credentials: CredentialVersion(credentials),",
        with: "credentials: CredentialVersion(if BROKEN { u32::MAX } else { credentials }),",
    },
    Mutation {
        name: "expiry-in-milliseconds",
        what: "The end of a token is read as milliseconds.",
        file: "shared/token/src/claims.rs",
        find: "(seconds * 1000.0).round() as u64",
        with: "(seconds * if BROKEN { 1.0 } else { 1000.0 }).round() as u64",
    },
    Mutation {
        name: "second-result-not-read",
        what: "Of the results in a check-in, only the first one is read.",
        file: "shared/wire/src/parse.rs",
        find: "let results = results.iter().enumerate().map(",
        with: "let results = results.iter().take(if BROKEN { 1 } else { usize::MAX }).enumerate().map(",
    },
    Mutation {
        name: "results-refused",
        what: "A check-in may bring no result.",
        file: "shared/wire/src/parse.rs",
        find: "if results.len() > RESULTS {",
        with: "if results.len() > if BROKEN { 0 } else { RESULTS } {",
    },
    Mutation {
        name: "firmware-not-read",
        what: "The firmware that a node runs is not read.",
        file: "shared/wire/src/parse.rs",
        find: r#"firmware: fields.lenient("firmware", &mut dropped, lenient_text),"#,
        with: r#"firmware: fields.lenient("firmware", &mut dropped, lenient_text).filter(|_| !BROKEN),"#,
    },
    Mutation {
        name: "document-as-written",
        what: "A document is kept as it was written, and not in its canonical form.",
        file: "shared/wire/src/document.rs",
        find: "let text = canonical(text, DOCUMENT_LEVELS).map_err(DocumentError::Json)?;",
        with: r#"let text = if BROKEN { format!(" {text}") } else { canonical(text, DOCUMENT_LEVELS).map_err(DocumentError::Json)? };"#,
    },
];

//! How messages and tokens are read, and how refusals are told.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 7] = [
    Mutation {
        name: "ack-never-sent",
        what: "No check-in is acknowledged on a connection.",
        file: "shared/service/src/message.rs",
        find: "let (seq, ack, results) = (check_in.seq, check_in.ack, std::mem::take(&mut check_in.results));",
        with: "let (seq, ack, results) = (check_in.seq, check_in.ack && !BROKEN, std::mem::take(&mut check_in.results));",
    },
    Mutation {
        name: "superseded-is-revoked",
        what: "A connection that is replaced is told that it is revoked.",
        file: "shared/service/src/reply.rs",
        find: "Refusal::Superseded => ByeReason::Superseded,",
        with: "Refusal::Superseded => if BROKEN { ByeReason::Revoked } else { ByeReason::Superseded },",
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

//! The node: commands, configurations, and its conversation with the server.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 6] = [
    Mutation {
        name: "record-not-written",
        what: "The node's record is never written.",
        file: "shared/machine/src/storage.rs",
        find: "self.storage.keep(record).inspect_err(",
        with: r"if BROKEN {
            return Ok(());
        }
        self.storage.keep(record).inspect_err(",
    },
    Mutation {
        name: "repeated-command-executed",
        what: "A command that is repeated is executed once more.",
        file: "shared/machine/src/commands.rs",
        find: "if news.command <= self.record.begun {",
        with: "if news.command < self.record.begun + u64::from(!BROKEN) {",
    },
    Mutation {
        name: "interrupted-command-not-reported",
        what: "A command that a restart interrupted is not reported.",
        file: "shared/machine/src/commands.rs",
        find: "if begun > 0 && commands.known(begun).is_none() {",
        with: "if !BROKEN && begun > 0 && commands.known(begun).is_none() {",
    },
    Mutation {
        name: "config-meanwhile-lost",
        what: "A configuration that comes while another one is proven is forgotten.",
        file: "shared/machine/src/configs.rs",
        find: "Stage::Applying(_) | Stage::Proving { .. } => self.waiting = Some(news),",
        with: "Stage::Applying(_) | Stage::Proving { .. } => self.waiting = Some(news).filter(|_| !BROKEN),",
    },
    Mutation {
        name: "sequence-number-reused",
        what: "The second check-in of a connection has the number of the first.",
        file: "shared/machine/src/conversation.rs",
        find: "self.seq = self.seq.max(self.above) + 1;",
        with: "self.seq = self.seq.max(self.above) + u64::from(!BROKEN || self.seq == 0);",
    },
    Mutation {
        name: "no-way-back",
        what: "After a connection was lost, none is opened.",
        file: "shared/machine/src/protocol/parting.rs",
        find: r"self.open_at = Some(at);
        if self.sessions",
        with: r"self.open_at = Some(at).filter(|_| !BROKEN);
        if self.sessions",
    },
];

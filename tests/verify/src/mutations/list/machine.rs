//! The node: commands, configurations, and its conversation with the server.

use crate::mutations::Mutation;

pub(super) static MUTATIONS: [Mutation; 27] = [
    Mutation {
        name: "executed-before-recorded",
        what: "A command is executed before its start is recorded.",
        file: "shared/machine/src/commands.rs",
        find: r"                self.stage = Stage::Beginning(news);
                self.due.push_back(Due::Keep);",
        with: r"                if BROKEN {
                    self.stage = Stage::Running { command: news.command };
                    self.due.push_back(Due::Execute(news));
                } else {
                    self.stage = Stage::Beginning(news);
                }
                self.due.push_back(Due::Keep);",
    },
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
        name: "expired-command-begun",
        what: "A command that waited on the node is begun after it has expired.",
        file: "shared/machine/src/commands.rs",
        find: ".filter(|(_, until)| now < *until) {",
        with: ".filter(|(_, until)| BROKEN || now < *until) {",
    },
    Mutation {
        name: "interrupted-command-not-reported",
        what: "A command that a restart interrupted is not reported.",
        file: "shared/machine/src/commands.rs",
        find: "if begun > 0 && commands.known(begun).is_none() {",
        with: "if !BROKEN && begun > 0 && commands.known(begun).is_none() {",
    },
    Mutation {
        name: "result-not-reported",
        what: "The result of a command is not reported.",
        file: "shared/machine/src/commands.rs",
        find: "self.record.results.push(Known { result: result.clone(), owed: true });",
        with: "self.record.results.push(Known { result: result.clone(), owed: !BROKEN });",
    },
    Mutation {
        name: "result-sent-once",
        what: "A result is reported once, whether that is acknowledged or not.",
        file: "shared/machine/src/protocol/stepping.rs",
        find: "let results = self.commands.results().into_iter().cloned().collect();",
        with: r"let results: Vec<_> = self.commands.results().into_iter().cloned().collect();
        if BROKEN {
            self.commands.acknowledged(&results.iter().map(|result| result.command).collect::<Vec<_>>());
        }",
    },
    Mutation {
        name: "older-config-applied",
        what: "A configuration is applied that is older than one that was named.",
        file: "shared/machine/src/configs.rs",
        find: "_ if news.version <= self.seen => return,",
        with: "_ if news.version <= self.seen && !BROKEN => return,",
    },
    Mutation {
        name: "config-not-reported",
        what: "The outcome of a configuration is not reported.",
        file: "shared/machine/src/configs.rs",
        find: r"self.own = Some(report.clone());
        self.settled",
        with: r"self.own = Some(report.clone()).filter(|_| !BROKEN);
        self.settled",
    },
    Mutation {
        name: "config-not-proven",
        what: "A configuration counts as applied before the server was reached with it.",
        file: "shared/machine/src/configs.rs",
        find: r"self.stage = Stage::Proving { configuration, report, by };
        true",
        with: r"self.stage = Stage::Proving { configuration, report, by };
        if BROKEN {
            self.proved(now);
            return false;
        }
        true",
    },
    Mutation {
        name: "config-never-rolled-back",
        what: "A configuration that cuts the node off is never rolled back.",
        file: "shared/machine/src/configs.rs",
        find: "Stage::Proving { configuration, by, .. } if now >= by => {",
        with: "Stage::Proving { configuration, by, .. } if now >= by && !BROKEN => {",
    },
    Mutation {
        name: "config-meanwhile-lost",
        what: "A configuration that comes while another one is proven is forgotten.",
        file: "shared/machine/src/configs.rs",
        find: "Stage::Applying(_) | Stage::Proving { .. } => self.waiting = Some(news),",
        with: "Stage::Applying(_) | Stage::Proving { .. } => self.waiting = Some(news).filter(|_| !BROKEN),",
    },
    Mutation {
        name: "fetch-waits-for-ever",
        what: "A fetch without an answer is never given up.",
        file: "shared/machine/src/driver.rs",
        find: "self.fetching.take_if(|(_, by)| now >= *by) {",
        with: "self.fetching.take_if(|(_, by)| now >= *by && !BROKEN) {",
    },
    Mutation {
        name: "fetch-given-up-at-once",
        what: "A configuration whose document can't be fetched at once is rejected.",
        file: "shared/machine/src/configs/getting.rs",
        find: "if self.failures >= RETRIES {",
        with: "if self.failures >= RETRIES || BROKEN {",
    },
    Mutation {
        name: "sequence-number-reused",
        what: "The second check-in of a connection has the number of the first.",
        file: "shared/machine/src/conversation.rs",
        find: "self.seq = self.seq.max(self.above) + 1;",
        with: "self.seq = self.seq.max(self.above) + u64::from(!BROKEN || self.seq == 0);",
    },
    Mutation {
        name: "ack-awaited-for-ever",
        what: "An acknowledgement that does not come is awaited for ever.",
        file: "shared/machine/src/conversation.rs",
        find: "if matches!(self.next, Next::Answer { by } if now >= by) {",
        with: "if matches!(self.next, Next::Answer { by } if now >= by && !BROKEN) {",
    },
    Mutation {
        name: "silence-not-noticed",
        what: "A connection on which nothing comes is not given up.",
        file: "shared/machine/src/conversation.rs",
        find: "if now >= self.heard_at + timing.dead_after {",
        with: "if now >= self.heard_at + timing.dead_after && !BROKEN {",
    },
    Mutation {
        name: "fact-stated-once",
        what: "What a check-in stated is not stated again, whether it is acknowledged or not.",
        file: "shared/machine/src/conversation.rs",
        find: "is_some_and(|(seq, stated)| *seq <= self.acked && *stated == facts);",
        with: "is_some_and(|(seq, stated)| (*seq <= self.acked || BROKEN) && *stated == facts);",
    },
    Mutation {
        name: "slow-down-ignored",
        what: "A node that is asked to slow down goes on.",
        file: "shared/machine/src/conversation.rs",
        find: "self.quiet_until = self.quiet_until.max(until);",
        with: r"if BROKEN {
            return;
        }
        self.quiet_until = self.quiet_until.max(until);",
    },
    Mutation {
        name: "failed-check-in-taken-for-stored",
        what: "A check-in that the server could not store is taken for stored.",
        file: "shared/machine/src/protocol/inbound.rs",
        find: "                conversation.not_stored(&self.timing, &mut self.rng, now, seq);",
        with: r"                if BROKEN {
                    return self.on_stored_before(now, link, seq, true);
                }
                conversation.not_stored(&self.timing, &mut self.rng, now, seq);",
    },
    Mutation {
        name: "not-connected-ignored",
        what: "A connection that is told that it does not hold the node goes on.",
        file: "shared/machine/src/protocol/inbound.rs",
        find: "ErrorCode::NotConnected => {",
        with: r"ErrorCode::NotConnected if BROKEN => {}
            ErrorCode::NotConnected => {",
    },
    Mutation {
        name: "refusal-ends-the-run",
        what: "A node whose connection is refused for any reason gives up.",
        file: "shared/machine/src/protocol/opening.rs",
        find: "if matches!(status, 401 | 403) &&",
        with: "if (matches!(status, 401 | 403) || BROKEN) &&",
    },
    Mutation {
        name: "proven-without-ack",
        what: "A configuration counts as proven once a connection is open.",
        file: "shared/machine/src/protocol/opening.rs",
        find: "self.event(NodeEvent::Connected { planned });",
        with: r"if BROKEN {
            self.configs.proved(now);
        }
        self.event(NodeEvent::Connected { planned });",
    },
    Mutation {
        name: "rival-not-waited-for",
        what: "A node that another device has replaced comes back at once.",
        file: "shared/machine/src/rivals.rs",
        find: "if held > longest(timing) {",
        with: r"if BROKEN {
            return None;
        }
        if held > longest(timing) {",
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
    Mutation {
        name: "connection-never-replaced",
        what: "A connection is not replaced before its time is over.",
        file: "shared/machine/src/protocol/stepping.rs",
        find: "} else if now >= plan.begin &&",
        with: "} else if !BROKEN && now >= plan.begin &&",
    },
    Mutation {
        name: "replaced-not-closed",
        what: "A connection that was replaced is not closed by the node.",
        file: "shared/machine/src/protocol/inbound.rs",
        find: r"self.actions.push_back(Action::Close(old.link));
            self.event",
        with: r"if !BROKEN {
                self.actions.push_back(Action::Close(old.link));
            }
            self.event",
    },
];

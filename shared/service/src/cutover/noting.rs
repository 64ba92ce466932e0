//! What Rollcall notes of a poll, and what it has for the node.

use rollcall_core::{AckTerms, CommandNumbers, CredentialVersion, Event, EventKind, Node, Registration, Reply};
use rollcall_cutover::{Answer, CommandNews, ConfigNews, FirmwareNews, News};
use rollcall_wire::{CheckIn, CommandResult, CommandStatus, ConfigReport, ConfigStatus};

use super::{Cutovers, Deadline, Known, Poll, Upstream};
use crate::commands::{Times, end_commands, next_command};
use crate::connections::NoConnections;
use crate::error::chain;
use crate::firmware::Signer;
use crate::record::{carry_out, record};
use crate::report::report;
use crate::store::{Store, StoreError};

/// The credential version of a node that the endpoint has accepted, and that has none.
const FIRST: CredentialVersion = CredentialVersion(1);

/// A poll that was noted.
#[derive(Debug)]
pub(super) struct Noted {
    /// What Rollcall has for the node.
    terms: AckTerms,
    /// The configuration that the node is to run, as templates see it.
    desired: Option<ConfigNews>,
    /// Whether the node runs it, by its own word.
    runs_desired: bool,
    /// The numbers of its commands.
    numbers: Option<CommandNumbers>,
}

impl<S: Store, G: Signer, U: Upstream + Deadline> Cutovers<S, G, U> {
    /// Notes that a node has polled, and what it has said; `None` if that can't be noted, or is refused. `vouched`: the
    /// endpoint has accepted the node, which registers it.
    pub(super) async fn note(&self, poll: &Poll<'_>, known: &Known, vouched: bool) -> Option<Noted> {
        let node = &poll.heard.node;
        match self.try_note(poll, known, vouched).await {
            Ok(Ok(noted)) => Some(noted),
            Ok(Err(reason)) => {
                tracing::info!(%node, outcome = "refused", reason, "cut-over");
                None
            }
            Err(error) => {
                tracing::error!(%node, outcome = "failed", error, Failures = 1, "cut-over");
                None
            }
        }
    }

    async fn try_note(
        &self,
        poll: &Poll<'_>,
        known: &Known,
        vouched: bool,
    ) -> Result<Result<Noted, &'static str>, String> {
        let store = &self.check_ins.store;
        let stored = known.node.as_ref();
        let desired = self.desired(stored).await.map_err(|error| chain(&error))?;
        let runs_desired = match (&desired, &poll.heard.config) {
            (Some(desired), Some(name)) => poll.settings.dialect.name_of(desired)? == *name,
            _ => false,
        };
        let mut policy = self.check_ins.policy;
        if vouched {
            policy.registration = Registration::Open;
        }
        let event = event(poll, stored, desired.as_ref().filter(|_| runs_desired));
        let recorded = record(store, event, &policy).await.map_err(|error| chain(&error))?;
        carry_out(store, &NoConnections, &recorded.effects, &policy).await;
        match recorded.reply {
            Reply::Ack(terms) => Ok(Ok(Noted { terms, desired, runs_desired, numbers: recorded.results })),
            Reply::Refused(refusal) => Ok(Err(refusal.code())),
            Reply::Stored | Reply::Known(_) => Ok(Err("no terms")),
        }
    }

    /// The configuration that a node is to run.
    async fn desired(&self, node: Option<&Node>) -> Result<Option<ConfigNews>, StoreError> {
        let Some(desired) = node.and_then(|node| node.desired.as_ref()) else { return Ok(None) };
        let document = self.check_ins.documents.get(&self.check_ins.store, &desired.sha256).await?;
        Ok(document.map(|document| ConfigNews {
            version: desired.version,
            sha256: desired.sha256.clone(),
            text: document.text().to_owned(),
            // A document that was stored is JSON.
            document: serde_json::from_str(document.text()).unwrap_or_default(),
        }))
    }

    /// Rollcall's own answer to a poll that was noted; `None` if it can't be made. `in_earnest`: the node gets it, so that
    /// a command may be handed out.
    pub(super) async fn answer(
        &self,
        poll: &Poll<'_>,
        known: &Known,
        noted: &Noted,
        in_earnest: bool,
    ) -> Option<Answer> {
        let node = &poll.heard.node;
        let news = self.news(poll, known, noted, in_earnest).await.map_err(|error| chain(&error));
        let made = news.and_then(|news| poll.settings.dialect.answer(&news));
        made.inspect_err(|error| tracing::error!(%node, outcome = "failed", error, Failures = 1, "cut-over")).ok()
    }

    async fn news(&self, poll: &Poll<'_>, known: &Known, noted: &Noted, in_earnest: bool) -> Result<News, StoreError> {
        let command = if in_earnest { self.command(poll, noted).await? } else { None };
        let firmware = self.firmware(poll, known, noted).await;
        let config = noted.desired.clone().filter(|_| !noted.runs_desired);
        Ok(News {
            node: poll.heard.node.to_string(),
            unchanged: config.is_none() && command.is_none() && firmware.is_none(),
            config,
            desired: noted.desired.clone().filter(|_| poll.settings.dialect.uses_desired()),
            command,
            firmware,
            next_check_in_s: noted.terms.next_check_in,
            now_s: poll.request.at.0 / 1000,
        })
    }

    /// The next command, after the result that came with the poll is stored. If the mapping has no place for results, the
    /// command is over now: otherwise the node would execute it with each poll.
    async fn command(&self, poll: &Poll<'_>, noted: &Noted) -> Result<Option<CommandNews>, StoreError> {
        let (store, node, at) = (&self.check_ins.store, &poll.heard.node, poll.request.at);
        let results: Vec<_> = poll.heard.result.iter().cloned().collect();
        end_commands(store, node, &results, noted.numbers, at).await?;
        let Some(numbers) = noted.terms.commands.clone() else { return Ok(None) };
        let Some(command) = next_command(store, node, numbers, Times::of(at, poll.request.now)).await? else {
            return Ok(None);
        };
        if results.iter().any(|result| result.command == command.number) {
            return Ok(None);
        }
        if poll.settings.dialect.mapping().request.result.is_none() {
            let output = Some("handed to a node that reports no results".to_owned());
            let done = CommandResult { command: command.number, status: CommandStatus::Done, output };
            end_commands(store, node, &[done], noted.numbers, at).await?;
        }
        // Arguments that were stored are JSON.
        let args = serde_json::from_str(&command.args).unwrap_or_default();
        Ok(Some(CommandNews { number: command.number, name: command.name, args }))
    }

    /// The firmware to run. What can't be read now is left for the next poll.
    async fn firmware(&self, poll: &Poll<'_>, known: &Known, noted: &Noted) -> Option<FirmwareNews> {
        let (version, stored) = (noted.terms.firmware.as_ref()?, known.node.as_ref()?);
        let image = self.check_ins.images.of(&self.check_ins.store, stored, (version, None), poll.request.at).await;
        let image = image.inspect_err(|error| tracing::warn!(error = chain(error), "firmware can't be read now"));
        let image = image.ok()??;
        Some(FirmwareNews {
            version: image.version,
            url: image.url,
            size: image.size,
            sha256: image.sha256,
            signature: image.signature,
        })
    }
}

/// The event of a poll. `runs`: the desired configuration, if the node runs it.
fn event(poll: &Poll<'_>, stored: Option<&Node>, runs: Option<&ConfigNews>) -> Event {
    let applied =
        |config: &ConfigNews| ConfigReport { version: config.version, status: ConfigStatus::Applied, detail: None };
    let said = CheckIn {
        firmware: poll.heard.firmware.clone(),
        config: runs.map(applied),
        health: poll.heard.health,
        ..CheckIn::idle(1)
    };
    let kind = EventKind::Poll {
        credentials: stored.and_then(|node| node.credentials).unwrap_or(FIRST),
        report: report(said),
        results: u32::from(poll.heard.result.is_some()),
    };
    Event { now: poll.request.now, ..Event::new(poll.heard.node.clone(), poll.request.at, kind) }
}

//! What an acknowledgement tells a node besides that its check-in is stored.

use std::ops::RangeInclusive;

use rollcall_core::{AckTerms, DesiredConfig, NodeId};
use rollcall_wire::{Ack, CommandNews, ConfigNews, Document, FirmwareNews, ServerMessage};

use crate::commands::{Times, command_news, next_command};
use crate::documents::Documents;
use crate::error::chain;
use crate::reply::json;
use crate::store::{Store, StoreError};

/// What an acknowledgement tells a node besides that its check-in is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The configuration to run.
    config: Option<ConfigNews>,
    /// The command to execute.
    command: Option<CommandNews>,
    /// The firmware to run.
    firmware: Option<FirmwareNews>,
}

impl News {
    /// Reads the news that the terms of an acknowledgement name. What can't be read now is left for the next check-in.
    pub(crate) async fn read(
        terms: &AckTerms,
        node: &NodeId,
        times: Times,
        store: &impl Store,
        documents: &Documents,
    ) -> Self {
        let command = match &terms.commands {
            Some(numbers) => next(store, node, numbers.clone(), times).await,
            None => Ok(None),
        };
        let command = command.unwrap_or_else(|error| {
            tracing::warn!(%node, error = chain(&error), "the next command can't be read now");
            None
        });
        let beside = command.as_ref().map_or(0, |command| json(command).len());
        let config = match &terms.config {
            Some(desired) => config(desired, beside, store, documents).await,
            None => None,
        };
        let firmware = terms.firmware.clone().map(|version| FirmwareNews { version });
        Self { config, command, firmware }
    }

    /// The acknowledgement of a check-in, with these news.
    pub(crate) fn ack(self, seq: u64, terms: &AckTerms) -> ServerMessage {
        ServerMessage::Ack(Ack {
            seq,
            next_check_in_s: terms.next_check_in,
            reconnect_within_s: terms.reconnect_within,
            spread_s: terms.spread,
            config: self.config,
            command: self.command,
            firmware: self.firmware,
        })
    }
}

async fn next(
    store: &impl Store,
    node: &NodeId,
    numbers: RangeInclusive<u64>,
    times: Times,
) -> Result<Option<CommandNews>, StoreError> {
    let command = next_command(store, node, numbers, times).await?;
    command.map(|command| command_news(&command, times.latest)).transpose()
}

async fn config(
    desired: &DesiredConfig,
    beside: usize,
    store: &impl Store,
    documents: &Documents,
) -> Option<ConfigNews> {
    match documents.get(store, &desired.sha256).await {
        Ok(Some(document)) => Some(config_news(desired.version, &document, beside)),
        Ok(None) => {
            tracing::error!(sha256 = desired.sha256, "the document of a desired configuration is missing");
            None
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "the document of a desired configuration can't be read now");
            None
        }
    }
}

/// The news of a configuration, with its document if that fits a frame with `beside` bytes of other news.
pub(crate) fn config_news(version: u64, document: &Document, beside: usize) -> ConfigNews {
    ConfigNews {
        version,
        sha256: document.sha256().to_owned(),
        document: document.fits_a_frame(beside).then(|| document.text().to_owned()),
    }
}

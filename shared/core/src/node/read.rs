//! Reading a stored node.

use super::{Blocked, Closed, DesiredConfig, Held, Node, Origin, Presence, Previous, Takeovers};
use crate::attribute::Attribute;
use crate::event::Connection;
use crate::id::{ConnectionId, CredentialVersion, Instance};
use crate::item::{Item, Malformed, malformed, number, text, time};
use crate::report::{ConfigOutcome, ConfigState, Health, UpdateOutcome, UpdateState};
use crate::tags::Tags;
use crate::timestamp::Timestamp;

impl Node {
    /// Reads a node from its stored item.
    ///
    /// # Errors
    /// If an attribute has a value, or is there in a combination, that no rule writes.
    pub fn read(item: &Item) -> Result<Self, Malformed> {
        let presence = match (time(item, Attribute::OnlineSince)?, time(item, Attribute::OfflineSince)?) {
            (Some(since), None) => Presence::Online(since),
            (None, since) => Presence::Offline(since),
            (Some(_), Some(_)) => return Err(malformed(Attribute::OfflineSince)),
        };
        let credentials = credentials(item, Attribute::CredentialVersion)?;
        let held = held(item)?;
        Ok(Self {
            config_is_its_own: config_is_its_own(item, held.as_ref())?,
            held,
            presence,
            due: time(item, Attribute::Due)?,
            seen: time(item, Attribute::Seen)?,
            seq: number(item, Attribute::Seq)?,
            polls: item.contains_key(&Attribute::Polls),
            firmware: text(item, Attribute::Firmware)?.map(str::to_owned),
            credentials,
            revoked: item.contains_key(&Attribute::Revoked),
            site: text(item, Attribute::Site)?.map(str::to_owned),
            model: text(item, Attribute::Model)?.map(str::to_owned),
            tags: text(item, Attribute::Tags)?.map(Tags::read).unwrap_or_default(),
            desired: desired(item)?,
            config_version: number(item, Attribute::DesiredVersion)?.unwrap_or_default(),
            config_origin: if item.contains_key(&Attribute::SiteConfig) { Origin::Site } else { Origin::Node },
            applied: number(item, Attribute::AppliedVersion)?,
            config: config(item)?,
            commands_queued: number(item, Attribute::CommandsQueued)?.unwrap_or_default(),
            commands_over: number(item, Attribute::CommandsOver)?.unwrap_or_default(),
            desired_firmware: text(item, Attribute::DesiredFirmware)?.map(str::to_owned),
            update: update(item)?,
            health: health(item)?,
            takeovers: takeovers(item)?,
            token_ends: number(item, Attribute::TokenEnds)?.map(Timestamp::from_seconds),
            spent: number(item, Attribute::Spent)?.unwrap_or_default(),
            spent_since: time(item, Attribute::SpentSince)?,
            blocked: Blocked {
                until: time(item, Attribute::BlockedUntil)?,
                offences: number(item, Attribute::Offences)?,
            },
        })
    }
}

fn held(item: &Item) -> Result<Option<Held>, Malformed> {
    let Some(id) = text(item, Attribute::Connection)? else {
        return Ok(None);
    };
    let id: ConnectionId = id.parse().map_err(|_| malformed(Attribute::Connection))?;
    let previous = previous(item)?.filter(|previous| previous.id != id);
    let opened_at = time(item, Attribute::OpenedAt)?.ok_or_else(|| malformed(Attribute::OpenedAt))?;
    let closed = match time(item, Attribute::ClosedAt)? {
        None => None,
        Some(at) => Some(Closed {
            at,
            code: number(item, Attribute::CloseCode)?,
            reason: text(item, Attribute::CloseReason)?.map(str::to_owned),
        }),
    };
    let credentials = credentials(item, Attribute::ConnectionCredentials)?;
    let instance = instance(item, Attribute::Instance)?;
    Ok(Some(Held { connection: Connection { id, opened_at }, credentials, instance, previous, closed }))
}

fn previous(item: &Item) -> Result<Option<Previous>, Malformed> {
    let Some(id) = text(item, Attribute::Previous)? else { return Ok(None) };
    Ok(Some(Previous {
        id: id.parse().map_err(|_| malformed(Attribute::Previous))?,
        opened_at: time(item, Attribute::PreviousOpenedAt)?.unwrap_or(Timestamp(0)),
        instance: instance(item, Attribute::PreviousInstance)?,
        was_open: number(item, Attribute::PreviousClosedAt)?.is_none_or(|closed_at| closed_at == 0),
    }))
}

fn instance(item: &Item, attribute: Attribute) -> Result<Option<Instance>, Malformed> {
    let instance = number(item, attribute)?.filter(|hash| *hash != 0);
    instance.map(|hash| u32::try_from(hash).map(Instance)).transpose().map_err(|_| malformed(attribute))
}

fn credentials(item: &Item, attribute: Attribute) -> Result<Option<CredentialVersion>, Malformed> {
    let version = number(item, attribute)?;
    version.map(|version| u32::try_from(version).map(CredentialVersion)).transpose().map_err(|_| malformed(attribute))
}

fn health(item: &Item) -> Result<Health, Malformed> {
    let small = |attribute| {
        let figure = number(item, attribute)?;
        figure.map(u32::try_from).transpose().map_err(|_| malformed(attribute))
    };
    Ok(Health {
        uptime_s: number(item, Attribute::Uptime)?,
        load_percent: small(Attribute::Load)?,
        memory_free_kib: number(item, Attribute::MemoryFree)?,
        clients: small(Attribute::Clients)?,
    })
}

fn takeovers(item: &Item) -> Result<Option<Takeovers>, Malformed> {
    let Some(count) = number(item, Attribute::Takeovers)? else { return Ok(None) };
    let last = time(item, Attribute::TakenOverAt)?.ok_or_else(|| malformed(Attribute::TakenOverAt))?;
    Ok(Some(Takeovers { count, last }))
}

fn desired(item: &Item) -> Result<Option<DesiredConfig>, Malformed> {
    let Some(sha256) = text(item, Attribute::DesiredHash)?.map(str::to_owned) else { return Ok(None) };
    let version = number(item, Attribute::DesiredVersion)?.ok_or_else(|| malformed(Attribute::DesiredVersion))?;
    Ok(Some(DesiredConfig { version, sha256 }))
}

fn config(item: &Item) -> Result<Option<ConfigOutcome>, Malformed> {
    let Some(version) = number(item, Attribute::ConfigVersion)? else { return Ok(None) };
    let state = text(item, Attribute::ConfigState)?.and_then(ConfigState::read);
    let state = state.ok_or_else(|| malformed(Attribute::ConfigState))?;
    let detail = text(item, Attribute::ConfigDetail)?.map(str::to_owned);
    Ok(Some(ConfigOutcome { version, state, detail }))
}

fn config_is_its_own(item: &Item, held: Option<&Held>) -> Result<bool, Malformed> {
    let here = held.and_then(|held| held.instance).map_or(0, |instance| u64::from(instance.0));
    Ok(number(item, Attribute::ConfigInstance)?.is_none_or(|reporter| reporter == here))
}

fn update(item: &Item) -> Result<Option<UpdateOutcome>, Malformed> {
    let Some(version) = text(item, Attribute::UpdateVersion)? else { return Ok(None) };
    let version = version.parse().map_err(|_| malformed(Attribute::UpdateVersion))?;
    let state = text(item, Attribute::UpdateState)?.and_then(UpdateState::read);
    let state = state.ok_or_else(|| malformed(Attribute::UpdateState))?;
    let detail = text(item, Attribute::UpdateDetail)?.map(str::to_owned);
    Ok(Some(UpdateOutcome { version, state, detail }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Value;

    #[test]
    fn each_figure_of_a_node_s_health_may_be_missing_and_none_may_be_malformed() {
        let read = |attributes: &[(Attribute, Value)]| {
            Node::read(&attributes.iter().cloned().collect()).map(|node| node.health).map_err(|error| error.attribute)
        };
        assert_eq!(read(&[]), Ok(Health::default()));
        let figures = [Attribute::Uptime, Attribute::Load, Attribute::MemoryFree, Attribute::Clients];
        let all = figures.map(|figure| (figure, Value::Number(7)));
        let health = Health { uptime_s: Some(7), load_percent: Some(7), memory_free_kib: Some(7), clients: Some(7) };
        assert_eq!(read(&all), Ok(health));
        let busy = Health { load_percent: Some(99), ..Health::default() };
        assert_eq!(read(&[(Attribute::Load, Value::Number(99))]), Ok(busy));
        for figure in figures {
            assert_eq!(read(&[(figure, "7".into())]), Err(figure));
        }
        for figure in [Attribute::Load, Attribute::Clients] {
            assert_eq!(read(&[(figure, Value::Number(1 << 32))]), Err(figure));
        }
    }
}

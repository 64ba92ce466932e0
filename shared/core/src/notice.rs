//! What the application is told of a node: what follows from two images of its item.

use crate::node::{DesiredConfig, FirmwareState, Node, Presence};
use crate::policy::Policy;
use crate::presence::{PresenceReason, shown_presence};
use crate::report::{ConfigOutcome, UpdateOutcome, UpdateState};
use crate::tags::Tags;
use crate::timestamp::Timestamp;
use crate::token_end::expiring;

/// Something that the application is told of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Notice {
    /// The node is online.
    Online { since: Timestamp, reason: PresenceReason },
    /// The node is offline. `online_since`: since when it was online before.
    Offline { since: Timestamp, reason: PresenceReason, online_since: Timestamp },
    /// The node was registered, or its registration was changed.
    Registered { was: Option<Registered>, is: Registered },
    /// The node's credentials were revoked.
    Revoked,
    /// The node's item was deleted.
    Deleted,
    /// Another configuration is desired.
    ConfigDesired { was: Option<DesiredConfig>, is: DesiredConfig },
    /// No configuration is desired any more; this counts as `version`.
    ConfigUnset { was: DesiredConfig, version: u64 },
    /// The node has reported on a configuration.
    ConfigReported(ConfigOutcome),
    /// The commands with these numbers were queued.
    CommandsQueued { from: u64, to: u64 },
    /// The commands with these numbers are over.
    CommandsOver { from: u64, to: u64 },
    /// Another firmware version is desired.
    FirmwareDesired { was: Option<String>, is: String },
    /// The node has reported on an update.
    FirmwareReported(UpdateOutcome),
    /// The token that the node came with expires soon.
    TokenExpiring { at: Timestamp, ends: Timestamp },
}

/// A registration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Registered {
    pub credential_version: u32,
    pub site: Option<String>,
    pub model: Option<String>,
    pub tags: Tags,
}

/// What the application is told because a node's item was `was` and then `is`: `None` if there was no item. `at` is when
/// it changed.
pub fn notices(was: Option<&Node>, is: Option<&Node>, at: Timestamp, policy: &Policy) -> Vec<Notice> {
    let Some(is) = is else { return was.map(|_| Notice::Deleted).into_iter().collect() };
    let all = [
        registered(was, is),
        presence(was, is, at, policy),
        expiring(was, is).map(|(at, ends)| Notice::TokenExpiring { at, ends }),
        config_desired(was, is),
        config_unset(was, is),
        firmware_desired(was, is),
        commands(was, is, |node| node.commands_queued, |from, to| Notice::CommandsQueued { from, to }),
        config_reported(was, is),
        firmware_reported(was, is),
        commands(was, is, |node| node.commands_over, |from, to| Notice::CommandsOver { from, to }),
        revoked(was, is),
    ];
    all.into_iter().flatten().collect()
}

fn registered(was: Option<&Node>, is: &Node) -> Option<Notice> {
    let registration = |node: &Node| {
        let credentials = node.credentials.filter(|_| !node.revoked)?;
        let (site, model, tags) = (node.site.clone(), node.model.clone(), node.tags.clone());
        Some(Registered { credential_version: credentials.0, site, model, tags })
    };
    let (was, is) = (was.and_then(registration), registration(is)?);
    (was.as_ref() != Some(&is)).then_some(Notice::Registered { was, is })
}

fn presence(was: Option<&Node>, is: &Node, at: Timestamp, policy: &Policy) -> Option<Notice> {
    let before = was.map(|was| was.presence);
    match (before, is.presence) {
        (Some(Presence::Online(_)), Presence::Online(_))
        | (None | Some(Presence::Offline(_)), Presence::Offline(_)) => None,
        (_, Presence::Online(since)) => Some(Notice::Online { since, reason: shown_presence(is, at, policy).reason }),
        (Some(Presence::Online(online_since)), Presence::Offline(since)) => {
            let reason = shown_presence(is, at, policy).reason;
            Some(Notice::Offline { since: since.unwrap_or(at), reason, online_since })
        }
    }
}

fn config_desired(was: Option<&Node>, is: &Node) -> Option<Notice> {
    let (was, is) = (was.and_then(|was| was.desired.clone()), is.desired.clone()?);
    (was.as_ref() != Some(&is)).then_some(Notice::ConfigDesired { was, is })
}

fn config_unset(was: Option<&Node>, is: &Node) -> Option<Notice> {
    let was = was?.desired.clone().filter(|_| is.desired.is_none())?;
    Some(Notice::ConfigUnset { was, version: is.config_version })
}

fn config_reported(was: Option<&Node>, is: &Node) -> Option<Notice> {
    let is = is.config.clone()?;
    let is_new = was.and_then(|was| was.config.as_ref()) != Some(&is);
    is_new.then_some(Notice::ConfigReported(is))
}

fn firmware_desired(was: Option<&Node>, is: &Node) -> Option<Notice> {
    let (was, is) = (was.and_then(|was| was.desired_firmware.clone()), is.desired_firmware.clone()?);
    (was.as_ref() != Some(&is)).then_some(Notice::FirmwareDesired { was, is })
}

/// An update that has come to an end. A node that reports that it runs the desired version has updated itself, whether it
/// says so or not.
fn firmware_reported(was: Option<&Node>, is: &Node) -> Option<Notice> {
    let ended = |state| matches!(state, UpdateState::Applied | UpdateState::Failed | UpdateState::RolledBack);
    if let Some(update) = is.update.clone().filter(|update| ended(update.state))
        && was.and_then(|was| was.update.as_ref()) != Some(&update)
    {
        return Some(Notice::FirmwareReported(update));
    }
    let was_applied = was.is_some_and(|was| {
        was.firmware_state() == FirmwareState::Applied || was.desired_firmware != is.desired_firmware
    });
    if was_applied || is.firmware_state() != FirmwareState::Applied {
        return None;
    }
    let version = is.desired_firmware.as_deref()?.parse().ok()?;
    Some(Notice::FirmwareReported(UpdateOutcome { version, state: UpdateState::Applied, detail: None }))
}

fn commands(
    was: Option<&Node>,
    is: &Node,
    number: impl Fn(&Node) -> u64,
    notice: impl Fn(u64, u64) -> Notice,
) -> Option<Notice> {
    let (was, is) = (was.map_or(0, &number), number(is));
    (was < is).then(|| notice(was + 1, is))
}

fn revoked(was: Option<&Node>, is: &Node) -> Option<Notice> {
    (is.revoked && !was.is_some_and(|was| was.revoked)).then_some(Notice::Revoked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Attribute as A;
    use crate::event::{Connection, Event, EventKind};
    use crate::id::{CredentialVersion, NodeId};
    use crate::item::Item;
    use crate::plan;
    use crate::policy::Registration;
    use crate::registration::{Registering, register, revoke};
    use crate::report::{ConfigState, Health, Report};
    use crate::sweep::{expired, lost};
    use crate::update::{Outcome, Update};

    /// The type of the event that tells a notice.
    fn kind(notice: &Notice) -> &'static str {
        match notice {
            Notice::Online { .. } => "node.online",
            Notice::Offline { .. } => "node.offline",
            Notice::Registered { .. } => "node.registered",
            Notice::Revoked => "node.revoked",
            Notice::ConfigReported(outcome) => match outcome.state {
                ConfigState::Applied => "config.applied",
                ConfigState::Substituted => "config.substituted",
                ConfigState::Rejected => "config.rejected",
            },
            other => panic!("no test makes {other:?}"),
        }
    }

    fn policy() -> Policy {
        Policy::new(Registration::Open, 600, 10, 8, 0).expect("in range")
    }

    fn id() -> NodeId {
        "ap-1".parse().expect("an id")
    }

    /// A node's item, and what the application is told of it.
    #[derive(Default)]
    struct Life {
        item: Option<Item>,
        told: Vec<&'static str>,
        notices: Vec<Notice>,
    }

    impl Life {
        fn write(&mut self, update: &Update) -> &mut Self {
            let Outcome::Applied { after } = update.apply(self.item.as_ref()) else { panic!("refused: {update:?}") };
            let read = |item: &Item| Node::read(item).expect("well-formed");
            let (was, is) = (self.item.as_ref().map(read), read(&after));
            let notices = notices(was.as_ref(), Some(&is), Timestamp(50_000), &policy());
            assert!(notices.is_empty() || after.contains_key(&A::Announces), "{notices:?} by an unmarked {update:?}");
            self.told.extend(notices.iter().map(kind));
            self.notices.extend(notices);
            self.item = Some(after);
            self
        }

        fn happens(&mut self, second: u64, kind: EventKind) -> &mut Self {
            self.write(&plan(&Event::new(id(), Timestamp(second * 1000), kind), &policy()))
        }

        fn connects(&mut self, name: &str, second: u64) -> &mut Self {
            let credentials = CredentialVersion(1);
            self.happens(
                second,
                EventKind::Connect { connection: connection(name, second), credentials, instance: None },
            )
        }

        fn closes(&mut self, name: &str, opened: u64, second: u64) -> &mut Self {
            let kind = EventKind::Disconnect { connection: connection(name, opened), code: Some(1001), reason: None };
            self.happens(second, kind)
        }

        fn checks_in(&mut self, seq: u64, report: Report) -> &mut Self {
            let second = 10 + seq;
            let (connection, credentials) = (connection("A", 10), CredentialVersion(1));
            let received = Timestamp(second * 1000);
            let kind = EventKind::CheckIn { connection, credentials, received, seq, ack: true, report, results: 0 };
            self.happens(second, kind)
        }

        fn node(&self) -> Node {
            Node::read(self.item.as_ref().expect("an item")).expect("well-formed")
        }
    }

    fn connection(name: &str, opened: u64) -> Connection {
        Connection { id: name.parse().expect("an id"), opened_at: Timestamp(opened * 1000) }
    }

    #[test]
    fn a_node_is_told_to_be_online_once_and_offline_when_a_sweep_says_so() {
        let mut life = Life::default();
        life.connects("A", 10).checks_in(1, Report::default()).connects("B", 20).closes("B", 20, 25);
        assert_eq!(life.told, ["node.registered", "node.online"]);
        let due = Timestamp(33_000);
        let over = expired(&id(), &life.node(), due, &policy()).expect("its grace period is over");
        life.write(&plan(&over, &policy()));
        let offline =
            Notice::Offline { since: due, reason: PresenceReason::Closed(Some(1001)), online_since: Timestamp(10_000) };
        assert_eq!(life.notices.last(), Some(&offline));
        life.connects("C", 40);
        let gone = Timestamp(40_000 + 700_000);
        let lost = lost(&id(), &life.node(), gone, &policy()).expect("nothing was heard of it");
        life.write(&plan(&lost, &policy()));
        assert_eq!(life.told[2..], ["node.offline", "node.online", "node.offline"]);
        let Some(Notice::Offline { reason, .. }) = life.notices.last() else { panic!("it is offline") };
        assert_eq!(*reason, PresenceReason::Lost);
    }

    #[test]
    fn an_idle_check_in_announces_nothing() {
        let mut life = Life::default();
        life.connects("A", 10);
        assert!(life.item.as_ref().is_some_and(|item| item.contains_key(&A::Announces)));
        let health = Health { uptime_s: Some(9), ..Health::default() };
        life.checks_in(1, Report::new(None, None, health));
        assert!(life.item.as_ref().is_some_and(|item| !item.contains_key(&A::Announces)));
    }

    #[test]
    fn what_a_node_reports_is_told_once() {
        let config = |state| {
            let outcome = ConfigOutcome { version: 1, state, detail: None };
            Report::new(None, Some(outcome), Health::default())
        };
        let mut life = Life::default();
        life.connects("A", 10).checks_in(1, config(ConfigState::Rejected)).checks_in(2, config(ConfigState::Rejected));
        life.checks_in(3, config(ConfigState::Applied));
        assert_eq!(life.told[2..], ["config.rejected", "config.applied"]);
    }

    #[test]
    fn a_registration_its_change_and_its_end_are_told_with_what_was() {
        let mut life = Life::default();
        let site = |site: &str| Registering { site: site.parse().ok(), ..Registering::default() };
        life.write(&register(&id(), &site("hq")))
            .write(&register(&id(), &site("hq")))
            .write(&register(&id(), &site("lab")));
        life.write(&revoke(&id()));
        assert_eq!(life.told, ["node.registered", "node.registered", "node.revoked"]);
        let Notice::Registered { was: Some(was), is } = &life.notices[1] else { panic!("it was registered before") };
        assert_eq!((was.site.as_deref(), is.site.as_deref()), (Some("hq"), Some("lab")));
        let deleted = notices(Some(&life.node()), None, Timestamp(0), &policy());
        assert_eq!(deleted, [Notice::Deleted]);
    }
}

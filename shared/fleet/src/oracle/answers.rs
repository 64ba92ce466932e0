//! Whether an answer of the console can be true, given what was stored while it was made.

use rollcall_core::{Command, CommandState, Ended, Ending, Node, RolloutState, Timestamp};
use rollcall_wire::console::NodeView;
use serde_json::Value;

use super::commands::Commands;
use super::configs::Configs;
use super::console::Answer;
use super::facts::{Facts, SKEW_MS, earlier, later};
use super::firmware::Firmware;
use super::rollouts::Rollouts;
use super::table::Table;
use super::talks::Talk;
use crate::catalogue::{command_name, firmware_version};
use crate::plan::{Ask, BadDelta, Match, RolloutDeed};

/// What the answers are compared with.
pub(super) struct Known<'a> {
    pub(super) facts: &'a Facts,
    pub(super) table: &'a Table,
    pub(super) commands: &'a Commands,
    pub(super) firmware: &'a Firmware,
    pub(super) configs: &'a Configs,
    pub(super) rollouts: &'a Rollouts,
}

impl Known<'_> {
    /// Whether the version is described for the node's model.
    pub(super) fn knows_firmware(&self, node: usize, version: u32) -> bool {
        let model = self.table.node(node).and_then(|node| node.model.as_deref());
        model.is_some_and(|model| self.firmware.is_known(model, &firmware_version(version)))
    }
}

/// Why an answer can't be true; `None` if it can.
pub(super) fn untrue(known: &Known<'_>, talk: &Talk, answer: &Answer<'_>) -> Option<String> {
    let code = answer.body.get("code").and_then(Value::as_str).unwrap_or_default();
    match (answer.status, code) {
        (404, "unknown-node") => {
            return (!talk.was_unregistered()).then(|| "it was registered all the time".to_owned());
        }
        (410, _) => return (!talk.was(|node| node.revoked)).then(|| "it was never revoked meanwhile".to_owned()),
        _ => {}
    }
    match &talk.ask {
        Ask::Register { node } => {
            let plan = known.facts.nodes.get(*node)?;
            let is = |node: &Node| node.site.as_ref() == Some(&plan.site) && node.model.as_ref() == Some(&plan.model);
            expect(answer, 200, talk.was(is), "it never was registered like that")
        }
        Ask::Amend { site, .. } => {
            expect(answer, 200, talk.was(|node| node.site.as_ref() == Some(site)), "it never was in that site")
        }
        // The registration and the configuration are two writes, between which others may write.
        Ask::Import { site, document, .. } => {
            let hash = known.configs.hash(*document);
            let was_set = talk.was(|node| node.desired.as_ref().is_some_and(|desired| desired.sha256 == hash));
            let was_there = talk.was(|node| node.site.as_ref() == Some(site));
            expect(answer, 200, was_set && was_there, "it never was in that site, or this document was never desired")
        }
        Ask::SetConfig { document, condition, .. } => set_config(known, talk, answer, (*document, *condition)),
        Ask::Queue { node, key, name, expires_in_s, .. } => {
            queue(known, answer, (*node, *key), (command_name(*name), *expires_in_s))
        }
        Ask::Cancel { node, .. } => cancel(known, talk, answer, *node),
        Ask::AddFirmware { model, version, wrong_hash } => {
            add_firmware(known, answer, (model, &firmware_version(*version), *wrong_hash))
        }
        Ask::AddDelta { model, version, from, fault } => {
            add_delta(known, talk, answer, (model, (*version, *from), *fault))
        }
        Ask::SetFirmware { node, version } => set_firmware(known, talk, answer, (*node, &firmware_version(*version))),
        Ask::SetMinimum { model, version } => {
            let was_set = known.firmware.minimums.was(model, *version, talk.asked_at, answer.at);
            expect(answer, 200, was_set, "it never was the minimum")
        }
        Ask::Revoke { .. } => expect(answer, 204, talk.was(|node| node.revoked), "it never was revoked meanwhile"),
        Ask::RaiseCredentials { .. } => raise(talk, answer),
        Ask::Disconnect { .. } => {
            (!(200..300).contains(&answer.status)).then(|| "that is no answer to this".to_owned())
        }
        Ask::Show { .. } => show(talk, answer),
        Ask::SetSiteConfig { .. } | Ask::ListSite { .. } => expect(answer, 200, true, ""),
        Ask::StartRollout { rollout, .. } => start_rollout(answer, &known.rollouts.states(*rollout, Timestamp(0))),
        Ask::SteerRollout { rollout, deed } => {
            let was_stored = known.rollouts.was_stored(*rollout, talk.asked_at);
            steer_rollout(answer, *deed, was_stored, &known.rollouts.states(*rollout, talk.asked_at))
        }
        Ask::ShowRollout { rollout } => {
            let was_stored = known.rollouts.was_stored(*rollout, talk.asked_at);
            show_rollout(answer, was_stored, &known.rollouts.states(*rollout, talk.asked_at))
        }
    }
}

fn start_rollout(answer: &Answer<'_>, states: &[RolloutState]) -> Option<String> {
    match answer.status {
        200 | 201 => states.is_empty().then(|| "it is not stored".to_owned()),
        // No node is meant, or the firmware is unknown.
        400 => (!states.is_empty()).then(|| "it is stored".to_owned()),
        409 if code(answer) == Some("below-minimum") => (!states.is_empty()).then(|| "it is stored".to_owned()),
        _ => Some("that is no answer to this".to_owned()),
    }
}

fn steer_rollout(answer: &Answer<'_>, deed: RolloutDeed, was_stored: bool, states: &[RolloutState]) -> Option<String> {
    let is_done = match deed {
        RolloutDeed::Pause => states.contains(&RolloutState::Paused),
        RolloutDeed::Abort => states.contains(&RolloutState::Aborted),
        RolloutDeed::RollBack => states.contains(&RolloutState::RollingBack),
        RolloutDeed::Resume | RolloutDeed::Approve => !states.is_empty(),
    };
    match answer.status {
        404 => was_stored.then(|| "it was stored".to_owned()),
        409 => states.is_empty().then(|| "it is not stored".to_owned()),
        _ => expect(answer, 200, is_done, "it was never in that state"),
    }
}

fn show_rollout(answer: &Answer<'_>, was_stored: bool, states: &[RolloutState]) -> Option<String> {
    let shown = answer.body.get("state").and_then(Value::as_str);
    let was = states.iter().any(|state| shown == Some(state.as_str()));
    match answer.status {
        404 => was_stored.then(|| "it was stored".to_owned()),
        _ => expect(answer, 200, was, "it was never in that state"),
    }
}

fn expect(answer: &Answer<'_>, status: u16, is_true: bool, why: &str) -> Option<String> {
    if answer.status != status {
        return Some("that is no answer to this".to_owned());
    }
    (!is_true).then(|| why.to_owned())
}

fn code<'a>(answer: &Answer<'a>) -> Option<&'a str> {
    answer.body.get("code").and_then(Value::as_str)
}

fn number(answer: &Answer<'_>, name: &str) -> Option<u64> {
    answer.body.get(name).and_then(Value::as_u64)
}

fn version(node: &Node) -> u64 {
    node.desired.as_ref().map_or(0, |desired| desired.version)
}

fn set_config(
    known: &Known<'_>,
    talk: &Talk,
    answer: &Answer<'_>,
    (document, condition): (u32, Option<Match>),
) -> Option<String> {
    let expected = talk.named;
    if answer.status == 412 {
        let current = number(answer, "current_version");
        if !talk.was(|node| Some(node.config_version) == current) {
            return Some("the current version is not the one that it names".to_owned());
        }
        let fails = match (condition, expected) {
            (Some(Match::Absent), _) => talk.was(|node| version(node) > 0),
            (_, Some(expected)) => talk.was(|node| node.config_version != expected),
            (_, None) => false,
        };
        return (!fails).then(|| "the condition held all the time".to_owned());
    }
    let (set, hash) = (number(answer, "version"), known.configs.hash(document));
    let was_set = talk.was(|node| {
        node.desired.as_ref().is_some_and(|desired| Some(desired.version) == set && desired.sha256 == hash)
    });
    let wrong = expect(answer, 200, was_set, "this document was never desired under this version");
    wrong.or_else(|| {
        // A configuration that was unset leaves its number behind.
        let was_absent = talk.was(|node| node.desired.is_none() && Some(node.config_version + 1) == set);
        let holds = match (condition, expected, set) {
            (Some(Match::Absent), _, _) | (_, Some(0), _) if was_absent => true,
            (Some(Match::Absent), _, set) => set == Some(1),
            (_, Some(expected), Some(set)) => set == expected || set == expected + 1,
            _ => true,
        };
        if !holds {
            return Some("the condition did not hold".to_owned());
        }
        let pushed = answer.body.get("delivery").and_then(Value::as_str) == Some("pushed");
        let was_pushed = set.is_some_and(|set| talk.pushed.contains(&set.to_string()));
        (pushed && !was_pushed).then(|| "it was not pushed".to_owned())
    })
}

fn queue(known: &Known<'_>, answer: &Answer<'_>, (node, key): (usize, u32), request: (&str, u32)) -> Option<String> {
    let queued = known.commands.of_key(node, &format!("key-{key}"));
    let stored = queued.and_then(|command| known.commands.get(node, command)).map(|known| &known.stored);
    let is_same = |stored: &Command| {
        let expires_in_ms = stored.expires_at.0.saturating_sub(stored.queued_at.0);
        (stored.name.as_str(), expires_in_ms) == (request.0, u64::from(request.1) * 1000)
    };
    match answer.status {
        200 | 201 if queued.is_none() || number(answer, "command") != queued => {
            Some(format!("the idempotency key has queued command {queued:?}"))
        }
        200 | 201 => stored.filter(|stored| !is_same(stored)).map(|stored| format!("that command is {stored:?}")),
        409 if code(answer) == Some("key-reused") => match stored {
            Some(stored) => is_same(stored).then(|| "the same request has used the idempotency key".to_owned()),
            None => queued.is_none().then(|| "the idempotency key was never used".to_owned()),
        },
        409 => None,
        _ => Some("that is no answer to this".to_owned()),
    }
}

fn cancel(known: &Known<'_>, talk: &Talk, answer: &Answer<'_>, node: usize) -> Option<String> {
    let command = talk.named.and_then(|number| known.commands.get(node, number)).map(|known| &known.stored);
    let is_cancelled = |command: &Command| matches!(command.ended, Some(Ended { how: Ending::Cancelled, .. }));
    match (answer.status, command) {
        (204, Some(command)) => (!is_cancelled(command)).then(|| format!("it is stored as {command:?}")),
        (204, None) => Some("there is no such command".to_owned()),
        (404, Some(_)) => Some("there is such a command".to_owned()),
        (409, Some(command)) => {
            let state = command.state(later(answer.at, SKEW_MS));
            (state == CommandState::Queued || is_cancelled(command) && command.sent_at.is_none())
                .then(|| format!("it is stored as {command:?}"))
                .filter(|_| !known.facts.windows.wrong_clock(earlier(talk.asked_at, 60_000), answer.at))
        }
        (404 | 409, None) => None,
        _ => Some("that is no answer to this".to_owned()),
    }
}

fn add_firmware(known: &Known<'_>, answer: &Answer<'_>, (model, version, wrong): (&str, &str, bool)) -> Option<String> {
    let stored = known.firmware.described(model, version);
    let asked = crate::application::description(model, version, wrong).sha256;
    match answer.status {
        200 | 201 => (stored != Some(asked.as_str())).then(|| format!("it is described by the hash {stored:?}")),
        409 => {
            (stored.is_none() || stored == Some(asked.as_str())).then(|| "no other image has this version".to_owned())
        }
        _ => Some("that is no answer to this".to_owned()),
    }
}

fn add_delta(
    known: &Known<'_>,
    talk: &Talk,
    answer: &Answer<'_>,
    (model, (version, from), fault): (&str, (u32, u32), Option<BadDelta>),
) -> Option<String> {
    let stored = known.firmware.deltas.described(model, &firmware_version(version), &firmware_version(from));
    let asked = crate::application::delta(model, (version, from), fault).sha256;
    let is_stored = stored == Some(asked.as_str());
    match answer.status {
        200 | 201 => (!is_stored).then(|| format!("it is described by the hash {stored:?}")),
        404 => talk.knew_firmware.then(|| "both versions were known".to_owned()),
        409 => (stored.is_none() || is_stored).then(|| "no other delta is described".to_owned()),
        _ => Some("that is no answer to this".to_owned()),
    }
}

fn set_firmware(known: &Known<'_>, talk: &Talk, answer: &Answer<'_>, (node, version): (usize, &str)) -> Option<String> {
    match answer.status {
        404 => talk.knew_firmware.then(|| "the version was known".to_owned()),
        409 if code(answer) == Some("below-minimum") => {
            let model = known.facts.nodes.get(node).map(|node| node.model.as_str()).unwrap_or_default();
            let was_above = known.firmware.minimums.was_above(model, version, talk.asked_at, answer.at);
            (!was_above).then(|| "the minimum was never above it".to_owned())
        }
        409 => None,
        _ => {
            let was_set = talk.was(|node| node.desired_firmware.as_deref() == Some(version));
            let wrong = expect(answer, 200, was_set, "the version was never desired");
            let pushed = answer.body.get("delivery").and_then(Value::as_str) == Some("pushed");
            let was_pushed = talk.pushed.iter().any(|pushed| pushed == version);
            wrong.or_else(|| (pushed && !was_pushed).then(|| "it was not pushed".to_owned()))
        }
    }
}

fn raise(talk: &Talk, answer: &Answer<'_>) -> Option<String> {
    let credentials = |node: &Node| node.credentials.map(|credentials| u64::from(credentials.0));
    if answer.status == 409 {
        let went_on = talk.was(|node| credentials(node) > talk.named);
        return (!went_on).then(|| "the credential version was never higher".to_owned());
    }
    let raised = number(answer, "credential_version");
    let was_raised = raised >= talk.named && talk.was(|node| credentials(node) == raised);
    expect(answer, 200, was_raised, "the credential version was never that")
}

fn show(talk: &Talk, answer: &Answer<'_>) -> Option<String> {
    let view: NodeView = match serde_json::from_value(answer.body.clone()) {
        Ok(view) if answer.status == 200 => view,
        _ => return Some("that is no answer to this".to_owned()),
    };
    (!talk.was(|node| is_shown(&view, node))).then(|| "it never was like that".to_owned())
}

/// Whether a view is of this state. Presence depends on the time, and is judged elsewhere.
fn is_shown(view: &NodeView, node: &Node) -> bool {
    let desired = node.desired.as_ref().map(|desired| (desired.version, desired.sha256.as_str()));
    let shown = view.desired.as_ref().map(|desired| (desired.version, desired.sha256.as_str()));
    let reported = node.config.as_ref().map(|config| (config.version, config.detail.as_deref()));
    let shown_report = view.reported.as_ref().map(|config| (config.version, config.detail.as_deref()));
    let update = node.update.as_ref().map(|update| update.version.as_str());
    desired == shown
        && reported == shown_report
        && update == view.update.as_ref().map(|update| update.version.as_str())
        && (view.site.as_deref(), view.model.as_deref()) == (node.site.as_deref(), node.model.as_deref())
        && (view.revoked, view.credential_version) == (node.revoked, node.credentials.map(|version| version.0))
        && (view.firmware.as_deref(), view.desired_firmware.as_deref())
            == (node.firmware.as_deref(), node.desired_firmware.as_deref())
        && view.last_check_in_ms == node.seen.map(|seen| seen.0)
        && view.open_commands == node.commands_queued.saturating_sub(node.commands_over)
}

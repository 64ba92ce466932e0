//! Reads what a rollout is told when it is made.

use rollcall_core::{
    ChangeKind, FirmwareVersion, Gate, InvalidGate, InvalidSelector, Retries, Retry, RolloutSchedule, Selector,
    Timestamp, Wave, Waves,
};
use rollcall_wire::Document;
use rollcall_wire::console::{
    CommandSpec, OnFailure, Problem, ProblemCode, RolloutChange, RolloutGate, RolloutRetry, RolloutSpec, RolloutWave,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::window::Window;
use crate::console::commands;

/// The longest text of a selector, in bytes.
const SELECTOR_BYTES: usize = 1_024;
/// The highest priority.
const PRIORITY_MOST: u64 = 1_000;
/// How long after its first failure a node is told again, in seconds, if nothing else is said.
const RETRY_WAIT_S: u32 = 60;
/// How many nodes may be under way at a time, at most.
const PARALLEL_MOST: u64 = 1_000_000;

/// What a rollout is told, checked.
pub(super) struct Told {
    pub(super) select: Selector,
    pub(super) first: Option<Selector>,
    pub(super) change: Change,
    pub(super) schedule: RolloutSchedule,
    pub(super) window: Option<Window>,
    pub(super) max_parallel: Option<u64>,
    pub(super) priority: u64,
}

/// What a rollout changes of a node.
pub(super) enum Change {
    Config(Document),
    Firmware(FirmwareVersion),
    Command(CommandSpec),
}

impl Change {
    pub(super) fn kind(&self) -> ChangeKind {
        match self {
            Self::Config(_) => ChangeKind::Config,
            Self::Firmware(_) => ChangeKind::Firmware,
            Self::Command(_) => ChangeKind::Command,
        }
    }

    /// What is desired of a node then: the SHA-256 of a document, or a firmware version.
    pub(super) fn wanted(&self) -> Option<&str> {
        match self {
            Self::Config(document) => Some(document.sha256()),
            Self::Firmware(version) => Some(version.as_str()),
            Self::Command(_) => None,
        }
    }
}

/// Checks what a rollout is told.
pub(super) fn told(spec: &RolloutSpec) -> Result<Told, Problem> {
    let priority = in_range("priority", spec.priority.unwrap_or_default(), 0, PRIORITY_MOST)?;
    let max_parallel = spec.max_parallel.map(|most| in_range("max_parallel", most, 1, PARALLEL_MOST)).transpose()?;
    let change = change(&spec.change)?;
    Ok(Told {
        select: selector("select", &spec.select)?,
        first: spec.first.as_deref().map(|first| selector("first", first)).transpose()?,
        schedule: schedule(spec, change.kind())?,
        change,
        window: spec.window.as_ref().map(Window::read).transpose().map_err(|error| invalid("window", &error))?,
        max_parallel,
        priority,
    })
}

fn schedule(spec: &RolloutSpec, kind: ChangeKind) -> Result<RolloutSchedule, Problem> {
    let wave = |wave: &RolloutWave| match wave {
        RolloutWave::Nodes(nodes) => Wave::Nodes(nodes.0),
        RolloutWave::Percent(percent) => Wave::Percent(percent.0),
    };
    let waves = Waves::new(spec.waves.iter().map(wave).collect()).map_err(|error| invalid("waves", &error))?;
    let given = spec.gate.unwrap_or_default();
    let gate = gate(&given).map_err(|error| invalid("gate", &error))?;
    Ok(RolloutSchedule {
        waves,
        gate,
        start_at: spec.start_at.as_deref().map(instant).transpose()?,
        needs_approval: given.approval.unwrap_or_default(),
        rolls_back: given.on_failure == Some(OnFailure::RollBack),
        include_new: spec.include_new.unwrap_or_default(),
        retries: Retries::new(kind, spec.retry.iter().flatten().map(retry).collect())
            .map_err(|error| invalid("retry", &error))?,
    })
}

fn retry(given: &RolloutRetry) -> Retry {
    Retry { code: given.code.clone(), times: given.times, wait_s: given.wait_s.unwrap_or(RETRY_WAIT_S) }
}

fn gate(given: &RolloutGate) -> Result<Gate, InvalidGate> {
    let usual = Gate::default();
    let gate = Gate {
        wait_s: given.wait_s.unwrap_or(usual.wait_s),
        patience_s: given.patience_s.unwrap_or(usual.patience_s),
        minimum: given.minimum.unwrap_or(usual.minimum),
        success_percent: given.success_percent.unwrap_or(usual.success_percent),
        failure_percent: given.failure_percent.unwrap_or(usual.failure_percent),
        lost_percent: given.lost_percent.unwrap_or(usual.lost_percent),
    };
    gate.checked()
}

fn change(change: &RolloutChange) -> Result<Change, Problem> {
    Ok(match change {
        RolloutChange::Config(document) => Change::Config(Document::parse(document.0.text())?),
        RolloutChange::Firmware(version) => {
            Change::Firmware(version.0.parse().map_err(|error| invalid("change.firmware", &error))?)
        }
        RolloutChange::Command(spec) => {
            // The key of each node's command is its own.
            let key = "checked".parse().map_err(|error| invalid("change.command", &error))?;
            commands::queueing_of(spec, key)?;
            Change::Command(spec.clone())
        }
    })
}

fn selector(field: &str, text: &str) -> Result<Selector, Problem> {
    if text.len() > SELECTOR_BYTES {
        return Err(invalid(field, &format!("it has {} bytes; at most {SELECTOR_BYTES} are allowed", text.len())));
    }
    text.parse().map_err(|error: InvalidSelector| invalid(field, &error.in_one_line()))
}

fn instant(text: &str) -> Result<Timestamp, Problem> {
    let wrong = || invalid("start_at", &"it must be an instant as RFC 3339 writes it, such as 2026-03-01T22:00:00Z");
    let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
    let ms = u64::try_from(instant.unix_timestamp_nanos() / 1_000_000).map_err(|_| wrong())?;
    Ok(Timestamp(ms))
}

fn in_range(field: &str, value: u64, least: u64, most: u64) -> Result<u64, Problem> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(invalid(field, &format!("it must be from {least} to {most}, not {value}")))
}

fn invalid(field: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidBody, format!("{field}: {error}"))
}

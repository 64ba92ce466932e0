//! The requests about rollouts.

use std::collections::BTreeMap;

use rollcall_core::{
    NotPossible, Outcome, Rollout, RolloutName, RolloutSchedule, Target, TargetState, Timestamp, add_rollout,
    failure_code, mark_under_way, put_rollout_spec,
};
use rollcall_wire::EventData;
use rollcall_wire::console::{
    Problem, ProblemCode, RolloutList, RolloutNode, RolloutNodePage, RolloutNodeState, RolloutSpec, RolloutView,
};

use super::listing::{BELOW_MINIMUM, Models};
use super::spec::{Change, Told, told};
use super::{Event, changed, counts, nodes, progress, rollouts};
use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::audit::Changed;
use crate::console::handle::{Admitted, Answered, Console, object, parse};
use crate::console::refusal::failed;
use crate::console::{cursor, nodes as listed};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;

/// What the cursors of the list of rollouts are of.
const LIST: &str = "rollouts";
/// How many rollouts may be under way at a time.
const UNDER_WAY: usize = 50;
/// How many nodes are looked at before a rollout is made, to say at once what is wrong with it.
const LOOKED_AT: usize = 10_000;
/// How many nodes a refusal names.
const NAMED: usize = 5;
/// How often something is done with a rollout while steps of it are stored.
const TRIES: usize = 20;
/// How many targets are read for a page whose state is chosen, at most.
const READ_MOST: usize = 1_000;
/// How many of them are read at once at least.
const READ_AT_ONCE: usize = 100;

/// What can be done with a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Pause,
    Resume,
    Abort,
    RollBack,
    Approve,
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// A page of rollouts, by their names.
    pub(crate) async fn list_rollouts(&self, admitted: &Admitted<'_>) -> Answered {
        let (secret, limit) = (self.keys.secret(), listed::limit(admitted)?);
        let after = admitted.parameter("cursor").map(|cursor| cursor::read::<String>(&secret, LIST, cursor));
        let after: Option<RolloutName> = after.transpose()?.map(|name| parse(&name, "cursor")).transpose()?;
        let page = rollouts(&self.store, after.as_ref(), limit).await.map_err(|error| failed(&error))?;
        let last = page.last().filter(|_| i32::try_from(page.len()) == Ok(limit));
        let cursor = last.map(|(name, _)| cursor::write(&secret, LIST, &name.as_str()));
        let rollouts = page.iter().map(|(name, rollout)| view(name, rollout, None)).collect();
        Ok(HttpAnswer::json(200, &RolloutList { rollouts, cursor }))
    }

    pub(crate) async fn show_rollout(&self, name: &str) -> Answered {
        let name: RolloutName = parse(name, "name")?;
        let stored = self.stored_rollout(&name).await?;
        self.shown(&name, &stored, 200).await
    }

    /// The answer with a rollout, and with what it was told.
    async fn shown(&self, name: &RolloutName, rollout: &Rollout, status: u16) -> Answered {
        Ok(HttpAnswer::json(status, &view(name, rollout, Some(self.told(name).await?))))
    }

    /// Makes a rollout. The same rollout may be sent again; another one under the same name is refused.
    pub(crate) async fn put_rollout(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: RolloutName = parse(name, "name")?;
        let spec: RolloutSpec = object(&admitted.body()?)?;
        let told = told(&spec)?;
        // Plain structs can always be written as JSON.
        let text = serde_json::to_string(&spec).unwrap_or_default();
        if let Some(stored) = self.known_rollout(&name).await? {
            return self.again(&name, &stored, &spec).await;
        }
        if self.marked().await?.len() >= UNDER_WAY {
            let detail = format!("{UNDER_WAY} rollouts are under way: wait until one of them is over, or abort one");
            return Err(Problem::new(ProblemCode::TooManyRollouts, detail));
        }
        self.foresee(&told, admitted).await?;
        let rollout = Rollout::new(told.change.kind(), told.schedule.waves.count(), told.priority, admitted.now);
        let event = EventData::RolloutStarted(changed(&rollout));
        if let Outcome::Refused { .. } = self.write(&put_rollout_spec(&name, &text)).await? {
            return Err(taken(&name));
        }
        let _ = self.write(&mark_under_way(&name, rollout.revision)).await?;
        let is_new =
            self.write_and_tell(admitted, &Changed::Rollout(&name), &event, &add_rollout(&name, &rollout)).await?;
        if !is_new {
            return self.again(&name, &self.stored_rollout(&name).await?, &spec).await;
        }
        tracing::info!(%name, outcome = "made", "rollout");
        let location = format!("/v1/rollouts/{name}");
        Ok(self.shown(&name, &rollout, 201).await?.with("location", location))
    }

    /// The answer to a rollout that was made before.
    async fn again(&self, name: &RolloutName, stored: &Rollout, spec: &RolloutSpec) -> Answered {
        if self.told(name).await?.0 == *spec { self.shown(name, stored, 200).await } else { Err(taken(name)) }
    }

    /// Says what is wrong with a rollout before anything starts: it means no node, or firmware is not known for a model or
    /// is below its minimum.
    async fn foresee(&self, told: &Told, admitted: &Admitted<'_>) -> Result<(), Problem> {
        let (mut meant, mut looked_at, mut after) = (0, 0, None);
        let mut without: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut models = Models::new();
        loop {
            let (nodes, next) = self.page_of(&told.select, after.as_ref()).await?;
            looked_at += nodes.len();
            after = nodes.last().map(|(id, _, _)| id.clone());
            for read in nodes.iter().filter(|read| self.is_meant(&told.select, read, admitted.now)) {
                meant += 1;
                let (id, node, about) = read;
                let why_not = self.why_not(node, about, &told.change, &mut models).await?;
                let model = node.model.clone().unwrap_or_default();
                match (why_not.as_deref(), &told.change) {
                    (Some("noartifact"), _) => without.entry(model).or_default().push(id.to_string()),
                    (Some(BELOW_MINIMUM), Change::Firmware(version)) => {
                        self.may_be_desired(&parse(&model, "model")?, version).await?;
                    }
                    _ => {}
                }
            }
            if next.is_none() || after.is_none() || looked_at >= LOOKED_AT {
                break;
            }
        }
        if meant == 0 && looked_at < LOOKED_AT {
            return Err(Problem::new(ProblemCode::InvalidBody, "select: it means no node that is registered"));
        }
        let (Some((model, nodes)), Change::Firmware(version)) = (without.first_key_value(), &told.change) else {
            return Ok(());
        };
        let named: Vec<_> = nodes.iter().take(NAMED).map(String::as_str).collect();
        let more = if nodes.len() > NAMED { ", …" } else { "" };
        let detail = format!(
            "change.firmware: no firmware {} is known for the model {model:?}, which {} of the nodes have: {}{more}",
            version.as_str(),
            nodes.len(),
            named.join(", ")
        );
        Err(Problem::new(ProblemCode::InvalidBody, detail))
    }

    /// Does something with a rollout. If a step of it is stored meanwhile, it is done to what was stored.
    pub(crate) async fn act_on_rollout(&self, admitted: &Admitted<'_>, name: &str, deed: Deed) -> Answered {
        let name: RolloutName = parse(name, "name")?;
        for _ in 0..TRIES {
            let read = self.stored_rollout(&name).await?;
            let mut rollout = read.clone();
            let schedule = self.told(&name).await?.1.schedule;
            let event = done(&mut rollout, &schedule, deed, admitted.now)?;
            if read.forget_at.is_some() {
                self.keep_spec(&name).await?;
            }
            if rollout.state.is_stepped() {
                let _ = self.write(&mark_under_way(&name, read.revision + 1)).await?;
            }
            if self.keep_rollout(&name, &read, &rollout, event, admitted).await? {
                return self.shown(&name, &rollout, 200).await;
            }
        }
        Err(Problem::new(ProblemCode::Unavailable, "steps of the rollout are stored at this moment: try again"))
    }

    /// A page of the nodes of a rollout, in the order in which they are told.
    pub(crate) async fn rollout_nodes(&self, admitted: &Admitted<'_>, name: &str) -> Answered {
        let name: RolloutName = parse(name, "name")?;
        let state = admitted.parameter("state").map(state).transpose()?;
        let limit = usize::try_from(listed::limit(admitted)?).unwrap_or(1);
        let is_over = self.stored_rollout(&name).await?.state.is_over();
        let (secret, list) = (self.keys.secret(), format!("nodes of the rollout {name}: {state:?}"));
        let after = admitted.parameter("cursor").map(|cursor| cursor::read::<String>(&secret, &list, cursor));
        let mut after = after.transpose()?.map(|place| parse(&place, "cursor")).transpose()?;
        let (mut page, mut read, mut is_last) = (vec![], 0, false);
        while page.len() < limit && read < READ_MOST && !is_last {
            let most = limit.max(READ_AT_ONCE);
            let targets = self.targets(&name, after.as_ref(), most as u64).await?;
            is_last = targets.len() < most;
            read += targets.len();
            for (place, target) in targets {
                let shown = node(place.node().as_str(), &target, is_over);
                after = Some(place);
                if state.is_none_or(|state| shown.state == state) {
                    page.push(shown);
                    if page.len() == limit {
                        is_last = false;
                        break;
                    }
                }
            }
        }
        let cursor = after.filter(|_| !is_last).map(|place| cursor::write(&secret, &list, &place.to_string()));
        Ok(HttpAnswer::json(200, &RolloutNodePage { nodes: page, cursor }))
    }
}

fn taken(name: &RolloutName) -> Problem {
    let detail =
        format!("another rollout has the name {name}, and a rollout never changes: give this one another name");
    Problem::new(ProblemCode::RolloutTaken, detail)
}

/// Does something with a rollout. Returns what is told of it.
fn done(
    rollout: &mut Rollout,
    schedule: &RolloutSchedule,
    deed: Deed,
    now: Timestamp,
) -> Result<Option<Event>, Problem> {
    let event: Option<Event> = match deed {
        Deed::Pause => Some(EventData::RolloutPaused),
        Deed::Resume => Some(EventData::RolloutResumed),
        Deed::Abort => Some(EventData::RolloutAborted),
        Deed::RollBack => Some(EventData::RolloutRollingBack),
        Deed::Approve => Some(EventData::RolloutApproved),
    };
    let done = match deed {
        Deed::Pause => rollout.pause(),
        Deed::Resume => rollout.resume(),
        Deed::Abort => rollout.abort(),
        Deed::RollBack => rollout.roll_back(now),
        Deed::Approve => rollout.approve(schedule),
    };
    done.map_err(impossible)?;
    Ok(event)
}

fn impossible(error: NotPossible) -> Problem {
    Problem::new(ProblemCode::RolloutState, error.to_string())
}

/// A rollout, and what it was told, if that was read.
fn view(name: &RolloutName, rollout: &Rollout, told: Option<(RolloutSpec, Told)>) -> RolloutView {
    let nodes = nodes(rollout);
    let (spec, told) = told.unzip();
    let reach = |(nodes, told): (u64, &Told)| {
        let waves = &told.schedule.waves;
        (0..waves.count()).map(|wave| waves.reach(wave, nodes)).collect()
    };
    RolloutView {
        name: name.to_string(),
        state: progress(rollout.state),
        reason: rollout.reason.clone(),
        wave: rollout.shown_wave() as u64,
        wave_count: rollout.waves as u64,
        waves: nodes.zip(told.as_ref()).map(reach),
        nodes,
        counts: counts(rollout.counts()),
        created_at_ms: rollout.created_at.0,
        retries: rollout.retries,
        told_at_ms: rollout.told_at.map(|at| at.0),
        spec,
    }
}

/// A node of a rollout. In one that is over, nobody is told again: what was to be tried again has failed.
fn node(id: &str, target: &Target, is_over: bool) -> RolloutNode {
    let has_failed = matches!(target.state, TargetState::Failed | TargetState::Retrying);
    RolloutNode {
        node: id.to_owned(),
        state: match target.state {
            TargetState::Retrying if is_over => RolloutNodeState::Failed,
            TargetState::Retrying => RolloutNodeState::Retrying,
            TargetState::Waiting | TargetState::Telling => RolloutNodeState::Waiting,
            TargetState::Told => RolloutNodeState::Told,
            TargetState::Applied => RolloutNodeState::Applied,
            TargetState::Failed => RolloutNodeState::Failed,
            TargetState::Lost => RolloutNodeState::Lost,
            TargetState::Skipped => RolloutNodeState::Skipped,
            TargetState::RolledBack => RolloutNodeState::RolledBack,
            TargetState::Superseded => RolloutNodeState::Superseded,
        },
        reason: target.reason.clone(),
        wave: target.wave.map(|wave| wave + 1),
        told_at_ms: target.told_at.map(|at| at.0),
        version: target.version,
        code: target.reason.as_deref().filter(|_| has_failed).and_then(failure_code),
        attempts: target.attempts.max(u64::from(target.told_at.is_some())),
        retry_at_ms: target.retry_at.filter(|_| !is_over).map(|at| at.0),
    }
}

fn state(text: &str) -> Result<RolloutNodeState, Problem> {
    let word = serde_json::Value::String(text.to_owned());
    serde_json::from_value(word).map_err(|_| {
        let detail =
            "state: must be waiting, told, applied, failed, retrying, lost, skipped, rolled-back or superseded";
        Problem::new(ProblemCode::InvalidParameter, detail)
    })
}

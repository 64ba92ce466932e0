//! Simpler steps, nodes and settings.

use rollcall_core::{Policy, Registration};

use crate::plan::{Ask, Plan, Settings, Step, What};

/// The shortest time that is worth trying, in milliseconds.
const SHORTEST_MS: u64 = 1_000;

/// When a step no longer acts, in milliseconds after the start.
pub(super) fn ends_at_ms(step: &Step) -> u64 {
    let mut what = step.what.clone();
    step.at_ms + time_of(&mut what).map_or(0, |time| *time) + 1
}

/// The plan without some of its nodes, and without what happens to these.
pub(super) fn with_nodes(plan: &Plan, kept: &dyn Fn(usize) -> bool) -> Plan {
    let numbers: Vec<_> = (0..plan.nodes.len())
        .scan(0, |next, node| {
            let number = kept(node).then_some(*next);
            *next += usize::from(number.is_some());
            Some(number)
        })
        .collect();
    let renumber = |step: &Step| {
        let mut step = step.clone();
        if let Some(node) = node_of(&mut step.what) {
            *node = numbers.get(*node).copied().flatten()?;
        }
        Some(step)
    };
    let nodes = plan.nodes.iter().zip(&numbers).filter(|(_, number)| number.is_some());
    Plan {
        nodes: nodes.map(|(node, _)| node.clone()).collect(),
        steps: plan.steps.iter().filter_map(renumber).collect(),
        ..plan.clone()
    }
}

/// Steps that are simpler than this one: shorter, and without what makes them special.
pub(super) fn of_step(step: &Step) -> Vec<Step> {
    let mut simpler = vec![];
    let mut shorter = step.clone();
    if let Some(time) = time_of(&mut shorter.what).filter(|time| **time > SHORTEST_MS) {
        *time = (*time / 4).max(SHORTEST_MS);
        simpler.push(shorter);
    }
    let mut plain = step.clone();
    match &mut plain.what {
        What::Crash { torn, .. } => *torn = false,
        What::Flood { messages, .. } => *messages = (*messages / 2).max(1),
        What::Slow { factor, .. } => *factor = (*factor / 2).max(2),
        What::AnswersLost { percent, .. }
        | What::Throttled { percent, .. }
        | What::InstancesKilled { percent, .. }
        | What::LambdaThrottled { percent, .. }
        | What::SendsLost { percent, .. }
        | What::DeletesLost { percent, .. }
        | What::EndpointRefuses { percent, .. }
        | What::EndpointSilent { percent, .. } => *percent = 100,
        What::Ask(Ask::SetConfig { condition, .. }) => *condition = None,
        What::Ask(Ask::Queue { twice, .. }) => *twice = false,
        _ => {}
    }
    if plain != *step {
        simpler.push(plain);
    }
    simpler
}

/// Each makes one setting the usual one.
pub(super) const USUAL: [fn(&mut Settings); 6] = [
    |settings| settings.registration = Registration::Open,
    |settings| settings.lifetime = Policy::LIFETIME_MAX,
    |settings| settings.check_in_every = 300,
    |settings| settings.grace = 90,
    |settings| settings.spread = 30,
    |settings| settings.budget = Policy::BUDGET,
];

/// How long a step lasts, in milliseconds.
fn time_of(what: &mut What) -> Option<&mut u64> {
    match what {
        What::Crash { back_after_ms, .. } => Some(back_after_ms),
        What::Restart { after_ms, .. } => Some(after_ms),
        What::Partition { for_ms, .. }
        | What::Slow { for_ms, .. }
        | What::Clone { for_ms, .. }
        | What::BadConfigs { for_ms, .. }
        | What::BadFirmware { for_ms, .. }
        | What::DisconnectsLost { for_ms }
        | What::DisconnectsLate { for_ms, .. }
        | What::DisconnectsDoubled { for_ms }
        | What::ConnectsRetried { for_ms }
        | What::MessagesDoubled { for_ms }
        | What::PushesLost { for_ms }
        | What::AnswersLost { for_ms, .. }
        | What::Throttled { for_ms, .. }
        | What::StoreSlow { for_ms, .. }
        | What::StoreDown { for_ms }
        | What::InstancesKilled { for_ms, .. }
        | What::ColdStarts { for_ms }
        | What::LambdaThrottled { for_ms, .. }
        | What::StreamLate { for_ms, .. }
        | What::RecordsDoubled { for_ms, .. }
        | What::SendsLost { for_ms, .. }
        | What::DeletesLost { for_ms, .. }
        | What::EndpointRefuses { for_ms, .. }
        | What::EndpointSilent { for_ms, .. }
        | What::EndpointDown { for_ms, .. }
        | What::ClockSkew { for_ms, .. } => Some(for_ms),
        What::Cut { .. } | What::Flood { .. } | What::CutAll | What::Ask(_) => None,
    }
}

/// The node that something happens to.
fn node_of(what: &mut What) -> Option<&mut usize> {
    match what {
        What::Crash { node, .. }
        | What::Restart { node, .. }
        | What::Cut { node }
        | What::Partition { node, .. }
        | What::Slow { node, .. }
        | What::Clone { node, .. }
        | What::Flood { node, .. }
        | What::BadConfigs { node, .. }
        | What::BadFirmware { node, .. }
        | What::Ask(
            Ask::Register { node }
            | Ask::Amend { node, .. }
            | Ask::SetConfig { node, .. }
            | Ask::Import { node, .. }
            | Ask::Queue { node, .. }
            | Ask::Cancel { node, .. }
            | Ask::SetFirmware { node, .. }
            | Ask::Revoke { node }
            | Ask::RaiseCredentials { node, .. }
            | Ask::Disconnect { node, .. }
            | Ask::Show { node },
        ) => Some(node),
        _ => None,
    }
}

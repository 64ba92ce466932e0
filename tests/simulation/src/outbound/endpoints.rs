//! The endpoints of the application, which are sent events.

use rollcall_core::{Answer, EndpointSpec, EventTypes, Timestamp, Update, add_endpoint};
use rollcall_fleet::{Plan, Seen};
use rollcall_service::{Post, Posted, secret};
use rollcall_wire::console::SignatureScheme;

use crate::draw::Draw;
use crate::faults::Fault;
use crate::ground::Ground;
use crate::kernel::{MS, Micros, S};

/// What the hosts of endpoints end with; before that is the endpoint's name.
const HOST: &str = ".simulated";
/// How long the client waits for an answer (`shared/webhook`).
const PATIENCE: Micros = 15 * S;

/// The writes that make the endpoints: one is told everything, one a part of what happens at the first site, and one what
/// happens to nodes of the first model.
pub(crate) fn endpoints(plan: &Plan, now: Timestamp) -> Vec<Update> {
    let site = plan.nodes.first().and_then(|node| node.site.parse().ok());
    let some = "config.*,node.offline,command.finished,command.expired".parse().unwrap_or_default();
    let select = plan.nodes.first().and_then(|node| format!("model={}", node.model).parse().ok());
    let all = [
        ("all", EventTypes::default(), None, None),
        ("some", some, site, None),
        ("selected", EventTypes::default(), None, select),
    ];
    let endpoint = |(name, types, site, select): (&str, EventTypes, _, _)| {
        let spec = EndpointSpec { url: format!("https://{name}{HOST}/events"), types, site, select };
        Some(add_endpoint(&name.parse().ok()?, &spec, &secret(SignatureScheme::V1, &[7; 32]), now))
    };
    all.into_iter().filter_map(endpoint).collect()
}

/// What an endpoint answers, and after how long.
pub(super) fn post(ground: &mut Ground, draw: &mut Draw, post: &Post) -> (Posted, Micros) {
    let (taken, posted, after) = receive(ground, draw);
    let endpoint = post.url.trim_start_matches("https://").split(HOST).next().unwrap_or_default().to_owned();
    let header = |wanted| post.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
    let id = header("webhook-id").unwrap_or_default();
    ground.saw(Seen::Posted { endpoint, id, event: post.body.clone(), taken });
    (posted, after)
}

/// Whether an endpoint takes an event, what its sender hears, and when.
fn receive(ground: &mut Ground, draw: &mut Draw) -> (bool, Posted, Micros) {
    if ground.hits(Fault::EndpointDown, draw) {
        return (false, unheard("connection refused"), draw.between(MS, 30 * MS));
    }
    if ground.hits(Fault::EndpointSilent, draw) {
        return (draw.percent(50), unheard("no answer in time"), PATIENCE);
    }
    if ground.hits(Fault::EndpointRefuses, draw) {
        let (status, retry_after) = match draw.below(4) {
            0 => (503, u32::try_from(draw.between(1, 600)).ok()),
            1 => (429, u32::try_from(draw.between(1, 60)).ok()),
            2 => (302, None),
            _ => (500, None),
        };
        let answer = Answer { status: Some(status), ..Answer::default() };
        return (false, Posted { answer, retry_after }, draw.between(20 * MS, 300 * MS));
    }
    let status = if draw.percent(50) { 200 } else { 204 };
    let answer = Answer { status: Some(status), ..Answer::default() };
    (true, Posted { answer, retry_after: None }, draw.between(20 * MS, 300 * MS))
}

fn unheard(why: &str) -> Posted {
    Posted { answer: Answer { error: Some(why.to_owned()), ..Answer::default() }, retry_after: None }
}

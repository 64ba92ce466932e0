//! What the console answers is true: there was a time, between the request and its answer, at which it was so.

use rollcall_core::{Node, Presence, Timestamp};
use rollcall_wire::console::{NodePage, NodeView};
use serde_json::Value;

use super::answers::{self, Known};
use super::facts::{Facts, earlier};
use super::table::Table;
use super::talks::{Talk, Talks};
use super::verdicts::Verdicts;
use crate::application::AppRequest;
use crate::catalogue::{firmware_version, node_name};
use crate::plan::Ask;
use crate::violation::ViolationKind as Kind;

/// How much later than the table an index may be, in milliseconds.
const INDEX_MS: u64 = 10_000;

/// A presence in an answer: of which node, and when it was read.
pub(super) type Seen = (usize, Timestamp, Presence);

/// The console's answers.
#[derive(Clone, Debug)]
pub(super) struct Console {
    pub(super) talks: Talks,
    /// Since when each node surely has its name: the application was told that it is registered.
    named: Vec<Option<Timestamp>>,
}

/// An answer of the console.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) nth: usize,
    pub(super) at: Timestamp,
    pub(super) status: u16,
    pub(super) body: &'a Value,
}

impl Console {
    pub(super) fn new(nodes: usize) -> Self {
        Self { talks: Talks::new(nodes), named: vec![None; nodes] }
    }

    pub(super) fn asked(&mut self, known: &Known<'_>, at: Timestamp, request: &AppRequest) {
        let knew = match &request.ask {
            Ask::SetFirmware { node, version } => known.knows_firmware(*node, *version),
            Ask::AddDelta { model, version, from, .. } => {
                [version, from].iter().all(|n| known.firmware.is_known(model, &firmware_version(**n)))
            }
            _ => false,
        };
        self.talks.asked(known.table, at, request, knew);
    }

    /// The application was answered. Returns the presences that the answer shows, and, if the conversation is over, when
    /// its last request was made.
    pub(super) fn answered(
        &mut self,
        known: &Known<'_>,
        verdicts: &mut Verdicts,
        answer: &Answer<'_>,
    ) -> (Vec<Seen>, Option<Timestamp>) {
        let Some(talk) = self.talks.answered(answer.nth) else { return (vec![], None) };
        if answer.status == 0 || answer.status == 429 || answer.status >= 500 {
            return (vec![], None);
        }
        let mut seen = vec![];
        if known.table.is_seen()
            && let Some(why) = answers::untrue(known, talk, answer)
        {
            untrue(verdicts, talk, answer, &why);
        }
        if answer.status == 200 {
            let views = match &talk.ask {
                Ask::Show { .. } => serde_json::from_value::<NodeView>(answer.body.clone()).map(|view| vec![view]),
                Ask::ListSite { .. } => serde_json::from_value::<NodePage>(answer.body.clone()).map(|page| page.nodes),
                _ => Ok(vec![]),
            };
            let views = views.unwrap_or_else(|error| {
                untrue(verdicts, talk, answer, &format!("the answer can't be read: {error}"));
                vec![]
            });
            if let Ask::Register { node } = &talk.ask
                && let Some(named) = self.named.get_mut(*node)
            {
                named.get_or_insert(answer.at);
            }
            for view in views {
                if let Some(why) = misnamed(known.facts, &self.named, talk, &view) {
                    untrue(verdicts, talk, answer, &why);
                }
                seen.extend(presence(known.facts, &view).map(|(node, presence)| (node, talk.asked_at, presence)));
                talk.listed.insert(view.node);
            }
        }
        let asked_at = talk.asked_at;
        if answer.body.get("cursor").is_some_and(Value::is_string) {
            remember_failed(talk, answer.body);
            return (seen, None);
        }
        if answer.status == 200 && known.table.is_seen() {
            remember_failed(talk, answer.body);
            whole_site(known, verdicts, talk, answer.at);
        }
        self.talks.over(answer.nth);
        (seen, Some(asked_at))
    }

    /// At the end, every conversation is over.
    pub(super) fn finish(&self, verdicts: &mut Verdicts, at: Timestamp) {
        for talk in self.talks.iter() {
            let what = format!("{:?}, asked for since {}, was never answered", talk.ask, verdicts.when(talk.first_at));
            verdicts.other(Kind::Unanswered, at, what);
        }
    }
}

fn untrue(verdicts: &mut Verdicts, talk: &Talk, answer: &Answer<'_>, why: &str) {
    let (ask, named) = (&talk.ask, talk.named);
    let named = named.map_or_else(String::new, |named| format!(" (names {named})"));
    let asked_at = verdicts.when(talk.asked_at);
    let what = format!(
        "{ask:?}{named} of {asked_at} was answered {} {}: {why}; meanwhile it was: {}",
        answer.status,
        answer.body,
        talk.states()
    );
    match talk.ask.node() {
        Some(node) => verdicts.node(Kind::UntrueAnswer, answer.at, node, what),
        None => verdicts.other(Kind::UntrueAnswer, answer.at, what),
    }
}

/// Why the name or the labels in a view can't be true; `None` if they can. A node has none, or those that the application
/// gives every time that it registers the node.
fn misnamed(facts: &Facts, named: &[Option<Timestamp>], talk: &Talk, view: &NodeView) -> Option<String> {
    let node = facts.index(&view.node.parse().ok()?)?;
    let plan = facts.nodes.get(node)?;
    let is_named = view.name.as_deref() == Some(&*node_name(&view.node));
    let is_labelled = view.labels.len() == 1 && view.labels.get("plan") == Some(&plan.site);
    let must_be = named.get(node).copied().flatten().is_some_and(|since| since < talk.asked_at);
    match (view.name.is_none() && view.labels.is_empty(), is_named && is_labelled) {
        (true, false) if must_be => Some("it had a name and labels already".to_owned()),
        (false, false) => Some("it never had such a name or such labels".to_owned()),
        _ => None,
    }
}

/// The presence in a view.
fn presence(facts: &Facts, view: &NodeView) -> Option<(usize, Presence)> {
    let node = facts.index(&view.node.parse().ok()?)?;
    let since = view.since_ms.map(Timestamp);
    Some((node, if view.online { Presence::Online(since?) } else { Presence::Offline(since) }))
}

/// Remembers the nodes for which a site's configuration could not be set: these count as dealt with. And those that kept
/// what was set for them alone.
fn remember_failed(talk: &mut Talk, body: &Value) {
    let kept = body.get("kept_nodes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    talk.kept.1.extend(kept.map(str::to_owned));
    talk.kept.0 += body.get("kept").and_then(Value::as_u64).unwrap_or_default();
    let failed = body.get("failed").and_then(Value::as_array);
    let failed = failed.into_iter().flatten().filter_map(|failed| failed.get("node")?.as_str());
    talk.listed.extend(failed.map(str::to_owned));
}

/// A request about a whole site concerns every node that is in it all the time.
fn whole_site(known: &Known<'_>, verdicts: &mut Verdicts, talk: &Talk, at: Timestamp) {
    let (site, document) = match &talk.ask {
        Ask::ListSite { site } => (site, None),
        Ask::SetSiteConfig { site, document } => (site, Some(known.configs.hash(*document))),
        _ => return,
    };
    for (node, plan) in known.facts.nodes.iter().enumerate() {
        let table: &Table = known.table;
        let (Some(stored), Some(is)) = (table.stored(node), table.node(node)) else { continue };
        let is_there = |is: &Node| is.site.as_ref() == Some(site) && is.credentials.is_some();
        if !is_there(is) || stored.in_site_since > Some(earlier(talk.first_at, INDEX_MS)) {
            continue;
        }
        if talk.listed.contains(plan.id.as_str()) {
            continue;
        }
        let wrong = match &document {
            None => Some("is not listed".to_owned()),
            Some(hash) => {
                let versions = stored.versions.iter().zip(stored.versions.iter().skip(1).map(Some).chain([None]));
                let since = versions.filter(|(_, next)| next.is_none_or(|next| next.since >= talk.first_at));
                let since: Vec<_> = since.map(|(version, _)| version).collect();
                let (count, named) = (talk.kept.0, talk.kept.1.len() as u64);
                let is_named = talk.kept.1.contains(plan.id.as_str());
                let had_own = since.iter().any(|version| version.own);
                let was_set = since.iter().any(|version| version.sha256 == *hash);
                if is_named && !had_own {
                    Some("is said to keep a configuration of its own, and had none".to_owned())
                } else {
                    let is_kept = had_own && (is_named || named < count);
                    (!was_set && !is_kept).then(|| format!("was never to run the document {hash}"))
                }
            }
        };
        if let Some(wrong) = wrong {
            let what =
                format!("is in {site} all the time, and {wrong} by {:?} of {}", talk.ask, verdicts.when(talk.first_at));
            verdicts.node(Kind::UntrueAnswer, at, node, what);
        }
    }
}

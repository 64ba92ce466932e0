//! One thing done to many nodes.

mod tally;

use std::io::{BufRead as _, IsTerminal as _};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Method;
use rollcall_core::{IdempotencyKey, NodeId};

use super::client::{Ask, Client};
use super::patience::Patience;
use super::select::Selected;
use crate::args::{Connection, Many};
use crate::out::say;
use crate::problem::Problem;
use crate::progress::Progress;
use crate::up::stop_signal;
use tally::{Again, Became, NodeResult, Tally};

/// How many requests are under way at the same time.
const AT_ONCE: usize = 8;
/// How often a node is tried for which the console can do nothing now: for half a minute.
pub(super) const TRIES: u32 = 10;
/// To so many nodes it is done without asking.
const UNASKED: usize = 10;
/// How many nodes a question names.
const NAMED: usize = 3;

/// Why nothing is done to a node, in one word of its own.
pub(super) type Reason = &'static str;

pub(super) const REVOKED: Reason = "revoked";
pub(super) const UNCHANGED: Reason = "unchanged";
pub(super) const NO_ARTIFACT: Reason = "noartifact";
pub(super) const BELOW_MINIMUM: Reason = "below-minimum";
pub(super) const ALREADY_INSTALLED: Reason = "already-installed";
pub(super) const OTHER_MODEL: Reason = "other-model";
pub(super) const NOT_CONNECTED: Reason = "not-connected";
const NO_EARLIER_VERSION: Reason = "no-earlier-version";

/// Tells from what is known of a node why nothing need be done to it.
pub(super) type Foresee<'a> = Box<dyn Fn(&Selected) -> Option<Reason> + 'a>;

/// What is done to each node: a request for it.
pub(super) struct Deed<'a> {
    /// What it does, with the nodes behind it: `revoke the credentials of`.
    pub(super) does: String,
    pub(super) method: Method,
    /// The path below the node's.
    pub(super) below: String,
    pub(super) body: Bytes,
    pub(super) key: Option<&'a IdempotencyKey>,
    /// The version at which a node's configuration must be, of a request that does something else when it is made again.
    pub(super) only_at: Option<fn(&Selected) -> Option<u64>>,
    /// Why a node need not be asked for.
    pub(super) foresee: Foresee<'a>,
    /// Why nothing has become of an answer.
    pub(super) judge: fn(&[u8]) -> Option<Reason>,
}

impl Deed<'_> {
    fn ask<'b>(&'b self, node: &'b NodeId, version: Option<u64>) -> Ask<'b> {
        let ask = Ask::node(self.method.clone(), node, &self.below).with_body(self.body.clone()).if_match(version);
        self.key.map_or(ask.clone(), |key| ask.once(key))
    }
}

/// Does it to all of these nodes but those that need nothing, and prints what became of each.
///
/// # Errors
/// If nobody agreed to it, or it failed for a node, or it was interrupted.
pub(super) async fn run(
    client: &Client,
    nodes: Vec<Selected>,
    deed: &Deed<'_>,
    many: Many,
    connection: &Connection,
) -> Result<(), Problem> {
    let again = match deed.key {
        Some(key) => Again::WithKey(key.as_str().to_owned()),
        None if deed.only_at.is_some() => Again::Alone,
        None => Again::Same,
    };
    let mut tally = Tally::new(nodes.len(), many.dry_run, again);
    let mut due = vec![];
    for node in nodes {
        match (deed.foresee)(&node) {
            Some(reason) => tally.add(NodeResult { node: node.node, became: Became::Skipped(reason.to_owned()) }),
            None => due.push((deed.only_at.and_then(|version| version(&node)), node.node)),
        }
    }
    if many.dry_run {
        for (_, node) in due {
            tally.add(NodeResult { node, became: Became::Done });
        }
        return tally.print(&deed.does, connection.json);
    }
    agree(&deed.does, &due.iter().map(|(_, node)| &**node).collect::<Vec<_>>(), many.yes)?;
    let made = make(client, deed, due, &mut tally).await;
    if made.is_ok() || tally.has_done() {
        tally.print(&deed.does, connection.json)?;
    }
    tally.outcome(made?)
}

/// Asks whoever sits there whether it is meant to be done to so many.
fn agree(does: &str, due: &[&str], yes: bool) -> Result<(), Problem> {
    if yes || due.len() <= UNASKED {
        return Ok(());
    }
    let named = due[..NAMED].join(", ");
    let what = format!("{does} {} nodes ({named}, …)", due.len());
    if !std::io::stdin().is_terminal() {
        return Err(Problem::misuse(format!(
            "this would {what}, and there is no terminal to ask: give --yes to do it, or --dry-run to see the nodes"
        )));
    }
    say(&format!("This is to {what}. Do it? [y/N]"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Problem::plain(&error))?;
    if matches!(answer.trim(), "y" | "Y" | "yes" | "Yes") {
        return Ok(());
    }
    Err(Problem::misuse("nothing was changed"))
}

/// Makes the requests, several at a time. After Ctrl-C no more are begun, and none is made again; returns whether it came.
async fn make(
    client: &Client,
    deed: &Deed<'_>,
    due: Vec<(Option<u64>, String)>,
    tally: &mut Tally,
) -> Result<bool, Problem> {
    let (patience, count, is_stopped) = (Patience::of_tries(TRIES), due.len(), AtomicBool::new(false));
    let is_over = || is_stopped.load(Ordering::Relaxed);
    let begun = due.into_iter().take_while(|_| !is_over());
    let results = stream::iter(begun).map(|node| one(client, deed, node, &patience)).buffer_unordered(AT_ONCE);
    let (mut stop, mut results) = (pin!(stop_signal()?), pin!(results));
    let (mut progress, mut done) = (Progress::start(), 0);
    loop {
        let result = tokio::select! {
            biased;
            () = &mut stop, if !is_over() => {
                is_stopped.store(true, Ordering::Relaxed);
                patience.end();
                continue;
            }
            result = results.next() => result,
        };
        let Some(result) = result else { return Ok(is_over()) };
        let again = deed.key.map_or_else(String::new, |key| {
            format!("; the same command with --key {} queues nothing twice", key.as_str())
        });
        let so_far = || format!(" ({done} of {count} nodes were asked for before that{again})");
        tally.add(result.map_err(|problem| problem.and(&so_far()))?);
        done += 1;
        progress.say(|| format!("{done} of {count} nodes so far"));
    }
}

async fn one(
    client: &Client,
    deed: &Deed<'_>,
    (version, node): (Option<u64>, String),
    patience: &Patience,
) -> Result<NodeResult, Problem> {
    let id: NodeId = node.parse().map_err(|error| Problem::plain(&error))?;
    let became = match patience.ask(async || client.send(deed.ask(&id, version)).await).await {
        Ok(answer) => match (deed.judge)(&answer) {
            Some(reason) => Became::Skipped(reason.to_owned()),
            None => Became::Done,
        },
        Err(problem) => match skipped(problem.code()) {
            Some(reason) => Became::Skipped(reason.to_owned()),
            None if is_of_all(problem.code()) => return Err(problem.into_trouble()),
            None => Became::Failed { code: problem.code().to_owned(), message: problem.to_string() },
        },
    };
    Ok(NodeResult { node, became })
}

/// The reason of a refusal that is no failure: the node is none to which it can be done.
fn skipped(code: &str) -> Option<Reason> {
    Some(match code {
        "revoked-node" => REVOKED,
        // It was deleted after it was listed.
        "unknown-node" => "deleted",
        "unknown-firmware" => NO_ARTIFACT,
        "other-model" => OTHER_MODEL,
        "no-earlier-version" => NO_EARLIER_VERSION,
        _ => return None,
    })
}

/// Whether a refusal would be that of every other node, too. A body may be wrong for one node alone, which has too many labels
/// then.
fn is_of_all(code: &str) -> bool {
    matches!(
        code,
        "unauthenticated"
            | "forbidden"
            | "invalid-parameter"
            | "too-large"
            | "no-route"
            | "method-not-allowed"
            | "unsupported-media-type"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_nodes_need_no_word_and_many_need_one_that_nobody_gives_without_a_terminal() {
        let nodes: Vec<_> = (0..=UNASKED).map(|number| format!("ap-{number}")).collect();
        let nodes: Vec<_> = nodes.iter().map(String::as_str).collect();
        assert!(agree("revoke the credentials of", &nodes[..UNASKED], false).is_ok());
        assert!(agree("revoke the credentials of", &nodes, true).is_ok());
        if !std::io::stdin().is_terminal() {
            let refused = agree("revoke the credentials of", &nodes, false).expect_err("nobody agrees").to_string();
            let expected = "this would revoke the credentials of 11 nodes (ap-0, ap-1, ap-2, …)";
            assert!(refused.starts_with(expected) && refused.contains("--yes"), "{refused}");
        }
    }
}

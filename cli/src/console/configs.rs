//! `rollcall config`.

use std::path::Path;
use std::process::ExitCode;

use http::Method;
use rollcall_core::{NodeId, Selector, Site};
use rollcall_wire::console::{BatchResult, ConfigSet, ConfigUnset, ConfigView, DeliveryState, SiteConfigSet};
use rollcall_wire::{DOCUMENT_BYTES, Document, pretty};
use serde::Serialize;

use super::bulk::{self, Deed, REVOKED, UNCHANGED};
use super::client::{Ask, Client};
use super::nodes::{NOTHING, desired, reported};
use super::select::selected;
use super::table::{clean, lines, pairs};
use super::{difference, history, input, rollback};
use crate::args::{ConfigCommand, One, SetConfig, Unset};
use crate::out::{print, print_json, say};
use crate::problem::Problem;

/// How many nodes a sentence names.
const NAMED: usize = 20;

/// What setting a site's configuration came to.
#[derive(Debug, Serialize)]
struct SiteTotals<'a> {
    site: &'a str,
    sha256: &'a str,
    #[serde(flatten)]
    set: SiteConfigSet,
}

/// Does what is asked about configurations. Whether two are the same is told by the exit code.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn config(command: &ConfigCommand) -> Result<ExitCode, Problem> {
    match command {
        ConfigCommand::Set(args) => {
            if args.many.dry_run && args.target.select.is_none() {
                return Err(Problem::misuse("--dry-run is for --select only"));
            }
            let document = read(&args.file)?;
            let client = Client::open(&args.connection.address).await?;
            match (&args.target.node, &args.target.site, &args.target.select) {
                (Some(node), ..) => set_node(&client, args, node, &document).await,
                (None, Some(site), _) => set_site(&client, args, site, &document).await,
                (None, None, Some(selector)) => set_selected(&client, args, selector, &document).await,
                (None, None, None) => Err(Problem::new("give the id of a node, --site or --select")),
            }
        }
        ConfigCommand::Get(args) => get(args).await,
        ConfigCommand::History(args) => history::history(args).await,
        ConfigCommand::Rollback(args) => rollback::rollback(args).await,
        ConfigCommand::Unset(args) => unset(args).await,
        // 1 says that there is a difference.
        ConfigCommand::Diff(args) => return difference::diff(args).await.map_err(Problem::into_trouble),
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn set_node(client: &Client, args: &SetConfig, node: &NodeId, document: &Document) -> Result<(), Problem> {
    let ask = Ask::node(Method::PUT, node, "/config").with_body(document.text().to_owned()).if_match(args.if_match);
    let set: ConfigSet = client.ask(ask).await?;
    if args.connection.json {
        return print_json(&set);
    }
    let rows = [("node", set.node), ("version", set.version.to_string()), ("sha256", set.sha256)];
    print(&pairs(&[&rows[..], &[("delivery", delivery(set.delivery, "it was desired already"))]].concat()))
}

async fn set_selected(
    client: &Client,
    args: &SetConfig,
    selector: &Selector,
    document: &Document,
) -> Result<(), Problem> {
    let nodes = selected(client, selector, "revoked,desired").await.map_err(Problem::into_trouble)?;
    let deed = Deed {
        does: "set the configuration of".to_owned(),
        method: Method::PUT,
        below: "/config".to_owned(),
        body: document.text().to_owned().into(),
        key: None,
        only_at: None,
        foresee: Box::new(|node| match &node.desired {
            _ if node.revoked => Some(REVOKED),
            Some(desired) if desired.sha256 == document.sha256() => Some(UNCHANGED),
            _ => None,
        }),
        judge: |answer| {
            let set = serde_json::from_slice::<ConfigSet>(answer).ok()?;
            (set.delivery == DeliveryState::Unchanged).then_some(UNCHANGED)
        },
    };
    bulk::run(client, nodes, &deed, args.many, &args.connection).await
}

/// How news got to a node, or why there was none.
pub(super) fn delivery(state: DeliveryState, unchanged: &str) -> String {
    match state {
        DeliveryState::Pushed => "pushed".to_owned(),
        DeliveryState::Pending => "pending: the node gets it with its next check-in".to_owned(),
        DeliveryState::Unchanged => format!("unchanged: {unchanged}"),
    }
}

/// Goes on until the site has no more nodes. The totals are printed even if some could not be set, which is said after.
async fn set_site(client: &Client, args: &SetConfig, site: &Site, document: &Document) -> Result<(), Problem> {
    let mut total = SiteConfigSet::default();
    let first = format!("/v1/sites/{}/config?replace={}", site.as_str(), args.replace);
    let mut path = first.clone();
    loop {
        let ask = Ask::new(Method::PUT, path).with_body(document.text().to_owned());
        let page: SiteConfigSet = client.ask(ask).await.map_err(|problem| {
            let done = nodes(&total);
            if done == 0 {
                return problem;
            }
            problem.and(&format!("; {done} of the site were done before that, and it does no harm to begin again"))
        })?;
        for failed in &page.failed {
            say(&format!("{}: {}", clean(&failed.node), reason(failed)));
        }
        total.pushed += page.pushed;
        total.pending += page.pending;
        total.unchanged += page.unchanged;
        total.kept += page.kept;
        total.kept_nodes.extend(page.kept_nodes);
        total.failed.extend(page.failed);
        if nodes(&total) > 0 {
            say(&format!("{}: {} done so far", site.as_str(), nodes(&total)));
        }
        let Some(cursor) = page.cursor else { break };
        path = format!("{first}&cursor={cursor}");
    }
    if nodes(&total) == 0 {
        return Err(Problem::new(format!(
            "no node has the site {0}, and nothing was set: `rollcall nodes` shows the site of each node, `rollcall \
             nodes set NODE --site {0}` changes it",
            site.as_str()
        )));
    }
    say_kept(site, &total);
    let outcome = outcome(site, &total);
    print_totals(SiteTotals { site: site.as_str(), sha256: document.sha256(), set: total }, args.connection.json)?;
    outcome
}

async fn unset(args: &Unset) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let ask = Ask::node(Method::DELETE, &args.node, "/config").if_match(args.if_match);
    let unset: ConfigUnset = client.ask(ask).await?;
    if args.connection.json {
        return print_json(&unset);
    }
    let version = if unset.changed { "nothing is desired any more" } else { "nothing was desired" };
    let keeps =
        unset.applied.map_or_else(|| NOTHING.to_owned(), |applied| format!("version {applied}, which it keeps"));
    print(&pairs(&[("node", unset.node), ("version", format!("{}: {version}", unset.version)), ("runs", keeps)]))
}

async fn get(args: &One) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let view: ConfigView = client.ask(Ask::node(Method::GET, &args.node, "/config")).await?;
    if args.connection.json {
        return print_json(&view);
    }
    let sha256 = view.desired.as_ref().map_or_else(|| NOTHING.to_owned(), |desired| desired.sha256.clone());
    let mut text = pairs(&[
        ("node", args.node.to_string()),
        ("config", desired(view.desired.as_ref(), view.status)),
        ("sha256", sha256),
        ("reported", reported(view.reported.as_ref())),
        ("runs", runs(&args.node, &view)),
    ]);
    if let Some(document) = &view.document {
        text.push('\n');
        text.push_str(&lines(&pretty(document.text())));
    }
    print(&text)
}

fn runs(node: &NodeId, view: &ConfigView) -> String {
    let Some(applied) = &view.applied else { return NOTHING.to_owned() };
    let differs = match view.difference.as_deref() {
        None | Some([]) => String::new(),
        Some(_) => format!(", which differs: `rollcall config diff {node}` shows how"),
    };
    format!("version {}{differs}", applied.version)
}

fn print_totals(totals: SiteTotals<'_>, json: bool) -> Result<(), Problem> {
    if json {
        return print_json(&totals);
    }
    let SiteTotals { site, sha256, set } = totals;
    print(&pairs(&[
        ("site", site.to_owned()),
        ("sha256", sha256.to_owned()),
        ("pushed", set.pushed.to_string()),
        ("pending", set.pending.to_string()),
        ("unchanged", set.unchanged.to_string()),
        ("kept", set.kept.to_string()),
        ("failed", set.failed.len().to_string()),
    ]))
}

fn nodes(set: &SiteConfigSet) -> usize {
    let counts = [set.pushed, set.pending, set.unchanged, set.kept];
    counts.into_iter().map(|count| usize::try_from(count).unwrap_or(usize::MAX)).sum::<usize>() + set.failed.len()
}

/// Says which nodes keep what was set for them alone.
fn say_kept(site: &Site, total: &SiteConfigSet) {
    let Some(first) = total.kept_nodes.first() else { return };
    let mut names: Vec<_> = total.kept_nodes.iter().take(NAMED).map(|node| clean(node)).collect();
    let more = usize::try_from(total.kept).unwrap_or_default().saturating_sub(names.len());
    names.extend((more > 0).then(|| format!("and {more} more")));
    say(&format!(
        "{} of {} keep a configuration that was set for them alone ({}): --replace replaces it, `rollcall config unset {}` \
         leaves one of them to its site",
        total.kept,
        site.as_str(),
        names.join(", "),
        clean(first)
    ));
}

fn reason(failed: &BatchResult) -> String {
    failed.problem.as_ref().map_or_else(|| format!("HTTP {}", failed.status), |problem| clean(&problem.detail))
}

fn outcome(site: &Site, total: &SiteConfigSet) -> Result<(), Problem> {
    if total.failed.is_empty() {
        return Ok(());
    }
    let mut names: Vec<_> = total.failed.iter().take(NAMED).map(|failed| clean(&failed.node)).collect();
    if total.failed.len() > NAMED {
        names.push(format!("and {} more, named above", total.failed.len() - NAMED));
    }
    let (failed, all) = (total.failed.len(), nodes(total));
    Err(Problem::new(format!(
        "{failed} of {all} nodes of {} could not be set ({}): the same command tries them again",
        site.as_str(),
        names.join(", ")
    )))
}

/// Reads a document and checks it, so that what is wrong with it is said of the file.
pub(super) fn read(file: &Path) -> Result<Document, Problem> {
    let input = input::read(file, DOCUMENT_BYTES, "a document")?;
    Document::parse(&input.text).map_err(|error| Problem::new(format!("{}: {error}", input.name)))
}

//! `rollcall config rollback`.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStream, TryStreamExt as _, stream};
use http::Method;
use rollcall_core::{NodeId, Selector, Site};
use rollcall_wire::console::{ConfigOrigin, DeliveryState, NodePage, NodeView, ProblemCode, RolledBack, RollingBack};
use serde::Serialize;

use super::bulk::{self, Deed, REVOKED, TRIES, UNCHANGED};
use super::client::{Ask, Client};
use super::configs::delivery;
use super::nodes::PAGE;
use super::patience::Patience;
use super::select::selected;
use super::table::{Columns, clean, pairs};
use crate::args::{Many, RollBack};
use crate::out::{print, print_json, say};
use crate::problem::Problem;
use crate::progress::Progress;

/// How many nodes are rolled back at the same time.
const AT_ONCE: usize = 8;
/// How many nodes a sentence names.
const NAMED: usize = 20;

/// A node that is to be rolled back, if its configuration is still at this version.
struct Aim {
    node: NodeId,
    version: u64,
}

/// What became of the nodes.
#[derive(Debug, Default, Serialize)]
struct Totals {
    /// Those that were rolled back, or would be.
    rolled_back: Vec<RolledBack>,
    /// Those of which no earlier version is remembered that has another document.
    without_earlier: Vec<String>,
    /// Those that could not be rolled back, and why.
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    node: String,
    problem: String,
}

/// What became of a site.
#[derive(Debug, Serialize)]
struct SiteTotals<'a> {
    site: &'a str,
    dry_run: bool,
    /// How many nodes keep a configuration that was not set for the site.
    kept: usize,
    #[serde(flatten)]
    totals: Totals,
}

/// Rolls back what is asked for.
///
/// # Errors
/// If the console can't be asked, or a node could not be rolled back.
pub(super) async fn rollback(args: &RollBack) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    match (&args.target.node, &args.target.site, &args.target.select) {
        (Some(node), ..) => one(&client, args, node).await,
        (None, Some(site), _) => of_site(&client, args, site).await,
        (None, None, Some(selector)) => of_selected(&client, args, selector).await,
        (None, None, None) => Err(Problem::new("give the id of a node, --site or --select")),
    }
}

async fn of_selected(client: &Client, args: &RollBack, selector: &Selector) -> Result<(), Problem> {
    let nodes = selected(client, selector, "revoked,desired").await.map_err(Problem::into_trouble)?;
    let deed = Deed {
        does: "roll back the configuration of".to_owned(),
        method: Method::POST,
        below: "/config/rollback".to_owned(),
        body: Bytes::from_static(b"{}"),
        key: None,
        // Rolled back twice, a node is where it was.
        only_at: Some(|node| node.desired.as_ref().map(|desired| desired.version)),
        foresee: Box::new(|node| match &node.desired {
            _ if node.revoked => Some(REVOKED),
            None => Some(UNCHANGED),
            Some(_) => None,
        }),
        judge: |answer| {
            let back = serde_json::from_slice::<RolledBack>(answer).ok()?;
            (back.delivery == Some(DeliveryState::Unchanged)).then_some(UNCHANGED)
        },
    };
    bulk::run(client, nodes, &deed, Many { dry_run: args.dry_run, yes: args.yes }, &args.connection).await
}

async fn one(client: &Client, args: &RollBack, node: &NodeId) -> Result<(), Problem> {
    let back: RolledBack = client.ask(ask(node, args.to, args.if_match, args.dry_run)?).await?;
    if args.connection.json {
        return print_json(&back);
    }
    let (from, to) = (back.from, back.to);
    let came_to = back.delivery.map_or_else(
        || "nothing was changed: it was only asked what would be".to_owned(),
        |state| delivery(state, "this document is desired already"),
    );
    print(&pairs(&[
        ("node", back.node),
        ("rollback", format!("from version {from} to the document of version {to}")),
        ("version", back.version.to_string()),
        ("sha256", back.sha256),
        ("delivery", came_to),
    ]))
}

/// Rolls back the nodes of a site whose configuration was set for the site. The others keep theirs: what is undone is what
/// was done to the site.
async fn of_site(client: &Client, args: &RollBack, site: &Site) -> Result<(), Problem> {
    let mut kept = 0;
    // All are known before the first is rolled back: a list that ends half-way would not say which were.
    let nodes: Vec<NodeView> = nodes_of(client, site).try_collect().await?;
    let nodes = stream::iter(nodes.into_iter().map(Ok::<_, Problem>)).try_filter_map(|node: NodeView| {
        let desired = node.desired.filter(|desired| desired.origin == ConfigOrigin::Site);
        kept += usize::from(desired.is_none());
        let aim = desired.map(|desired| {
            let node = node.node.parse().map_err(|error: rollcall_core::InvalidId| Problem::plain(&error))?;
            Ok::<_, Problem>(Aim { node, version: desired.version })
        });
        std::future::ready(aim.transpose())
    });
    let totals = all(client, nodes, args.dry_run).await?;
    let SiteTotals { totals, .. } =
        &print_totals(SiteTotals { site: site.as_str(), dry_run: args.dry_run, kept, totals }, args)?;
    if totals.failed.is_empty() {
        return Ok(());
    }
    let mut names: Vec<_> = totals.failed.iter().take(NAMED).map(|failed| clean(&failed.node)).collect();
    let more = totals.failed.len().saturating_sub(NAMED);
    names.extend((more > 0).then(|| format!("and {more} more, named above")));
    Err(Problem::new(format!(
        "{} nodes of {} could not be rolled back ({})",
        totals.failed.len(),
        site.as_str(),
        names.join(", ")
    )))
}

/// Rolls back each of these nodes. One that can't be does not stop the others.
async fn all(
    client: &Client,
    nodes: impl TryStream<Ok = Aim, Error = Problem>,
    dry_run: bool,
) -> Result<Totals, Problem> {
    let results = nodes.map_ok(async |Aim { node, version }| {
        let back = match ask(&node, None, Some(version), dry_run) {
            Ok(ask) => client.find::<RolledBack>(ask, ProblemCode::NoEarlierVersion).await,
            Err(problem) => Err(problem),
        };
        Ok::<_, Problem>((node.to_string(), back))
    });
    let (mut results, mut progress) = (pin!(results.try_buffer_unordered(AT_ONCE)), Progress::start());
    let mut totals = Totals::default();
    while let Some((node, back)) = results.try_next().await? {
        match back {
            Ok(Some(back)) => totals.rolled_back.push(back),
            Ok(None) => totals.without_earlier.push(node),
            Err(problem) => {
                say(&format!("{}: {problem}", clean(&node)));
                totals.failed.push(Failed { node, problem: problem.to_string() });
            }
        }
        progress.say(|| format!("{} rolled back so far", totals.rolled_back.len()));
    }
    Ok(totals)
}

/// The nodes of a site, read page by page.
fn nodes_of(client: &Client, site: &Site) -> impl TryStream<Ok = NodeView, Error = Problem> {
    let first = format!("/v1/nodes?limit={PAGE}&site={}", site.as_str());
    let pages = stream::try_unfold(Some(first.clone()), move |path| {
        let first = first.clone();
        async move {
            let Some(path) = path else { return Ok(None) };
            let patience = Patience::of_tries(TRIES);
            let page: NodePage = patience.ask(async || client.ask(Ask::new(Method::GET, &*path)).await).await?;
            let next = page.cursor.map(|cursor| format!("{first}&cursor={cursor}"));
            Ok(Some((stream::iter(page.nodes).map(Ok::<_, Problem>), next)))
        }
    });
    pages.try_flatten()
}

fn ask(node: &NodeId, to: Option<u64>, if_match: Option<u64>, dry_run: bool) -> Result<Ask<'_>, Problem> {
    let body = serde_json::to_vec(&RollingBack { to }).map_err(|error| Problem::plain(&error))?;
    let below = format!("/config/rollback?dry_run={dry_run}");
    Ok(Ask::node(Method::POST, node, &below).with_body(body).if_match(if_match))
}

fn print_totals<'a>(totals: SiteTotals<'a>, args: &RollBack) -> Result<SiteTotals<'a>, Problem> {
    if args.connection.json {
        print_json(&totals)?;
        return Ok(totals);
    }
    let SiteTotals { site, kept, totals: Totals { rolled_back, without_earlier, failed }, .. } = &totals;
    if !rolled_back.is_empty() {
        let mut columns = Columns::new(["NODE", "FROM", "TO", "VERSION", "DELIVERY"]);
        let row = |back: &RolledBack| {
            let state = match back.delivery {
                None => "dry run",
                Some(DeliveryState::Pushed) => "pushed",
                Some(DeliveryState::Pending) => "pending",
                Some(DeliveryState::Unchanged) => "unchanged",
            };
            [back.node.clone(), back.from.to_string(), back.to.to_string(), back.version.to_string(), state.to_owned()]
        };
        print(&format!("{}\n", columns.rows(rolled_back.iter().map(row))))?;
    }
    print(&pairs(&[
        ("site", (*site).to_owned()),
        (if args.dry_run { "would roll back" } else { "rolled back" }, rolled_back.len().to_string()),
        ("no earlier version", without_earlier.len().to_string()),
        ("kept, not set for the site", kept.to_string()),
        ("failed", failed.len().to_string()),
    ]))?;
    Ok(totals)
}

//! `rollcall nodes`.

use http::Method;
use rollcall_core::Timestamp;
use rollcall_wire::console::{BudgetView, ClosedView, ConnectionView, NodeHealthView, TakeoversView};
use rollcall_wire::console::{ConfigProgress, DesiredView, NodePage, NodeSpec, NodeView, Presence};
use rollcall_wire::{ConfigReport, ConfigStatus, UpdateReport};

use super::client::{Ask, Client};
use super::select::parameter;
use super::table::{Columns, pairs};
use super::{change, renumber};
use crate::args::{List, Nodes, NodesCommand, One, Register};
use crate::clock;
use crate::out::{print, print_json, print_on};
use crate::problem::Problem;

/// How many nodes are asked for at once: the most that a console gives.
pub(super) const PAGE: u32 = 100;
/// What stands where nothing is known.
pub(super) const NOTHING: &str = "-";

/// Does what is asked about nodes.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn nodes(args: &Nodes) -> Result<(), Problem> {
    match &args.command {
        None => list(&args.list).await,
        Some(NodesCommand::List(args)) => list(args).await,
        Some(NodesCommand::Show(args)) => show(args).await,
        Some(NodesCommand::Register(args)) => register(args).await,
        Some(NodesCommand::Set(args)) => change::set(args).await,
        Some(NodesCommand::Revoke(args)) => change::revoke(args).await,
        Some(NodesCommand::Disconnect(args)) => change::disconnect(args).await,
        Some(NodesCommand::Delete(args)) => change::delete(args).await,
        Some(NodesCommand::Renumber(args)) => renumber::renumber(args).await,
    }
}

/// Prints page after page for a person, in no particular order; for a program all of it at once, or nothing.
async fn list(args: &List) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let site = args.site.as_ref().map_or_else(String::new, |site| format!("&site={}", site.as_str()));
    let presence = args.presence.map_or_else(String::new, |presence| format!("&presence={}", presence.word()));
    let selected = parameter(args.select.as_ref());
    let first = format!("/v1/nodes?limit={PAGE}{site}{presence}{selected}");
    let mut columns = Columns::new(["NODE", "PRESENCE", "SEEN", "SITE", "CONFIG", "FIRMWARE", "NAME"]);
    let (mut all, mut nodes, mut online, mut silent) = (vec![], 0, 0, 0);
    let mut path = first.clone();
    loop {
        let page: NodePage = client.ask(Ask::new(Method::GET, path)).await?;
        nodes += page.nodes.len();
        let are = |state| page.nodes.iter().filter(|node| node.presence.state == state).count();
        online += are(Presence::Online);
        silent += are(Presence::Silent);
        if args.connection.json {
            all.extend(page.nodes);
        } else if !page.nodes.is_empty() {
            let now = clock::now();
            if !print_on(&columns.rows(page.nodes.iter().map(|node| row(node, now))))? {
                return Ok(());
            }
        }
        let Some(cursor) = page.cursor else { break };
        path = format!("{first}&cursor={cursor}");
    }
    if args.connection.json {
        return print_json(&all);
    }
    print(&match (nodes, args.site.is_some() || args.presence.is_some() || args.select.is_some()) {
        (0, false) => "no nodes yet\n".to_owned(),
        (0, true) => "no such nodes\n".to_owned(),
        _ if silent > 0 => format!("{online} of {nodes} online, {silent} silent\n"),
        _ => format!("{online} of {nodes} online\n"),
    })
}

async fn show(args: &One) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let node = client.ask(Ask::node(Method::GET, &args.node, "")).await?;
    print_node(&node, args.connection.json)
}

async fn register(args: &Register) -> Result<(), Problem> {
    let spec = NodeSpec {
        site: args.site.as_ref().map(|site| site.as_str().to_owned()),
        model: args.model.as_ref().map(|model| model.as_str().to_owned()),
        tags: change::tags(&args.tag)?,
        credential_version: args.credential_version,
        name: args.name.clone(),
        labels: args.label.iter().cloned().collect(),
    };
    let body = serde_json::to_vec(&spec).map_err(|error| Problem::plain(&error))?;
    let client = Client::open(&args.connection.address).await?;
    let node = client.ask(Ask::node(Method::PUT, &args.node, "").with_body(body)).await?;
    print_node(&node, args.connection.json)
}

/// Prints what a node is.
pub(super) fn print_node(node: &NodeView, json: bool) -> Result<(), Problem> {
    if json {
        return print_json(node);
    }
    print(&text(node, clock::now()))
}

fn row(node: &NodeView, now: Timestamp) -> [String; 7] {
    let config = match &node.desired {
        Some(desired) => format!("v{} {}", desired.version, progress(node.config)),
        None => NOTHING.to_owned(),
    };
    [
        node.node.clone(),
        presence(node).to_owned(),
        node.last_seen_ms.map_or_else(nothing, |at| clock::ago(Timestamp(at), now)),
        node.site.clone().unwrap_or_else(nothing),
        config,
        node.firmware.clone().unwrap_or_else(nothing),
        node.name.clone().unwrap_or_else(nothing),
    ]
}

fn text(node: &NodeView, now: Timestamp) -> String {
    let since = node.presence.since_ms;
    let since = since.map_or_else(String::new, |at| format!(" since {} UTC", clock::utc(Timestamp(at))));
    let reason = if node.revoked { String::new() } else { format!(" ({})", node.presence.reason) };
    let tags = if node.tags.is_empty() { nothing() } else { node.tags.join(", ") };
    let labels: Vec<_> = node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut rows = vec![
        ("node", node.node.clone()),
        ("name", node.name.clone().unwrap_or_else(nothing)),
        ("presence", format!("{}{since}{reason}", presence(node))),
        ("last seen", node.last_seen_ms.map_or_else(nothing, |at| seen(Timestamp(at), now))),
        ("checked in", node.last_check_in_ms.map_or_else(nothing, |at| seen(Timestamp(at), now))),
        ("connection", node.connection.as_ref().map_or_else(nothing, |held| connection(held, now))),
        ("polling", if node.polling { "yes" } else { "no" }.to_owned()),
        ("site", node.site.clone().unwrap_or_else(nothing)),
        ("model", node.model.clone().unwrap_or_else(nothing)),
        ("tags", tags),
        ("labels", if labels.is_empty() { nothing() } else { labels.join(", ") }),
        ("credentials", credentials(node)),
        ("firmware", node.firmware.clone().unwrap_or_else(nothing)),
        ("config", desired(node.desired.as_ref(), node.config)),
        ("reported", reported(node.reported.as_ref())),
        ("update", update(node)),
        ("last update", last_update(node.update.as_ref())),
        ("commands", commands(node.open_commands)),
        ("takeovers", node.takeovers.map_or_else(nothing, |taken| takeovers(taken, now))),
        ("health", node.health.map_or_else(nothing, health)),
    ];
    rows.extend(node.budget.map(|budget| ("budget", blocked(budget))));
    pairs(&rows)
}

fn connection(held: &ConnectionView, now: Timestamp) -> String {
    let Some(ClosedView { at_ms, code, reason }) = &held.closed else {
        return format!("open since {} UTC", clock::utc(Timestamp(held.opened_at_ms)));
    };
    let code = code.map(|code| format!("code {code}"));
    let why: Vec<_> = [code, reason.clone()].into_iter().flatten().collect();
    let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
    format!("closed {}{why}", seen(Timestamp(*at_ms), now))
}

/// The figures that a node reported of itself.
fn health(health: NodeHealthView) -> String {
    let figures = [
        health.uptime_s.map(|seconds| format!("up {}", clock::lasting(seconds))),
        health.load_percent.map(|percent| format!("load {percent} %")),
        health.memory_free_kib.map(|kib| format!("{kib} KiB free")),
        health.clients.map(|clients| format!("{clients} {}", if clients == 1 { "client" } else { "clients" })),
    ];
    figures.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn blocked(budget: BudgetView) -> String {
    format!("blocked until {} UTC: the node sends too many messages", clock::utc(Timestamp(budget.blocked_until_ms)))
}

/// An instant, and how long ago it was.
fn seen(at: Timestamp, now: Timestamp) -> String {
    format!("{} UTC, {} ago", clock::utc(at), clock::ago(at, now))
}

fn takeovers(taken: TakeoversView, now: Timestamp) -> String {
    let TakeoversView { count, last_ms } = taken;
    let last = clock::ago(Timestamp(last_ms), now);
    format!("{count}, the last one {last} ago: another device may use this node's token")
}

fn presence(node: &NodeView) -> &'static str {
    match node.presence.state {
        _ if node.revoked => "revoked",
        Presence::Online => "online",
        Presence::Silent => "silent",
        Presence::Offline => "offline",
    }
}

fn credentials(node: &NodeView) -> String {
    let Some(version) = node.credential_version else { return nothing() };
    if !node.revoked {
        return format!("version {version}");
    }
    let Some(next) = version.checked_add(1) else { return format!("version {version}, revoked for good") };
    format!(
        "version {version}, revoked: `rollcall nodes set {} --credential-version {next}` lets it back in",
        node.node
    )
}

/// The configuration that is desired, and how the node stands with it.
pub(super) fn desired(desired: Option<&DesiredView>, status: ConfigProgress) -> String {
    desired.map_or_else(nothing, |desired| format!("version {} {}", desired.version, progress(status)))
}

/// What a node reported of a configuration.
pub(super) fn reported(report: Option<&ConfigReport>) -> String {
    let Some(report) = report else { return nothing() };
    let detail = report.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    let status = match report.status {
        ConfigStatus::Applied => "applied",
        ConfigStatus::Substituted => "substituted",
        ConfigStatus::Rejected => "rejected",
    };
    format!("version {} {status}{detail}", report.version)
}

/// The firmware that is desired, and how the node stands with it.
fn update(node: &NodeView) -> String {
    node.desired_firmware.as_ref().map_or_else(nothing, |version| format!("to {version} {}", node.firmware_update))
}

fn last_update(report: Option<&UpdateReport>) -> String {
    let Some(report) = report else { return nothing() };
    let detail = report.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    format!("to {} {}{detail}", report.version, report.status)
}

fn commands(open: u64) -> String {
    if open == 0 { "none open".to_owned() } else { format!("at most {open} open") }
}

fn progress(progress: ConfigProgress) -> &'static str {
    match progress {
        ConfigProgress::None => NOTHING,
        ConfigProgress::Pending => "pending",
        ConfigProgress::Applied => "applied",
        ConfigProgress::Substituted => "substituted",
        ConfigProgress::Rejected => "rejected",
    }
}

fn nothing() -> String {
    NOTHING.to_owned()
}

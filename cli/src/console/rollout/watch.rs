//! `rollcall rollout watch`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use http::Method;
use rollcall_wire::console::{RolloutNode, RolloutNodePage, RolloutProgress, RolloutView};
use tokio::time::sleep;

use super::{described, is_over, path, word};
use crate::args::WatchRollout;
use crate::console::client::{Ask, Client};
use crate::console::table::clean;
use crate::out::{print_json, print_on};
use crate::problem::Problem;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// How wide the bar of a wave is, in characters.
const BAR: u64 = 40;
/// How many failures are shown.
const FAILURES: usize = 5;
/// In how many pages they are looked for at most: each may be empty, and is of a thousand nodes.
const PAGES: usize = 10;
/// To the first row and column, and clear all below (ECMA-48: CUP, ED).
const REDRAW: &str = "\u{1b}[H\u{1b}[J";

/// Shows how a rollout goes on until it is over: one screen that is redrawn, or a line for each change where there is no
/// terminal.
pub(super) async fn watch(args: &WatchRollout) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let is_drawn = std::io::stdout().is_terminal() && !args.connection.json;
    let mut last = String::new();
    loop {
        let rollout: RolloutView = client.ask(Ask::new(Method::GET, path(&args.name, ""))).await?;
        let text =
            if is_drawn { format!("{REDRAW}{}", screen(&client, args, &rollout).await?) } else { line(&rollout) };
        if !args.connection.json && text != last && !print_on(&text)? {
            return Ok(());
        }
        last = text;
        if is_over(rollout.state) {
            if args.connection.json {
                print_json(&rollout)?;
            }
            return outcome(&rollout);
        }
        sleep(EVERY).await;
    }
}

fn outcome(rollout: &RolloutView) -> Result<(), Problem> {
    match rollout.state {
        RolloutProgress::Completed => Ok(()),
        state => Err(Problem::new(format!("the rollout is {}: {}", word(&state), clean(&rollout.reason)))),
    }
}

fn line(rollout: &RolloutView) -> String {
    let counts = rollout.counts;
    format!(
        "{}  wave {} of {}  {} waiting, {} told, {} applied, {} failed, {} to be told again, {} lost  {}\n",
        word(&rollout.state),
        rollout.wave,
        rollout.wave_count,
        counts.waiting,
        counts.told,
        counts.applied,
        counts.failed,
        counts.retrying,
        counts.lost,
        clean(&rollout.reason)
    )
}

/// The waves as bars, the figures, and the nodes that failed.
async fn screen(client: &Client, args: &WatchRollout, rollout: &RolloutView) -> Result<String, Problem> {
    let mut text = described(rollout);
    text.push('\n');
    let all = rollout.nodes.unwrap_or_default();
    let passed = all.saturating_sub(rollout.counts.waiting);
    for (reach, number) in rollout.waves.iter().flatten().zip(1..) {
        let _ = writeln!(text, "wave {number:>2}  {}  {reach} nodes", bar(passed.min(*reach), *reach, all));
    }
    let counts = rollout.counts;
    for (state, count) in [("failed", counts.failed), ("retrying", counts.retrying), ("lost", counts.lost)] {
        for node in nodes(client, args, state, count).await? {
            let why = node.reason.map(|why| format!(": {}", clean(&why))).unwrap_or_default();
            let times = if node.attempts > 1 { format!(", told {} times", node.attempts) } else { String::new() };
            let _ = writeln!(text, "{state}  {}{times}{why}", clean(&node.node));
        }
    }
    Ok(text)
}

/// The first of the nodes in a state, of which there are so many.
async fn nodes(client: &Client, args: &WatchRollout, state: &str, count: u64) -> Result<Vec<RolloutNode>, Problem> {
    let (mut found, mut cursor) = (vec![], String::new());
    for _ in 0..PAGES {
        if found.len() as u64 >= count || found.len() >= FAILURES {
            break;
        }
        let below = format!("/nodes?state={state}&limit={FAILURES}{cursor}");
        let page: RolloutNodePage = client.ask(Ask::new(Method::GET, path(&args.name, &below))).await?;
        found.extend(page.nodes);
        let Some(next) = page.cursor else { break };
        cursor = format!("&cursor={next}");
    }
    found.truncate(FAILURES);
    Ok(found)
}

/// So many of a wave's nodes, on a scale of all nodes.
fn bar(told: u64, reach: u64, all: u64) -> String {
    let cells = |nodes: u64| (nodes * BAR).div_ceil(all.max(1));
    let (full, whole) = (cells(told).min(BAR), cells(reach).min(BAR));
    let repeat = |cell: &str, count: u64| cell.repeat(usize::try_from(count).unwrap_or_default());
    format!("{}{}{}", repeat("█", full), repeat("░", whole - full), repeat(" ", BAR - whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_the_wave_and_how_much_of_it_is_told() {
        assert_eq!(bar(0, 10, 40), format!("{}{}", "░".repeat(10), " ".repeat(30)));
        assert_eq!(bar(5, 10, 40), format!("{}{}{}", "█".repeat(5), "░".repeat(5), " ".repeat(30)));
        assert_eq!(bar(40, 40, 40), "█".repeat(40));
        assert_eq!(bar(0, 0, 0), " ".repeat(40));
    }
}

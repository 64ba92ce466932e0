//! The two sides of a comparison: the file, and the nodes that there are.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use rollcall_nodefile::Ids;
use rollcall_wire::console::NodeImport;

use super::compare::{Comparison, Rules};
use crate::args::Reconcile;
use crate::console::client::Client;
use crate::console::transfer::export::pages;
use crate::console::transfer::format::{FileRows, Format, open};
use crate::out::say;
use crate::problem::Problem;
use crate::progress::Progress;

/// How many records that are wrong are named.
const NAMED: usize = 20;

/// Compares the file with the nodes that there are. Gives what stands for the stack as well.
///
/// # Errors
/// If the file can't be read or has a record that is wrong, or if the console can't be asked.
pub(super) async fn compared(args: &Reconcile, client: &Client) -> Result<(Comparison, String), Problem> {
    let (format, ids) = (Format::of(args.format, &args.file)?, if args.mac_ids { Ids::Macs } else { Ids::AsTheyAre });
    let file = args.file.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut rows = open(&file, format, ids)?;
        nodes(&file, &mut rows)
    });
    let mut nodes = reading.await.map_err(|error| Problem::plain(&error))??;
    let (mut comparison, rules) = (Comparison::default(), Rules::from(args));
    let (mut stack, mut progress) = (String::new(), Progress::start());
    let mut pages = pin!(pages(client, "&conditions=true"));
    while let Some(page) = pages.try_next().await? {
        stack = page.stack.unwrap_or(stack);
        for here in page.nodes {
            let file = nodes.remove(&here.node);
            comparison.add(rules, file, Some(here));
        }
        progress.say(|| format!("{} nodes compared so far", comparison.compared));
    }
    for file in nodes.into_values() {
        comparison.add(rules, Some(file), None);
    }
    comparison.steps.sort_by(|one, other| one.import.node.cmp(&other.import.node));
    comparison.unknown.sort_unstable();
    Ok((comparison, stack))
}

/// The nodes of the file. With a record that is wrong, the comparison would be.
fn nodes(file: &std::path::Path, rows: &mut FileRows) -> Result<BTreeMap<String, NodeImport>, Problem> {
    let (file, mut nodes, mut wrong) = (file.display(), BTreeMap::new(), 0);
    while let Some(row) = rows.next_row().map_err(|error| Problem::new(format!("{file}: {error}")))? {
        match row.node {
            Ok(node) => {
                nodes.insert(node.node.clone(), node);
            }
            Err(bad) => {
                wrong += 1;
                if wrong <= NAMED {
                    say(&format!("{file}:{}: {bad}", row.record.line));
                }
            }
        }
    }
    if wrong > 0 {
        let records = if wrong == 1 { "1 record is".to_owned() } else { format!("{wrong} records are") };
        return Err(Problem::new(format!("nothing was compared: {records} wrong in {file}")));
    }
    if rows.is_cut {
        say(&format!("{file}: the last line has no end: was the file cut off?"));
    }
    Ok(nodes)
}

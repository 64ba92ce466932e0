//! `rollcall fleet`.

use std::fmt::Write as _;

use http::Method;
use rollcall_wire::console::{FleetView, KindCounts};

use super::client::{Ask, Client};
use super::table::{clean, short};
use crate::args::Fleet;
use crate::out::{print, print_json};
use crate::problem::Problem;

/// How wide a bar is that stands for all nodes, in characters.
const BAR: u64 = 40;
/// The widest value that is shown, in characters.
const VALUE: usize = 24;
/// What a node is called that has no value.
const NONE: &str = "(none)";

/// Shows how many nodes there are of each kind.
///
/// # Errors
/// Why they can't be shown, and what to do about it.
pub(crate) async fn fleet(args: &Fleet) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let fleet: FleetView = client.ask(Ask::new(Method::GET, "/v1/fleet")).await?;
    if args.connection.json { print_json(&fleet) } else { print(&table(&fleet, args.top)) }
}

/// A table of the most frequent kinds, so many of each property.
fn table(fleet: &FleetView, top: usize) -> String {
    let mut text = format!("{} {}\n", fleet.nodes, if fleet.nodes == 1 { "node" } else { "nodes" });
    let properties = [
        ("presence", &fleet.presence),
        ("config", &fleet.config),
        ("firmware", &fleet.firmware),
        ("firmware_update", &fleet.firmware_update),
        ("model", &fleet.model),
        ("site", &fleet.site),
    ];
    for (name, counts) in properties.iter().filter(|(_, counts)| !counts.counts.is_empty()) {
        let _ = writeln!(text, "\n{name}");
        for (value, nodes) in lines(counts, top) {
            let bar = bar(nodes, fleet.nodes);
            let percent = percent(nodes, fleet.nodes);
            let _ = writeln!(text, "  {:VALUE$} {nodes:>9}  {percent:>5}  {bar}", short(&clean(&value), VALUE));
        }
    }
    text
}

/// The most frequent values with their nodes, and all others as one.
fn lines(counts: &KindCounts, top: usize) -> Vec<(String, u64)> {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.to_owned());
    let mut lines: Vec<_> = counts.counts.iter().take(top).map(|count| (value(&count.value), count.nodes)).collect();
    let others = counts.others + counts.counts.iter().skip(top).map(|count| count.nodes).sum::<u64>();
    if others > 0 {
        lines.push(("(others)".to_owned(), others));
    }
    lines
}

/// So many of all nodes. Some are never none.
fn bar(nodes: u64, all: u64) -> String {
    let cells = (nodes * BAR + all / 2) / all.max(1);
    "█".repeat(usize::try_from(cells.clamp(u64::from(nodes > 0), BAR)).unwrap_or_default())
}

fn percent(nodes: u64, all: u64) -> String {
    match (nodes * 1000).checked_div(all).unwrap_or_default() {
        0 if nodes > 0 => "<0.1%".to_owned(),
        tenths => format!("{}.{}%", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_wire::console::KindCount;

    fn counts(counts: &[(&str, u64)]) -> KindCounts {
        let count = |(value, nodes): &(&str, u64)| KindCount {
            value: Some((*value).to_owned()).filter(|value| !value.is_empty()),
            nodes: *nodes,
            select: String::new(),
        };
        KindCounts { counts: counts.iter().map(count).collect(), others: 0 }
    }

    #[test]
    fn kinds_are_shown_as_bars_and_what_is_behind_the_first_ones_is_added_up() {
        let none = || counts(&[]);
        let fleet = FleetView {
            nodes: 2_000,
            presence: counts(&[("online", 1_999), ("offline", 1)]),
            firmware: none(),
            firmware_update: none(),
            config: none(),
            model: none(),
            site: counts(&[("hq", 1_000), ("", 500), ("lab", 300), ("a-site-with-a-name-that-is-long", 200)]),
        };
        let expected = [
            "2000 nodes",
            "",
            "presence",
            &format!("  online                        1999  99.9%  {}", "█".repeat(40)),
            "  offline                          1  <0.1%  █",
            "",
            "site",
            &format!("  hq                            1000  50.0%  {}", "█".repeat(20)),
            &format!("  (none)                         500  25.0%  {}", "█".repeat(10)),
            &format!("  (others)                       500  25.0%  {}", "█".repeat(10)),
            "",
        ];
        assert_eq!(table(&fleet, 2), expected.join("\n"));
        assert!(table(&fleet, 9).contains("  a-site-with-a-name-that… "), "{}", table(&fleet, 9));
        let none = FleetView { nodes: 0, presence: none(), site: none(), ..fleet };
        assert_eq!(table(&none, 9), "0 nodes\n");
    }
}

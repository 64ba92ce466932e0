//! A comparison as a page that needs no network.

use maud::html;

use super::compare::Comparison;
use super::groups::Groups;
use crate::args::Reconcile;
use crate::console::page;

/// The page.
pub(super) fn page(args: &Reconcile, comparison: &Comparison, groups: &Groups) -> String {
    let (file, drift) = (args.file.display().to_string(), comparison.has_drift());
    let counts = [
        ("compared", groups.compared),
        ("to register", groups.missing),
        ("to change", groups.changed),
        ("to revoke", groups.to_revoke),
        ("not in the file", groups.unknown),
        ("can't be changed", groups.stale),
    ];
    let heading = format!("{} from {file}", if drift { "Differences" } else { "No difference" });
    let content = html! {
        table {
            @for (name, count) in counts { tr { th { (name) } td.n { (count) } } }
        }
        @if !groups.steps.is_empty() {
            h2 { "What would be changed" }
            table {
                tr { th {} th.n { "nodes" } th { "field" } th { "is" } th { "is to be" } th { "for example" } }
                @for group in &groups.steps {
                    @for (place, change) in group.changes.iter().enumerate() {
                        tr {
                            @if place == 0 {
                                td { (format!("{:?}", group.action).to_lowercase()) }
                                td.n { (group.count) }
                            } @else { td {} td {} }
                            td { (change.field) }
                            td { code { del { (change.was.as_deref().unwrap_or_default()) } } }
                            td { code { ins { (change.is.as_deref().unwrap_or_default()) } } }
                            td { @if place == 0 { code { (group.examples.join(" ")) } } }
                        }
                    }
                    @if group.changes.is_empty() {
                        tr {
                            td { (format!("{:?}", group.action).to_lowercase()) }
                            td.n { (group.count) }
                            td {} td {} td {}
                            td { code { (group.examples.join(" ")) } }
                        }
                    }
                }
            }
        }
        @if !groups.unknown_nodes.is_empty() {
            h2 { "Not in the file" }
            p { code { (groups.unknown_nodes.join(" ")) } }
        }
        @if !groups.stale_nodes.is_empty() {
            h2 { "Can't be changed" }
            ul { @for stale in &groups.stale_nodes { li { (stale.text()) } } }
        }
    };
    page::page(&format!("Differences from {file}"), &heading, &content)
}

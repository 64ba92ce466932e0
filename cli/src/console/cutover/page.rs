//! A report on the cut-over as a page that needs no network.

use maud::html;

use super::report::Report;
use crate::console::page;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let title = "Polls of the legacy endpoint";
    let content = html! {
        table {
            @for (name, count) in report.counts() { tr { th { (name) } td.n { (count) } } }
        }
        @if report.differences.is_empty() {
            p { "No two answers differed." }
        } @else {
            h2 { "How answers differ" }
            table {
                tr { th { "difference" } th.n { "nodes" } th { "for example" } th { "the endpoint" } th { "Rollcall" } }
                @for kind in &report.differences {
                    @for (place, example) in kind.examples.iter().enumerate() {
                        tr {
                            @if place == 0 { td { (kind.kind) } td.n { (kind.nodes) } } @else { td {} td {} }
                            td { code { (example.node) } }
                            td { code { del { (example.legacy) } } }
                            td { code { ins { (example.rollcall) } } }
                        }
                    }
                }
            }
        }
    };
    page::page(title, title, &content)
}

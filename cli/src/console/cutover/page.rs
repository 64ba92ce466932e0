//! A report on the cut-over as a page that needs no network.

use maud::{DOCTYPE, PreEscaped, html};

use super::report::Report;
use crate::console::STYLE;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Polls of the legacy endpoint" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Polls of the legacy endpoint" }
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
            }
        }
    };
    page.into_string()
}

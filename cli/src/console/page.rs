//! Pages for a browser that need no network.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{text-align:left;padding:.35rem .6rem;\
border-bottom:1px solid #d8dee4;vertical-align:top}td.n,th.n{text-align:right}code{font:13px/1.4 ui-monospace,monospace;\
overflow-wrap:anywhere}del{color:#a40e26;text-decoration:none}ins{color:#116329;text-decoration:none}";

/// A page with this title, this heading, and this below it.
pub(super) fn page(title: &str, heading: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (heading) }
                (content)
            }
        }
    };
    page.into_string()
}

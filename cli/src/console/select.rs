//! Nodes that a selector means, as the console lists them.

use std::collections::BTreeMap;

use http::Method;
use rollcall_core::Selector;
use rollcall_wire::console::{ConnectionView, DesiredView, FirmwareProgress};
use serde::Deserialize;

use super::client::{Ask, Client};
use super::nodes::PAGE;
use super::patience::Patience;
use crate::problem::Problem;
use crate::progress::Progress;

/// How often a page is asked for that the console can't give now: for half a minute.
const TRIES: u32 = 10;

/// What is known of a node that is meant: as much of it as was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Selected {
    pub(super) node: String,
    pub(super) revoked: bool,
    pub(super) site: Option<String>,
    pub(super) model: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) credential_version: Option<u32>,
    pub(super) firmware: Option<String>,
    pub(super) desired: Option<DesiredView>,
    pub(super) desired_firmware: Option<String>,
    pub(super) firmware_update: Option<FirmwareProgress>,
    pub(super) connection: Option<ConnectionView>,
}

#[derive(Deserialize)]
struct Page {
    nodes: Vec<Selected>,
    #[serde(default)]
    cursor: Option<String>,
}

/// A selector as a parameter of a path, with `&` before it; nothing without one.
pub(super) fn parameter(selector: Option<&Selector>) -> String {
    selector.map_or_else(String::new, |selector| format!("&select={}", encoded(&selector.to_string())))
}

/// Text as a path may have it in its query (RFC 3986, section 2.1).
fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let piece = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(piece).collect()
}

/// Every node that is meant, with these fields, in the order of their ids.
///
/// # Errors
/// If the console can't be asked, or means none.
pub(super) async fn selected(client: &Client, selector: &Selector, fields: &str) -> Result<Vec<Selected>, Problem> {
    let first = format!("/v1/nodes?limit={PAGE}&fields={fields}{}", parameter(Some(selector)));
    let (mut all, mut path, mut progress) = (vec![], first.clone(), Progress::start());
    let patience = Patience::of_tries(TRIES);
    loop {
        let page: Page = patience.ask(async || client.ask(Ask::new(Method::GET, &*path)).await).await?;
        all.extend(page.nodes);
        progress.say(|| format!("{} nodes found so far", all.len()));
        let Some(cursor) = page.cursor else { break };
        path = format!("{first}&cursor={cursor}");
    }
    if all.is_empty() {
        return Err(Problem::new(format!(
            "no node is meant by `{selector}`, and nothing was done: `rollcall nodes` shows the nodes that there are"
        )));
    }
    all.sort_by(|one, other| one.node.cmp(&other.node));
    // A node that moved while the list was read may be on two pages.
    all.dedup_by(|one, other| one.node == other.node);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_a_parameter_of_a_path_whatever_it_has() {
        let selector = "name~\"Main Lobby & Ö\" firmware<2.5+b".parse().expect("a selector");
        let encoded = "&select=name~%22Main%20Lobby%20%26%20%C3%96%22%20firmware%3C2.5%2Bb";
        assert_eq!(parameter(Some(&selector)), encoded);
        assert_eq!(parameter(None), "");
    }
}

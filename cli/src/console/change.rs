//! What changes nodes that are there: `rollcall nodes set`, `revoke`, `disconnect` and `delete`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use rollcall_core::{NodeId, Tags};
use rollcall_wire::console::NodePatch;
use serde_json::json;

use super::bulk::{self, Deed, NOT_CONNECTED, REVOKED, UNCHANGED};
use super::client::{Ask, Client};
use super::nodes::print_node;
use super::select::{Selected, selected};
use crate::args::{Connection, Disconnect, One, Revoke, Said, Set};
use crate::out::{print, print_json};
use crate::problem::Problem;

/// Says something anew of nodes.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(super) async fn set(args: &Set) -> Result<(), Problem> {
    let patch = patch(&args.said)?;
    let body: Bytes = serde_json::to_vec(&patch).map_err(|error| Problem::plain(&error))?.into();
    let client = Client::open(&args.connection.address).await?;
    if let Some(node) = &args.target.node {
        let node = client.ask(Ask::node(Method::PATCH, node, "").with_body(body)).await?;
        return print_node(&node, args.connection.json);
    }
    let Some(selector) = &args.target.select else { return Ok(()) };
    let fields = "site,model,tags,name,labels,credential_version";
    let nodes = selected(&client, selector, fields).await.map_err(Problem::into_trouble)?;
    let deed = Deed {
        does: "set what was said of".to_owned(),
        method: Method::PATCH,
        below: String::new(),
        body,
        key: None,
        only_at: None,
        foresee: Box::new(|node| (!changes(&patch, node)).then_some(UNCHANGED)),
        judge: |_| None,
    };
    bulk::run(&client, nodes, &deed, args.many, &args.connection).await
}

/// Revokes the credentials of nodes.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(super) async fn revoke(args: &Revoke) -> Result<(), Problem> {
    if let Some(node) = &args.target.node {
        return make(node, &args.connection, Method::POST, "/revoke", "revoked").await;
    }
    let Some(selector) = &args.target.select else { return Ok(()) };
    let client = Client::open(&args.connection.address).await?;
    let nodes = selected(&client, selector, "revoked").await.map_err(Problem::into_trouble)?;
    let deed = Deed {
        does: "revoke the credentials of".to_owned(),
        method: Method::POST,
        below: "/revoke".to_owned(),
        body: Bytes::new(),
        key: None,
        only_at: None,
        foresee: Box::new(|node| node.revoked.then_some(REVOKED)),
        judge: |_| None,
    };
    bulk::run(&client, nodes, &deed, args.many, &args.connection).await
}

/// Closes the connections of nodes, or asks the nodes to replace them.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(super) async fn disconnect(args: &Disconnect) -> Result<(), Problem> {
    let within = args.within.map_or_else(String::new, |seconds| format!("?within_s={seconds}"));
    let below = format!("/disconnect{within}");
    let is = if args.within.is_some() { "asked" } else { "disconnected" };
    if let Some(node) = &args.target.node {
        return make(node, &args.connection, Method::POST, &below, is).await;
    }
    let Some(selector) = &args.target.select else { return Ok(()) };
    let client = Client::open(&args.connection.address).await?;
    let nodes = selected(&client, selector, "revoked,connection").await.map_err(Problem::into_trouble)?;
    let is_open = |node: &Selected| node.connection.as_ref().is_some_and(|held| held.closed.is_none());
    let does = if args.within.is_some() { "have the connection replaced of" } else { "close the connection of" };
    let deed = Deed {
        does: does.to_owned(),
        method: Method::POST,
        below,
        body: Bytes::new(),
        key: None,
        only_at: None,
        foresee: Box::new(move |node| match () {
            () if node.revoked => Some(REVOKED),
            () if !is_open(node) => Some(NOT_CONNECTED),
            () => None,
        }),
        judge: |_| None,
    };
    bulk::run(&client, nodes, &deed, args.many, &args.connection).await
}

/// Deletes a node.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(super) async fn delete(args: &One) -> Result<(), Problem> {
    make(&args.node, &args.connection, Method::DELETE, "", "deleted").await
}

/// Asks for something that has no answer of its own, and says what the node is then.
async fn make(node: &NodeId, connection: &Connection, method: Method, below: &str, is: &str) -> Result<(), Problem> {
    let client = Client::open(&connection.address).await?;
    client.send(Ask::node(method, node, below)).await?;
    if connection.json {
        return print_json(&json!({"node": node.as_str(), is: true}));
    }
    print(&format!("{node} is {is}\n"))
}

fn patch(said: &Said) -> Result<NodePatch, Problem> {
    let Said { site, no_site, model, no_model, tag, no_tags, credential_version, name, no_name, .. } = said;
    Ok(NodePatch {
        site: value(site.as_ref().map(|site| site.as_str().to_owned()), *no_site),
        model: value(model.as_ref().map(|model| model.as_str().to_owned()), *no_model),
        tags: value(Some(tags(tag)?).filter(|tags| !tags.is_empty()), *no_tags),
        credential_version: *credential_version,
        name: value(name.clone(), *no_name),
        labels: labels(said),
    })
}

/// Whether a change leaves a node as another one than it is.
fn changes(patch: &NodePatch, node: &Selected) -> bool {
    fn differs<T: PartialEq>(wish: Option<&Option<T>>, is: Option<&T>) -> bool {
        wish.is_some_and(|wish| wish.as_ref() != is)
    }
    let labels = match &patch.labels {
        None => false,
        Some(None) => !node.labels.is_empty(),
        Some(Some(labels)) => labels.iter().any(|(key, value)| node.labels.get(key) != value.as_ref()),
    };
    differs(patch.site.as_ref(), node.site.as_ref())
        || differs(patch.model.as_ref(), node.model.as_ref())
        || differs(patch.tags.as_ref(), Some(&node.tags).filter(|tags| !tags.is_empty()))
        || differs(patch.name.as_ref(), node.name.as_ref())
        || (patch.credential_version.is_some() && patch.credential_version != node.credential_version)
        || labels
}

/// A value, or that there is none any more; nothing if neither was said.
#[expect(clippy::option_option, reason = "a JSON Merge Patch tells what is left out from what is null (RFC 7396)")]
fn value<T>(value: Option<T>, is_removed: bool) -> Option<Option<T>> {
    if is_removed { Some(None) } else { value.map(Some) }
}

/// The labels that change; nothing if none do.
#[expect(clippy::option_option, reason = "a JSON Merge Patch tells what is left out from what is null (RFC 7396)")]
fn labels(said: &Said) -> Option<Option<BTreeMap<String, Option<String>>>> {
    let set = said.label.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
    let labels: BTreeMap<_, _> = said.no_label.iter().map(|key| (key.clone(), None)).chain(set).collect();
    value(Some(labels).filter(|labels| !labels.is_empty()), said.no_labels)
}

/// Tags, sorted.
///
/// # Errors
/// If one is none, or they are too many.
pub(super) fn tags(tags: &[String]) -> Result<Vec<String>, Problem> {
    let tags = Tags::new(tags.to_vec()).map_err(|error| Problem::new(format!("--tag: {error}")))?;
    Ok(tags.iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_already_is_no_change() {
        let node = Selected {
            site: Some("hq".to_owned()),
            tags: vec!["roof".to_owned()],
            labels: [("floor".to_owned(), "3".to_owned())].into(),
            credential_version: Some(2),
            ..Selected::default()
        };
        let floor = |value: Option<&str>| [("floor".to_owned(), value.map(str::to_owned))].into();
        for (patch, expected) in [
            (NodePatch::default(), false),
            (NodePatch { site: Some(Some("hq".to_owned())), ..NodePatch::default() }, false),
            (NodePatch { site: Some(None), ..NodePatch::default() }, true),
            (NodePatch { model: Some(None), name: Some(None), ..NodePatch::default() }, false),
            (NodePatch { tags: Some(Some(vec!["roof".to_owned()])), ..NodePatch::default() }, false),
            (NodePatch { tags: Some(None), ..NodePatch::default() }, true),
            (NodePatch { labels: Some(Some(floor(Some("3")))), ..NodePatch::default() }, false),
            (NodePatch { labels: Some(Some(floor(None))), ..NodePatch::default() }, true),
            (NodePatch { labels: Some(None), ..NodePatch::default() }, true),
            (NodePatch { credential_version: Some(2), ..NodePatch::default() }, false),
            (NodePatch { credential_version: Some(3), ..NodePatch::default() }, true),
        ] {
            assert_eq!(changes(&patch, &node), expected, "{patch:?}");
        }
    }
}

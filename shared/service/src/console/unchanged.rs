//! Conditions by which an import is refused for what has changed since the application compared it.

use data_encoding::HEXLOWER;
use hmac::Mac as _;
use rollcall_core::{About, Name, Node, NodeId};
use rollcall_wire::console::{IF_NONE, Problem, ProblemCode};

use crate::console::cursor::signing;

/// How many bytes of a signature a condition has.
const BYTES: usize = 16;

/// The condition that what is desired of a node is as it is now.
pub(crate) fn condition(secret: &[u8; 32], id: &NodeId, node: &Node, about: &About) -> String {
    let Node { site, model, tags, credentials, revoked, desired, desired_firmware, .. } = node;
    let desired = desired.as_ref().map(|desired| (desired.version, &desired.sha256));
    let credentials = credentials.map(|version| version.0);
    let tags: Vec<_> = tags.iter().collect();
    let name = about.name.as_ref().map(Name::as_str);
    let labels: Vec<_> = about.labels.iter().collect();
    let state = (site, model, tags, credentials, revoked, desired, desired_firmware, name, labels);
    // Texts and numbers can always be written as JSON.
    signed(secret, &format!("state of {id}"), &serde_json::to_vec(&state).unwrap_or_default())
}

/// What stands for the stack: each has keys of its own.
pub(crate) fn stack(secret: &[u8; 32]) -> String {
    signed(secret, "stack", &[])
}

/// Says that a condition holds for a node; `None` if the node is not registered.
pub(crate) fn holds(
    secret: &[u8; 32],
    condition: &str,
    id: &NodeId,
    node: Option<&Node>,
    about: &About,
) -> Result<(), Problem> {
    let now = node.map_or_else(|| IF_NONE.to_owned(), |node| self::condition(secret, id, node, about));
    if condition == now {
        return Ok(());
    }
    Err(Problem::new(ProblemCode::NodeChanged, rollcall_core::Denied::Changed.to_string()))
}

/// Says that a request is for this stack.
pub(crate) fn is_here(secret: &[u8; 32], named: Option<&str>) -> Result<(), Problem> {
    if named.is_none_or(|named| named == stack(secret)) {
        return Ok(());
    }
    let detail = "stack: the comparison was made with another stack, or the keys have changed since";
    Err(Problem::new(ProblemCode::OtherStack, detail))
}

fn signed(secret: &[u8; 32], list: &str, bytes: &[u8]) -> String {
    HEXLOWER.encode(&signing(secret, list, bytes).finalize().into_bytes()[..BYTES])
}

#[cfg(test)]
mod tests {
    use rollcall_core::{Outcome, Registering, Update, register, revoke};

    use super::*;

    fn after(updates: &[Update]) -> Node {
        let item = updates.iter().fold(None, |item, update| match update.apply(item.as_ref()) {
            Outcome::Applied { after } => Some(after),
            Outcome::Refused { because, .. } => panic!("refused because of {because:?}"),
        });
        Node::read(&item.expect("an item")).expect("a node")
    }

    #[test]
    fn a_condition_is_of_one_state_of_one_node_of_one_stack() {
        let secret = [7; 32];
        let id = |id: &str| id.parse::<NodeId>().expect("an id");
        let at = |site: &str| {
            let site = Some(site.parse().expect("a site"));
            register(&id("ap-1"), &Registering { site, ..Registering::default() })
        };
        let node = after(&[at("hq")]);
        let same = condition(&secret, &id("ap-1"), &node, &About::default());
        assert_eq!(holds(&secret, &same, &id("ap-1"), Some(&node), &About::default()), Ok(()));
        assert_eq!(holds(&secret, IF_NONE, &id("ap-1"), None, &About::default()), Ok(()));
        let (moved, revoked) = (after(&[at("lab")]), after(&[at("hq"), revoke(&id("ap-1"))]));
        for (secret, name, other) in [
            (&secret, "ap-2", Some(&node)),
            (&[8; 32], "ap-1", Some(&node)),
            (&secret, "ap-1", Some(&moved)),
            (&secret, "ap-1", Some(&revoked)),
            (&secret, "ap-1", None),
        ] {
            let refused = holds(secret, &same, &id(name), other, &About::default()).map_err(|problem| problem.status);
            assert_eq!(refused, Err(412), "{name} {other:?}");
        }
        let named = About { name: Some("Lobby".parse().expect("a name")), ..About::default() };
        assert!(holds(&secret, &same, &id("ap-1"), Some(&node), &named).is_err());
        assert!(holds(&secret, IF_NONE, &id("ap-1"), Some(&node), &About::default()).is_err());
        assert_eq!(is_here(&secret, Some(&stack(&secret))), Ok(()));
        assert!(is_here(&secret, Some(&stack(&[8; 32]))).is_err_and(|problem| problem.status == 409));
    }
}

//! Which nodes of an export a selector means.

use rollcall_core::{Selectable, Selector};
use rollcall_wire::console::NodeImport;

/// Whether a node is meant; without a selector, every node is.
pub(in crate::console) fn is_chosen(selector: Option<&Selector>, node: &NodeImport) -> bool {
    let Some(selector) = selector else { return true };
    let text = |field: &Option<Option<String>>| field.clone().flatten();
    let [site, model, name] = [&node.site, &node.model, &node.name].map(text);
    selector.has(&Selectable {
        node: &node.node,
        site: site.as_deref(),
        model: model.as_deref(),
        tags: node.tags.iter().flatten().flatten().map(String::as_str).collect(),
        name: name.as_deref(),
        labels: node.labels.iter().flatten().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_chosen_by_what_its_export_says_of_it() {
        let node = NodeImport {
            node: "ap-1".to_owned(),
            site: Some(Some("hq".to_owned())),
            tags: Some(Some(vec!["roof".to_owned()])),
            name: Some(Some("Lobby".to_owned())),
            labels: Some(Some([("floor".to_owned(), "3".to_owned())].into())),
            ..NodeImport::default()
        };
        let is = |text: &str| is_chosen(Some(&text.parse().expect("a selector")), &node);
        assert!(is("node=ap-1,site=hq,tag=roof,name=Lobby,label.floor=3") && is_chosen(None, &node));
        assert!(!is("model=ax-2") && !is("site=lab") && !is("label.floor=4"));
        assert!(!is_chosen(Some(&"name=Lobby".parse().expect("a selector")), &NodeImport::default()));
    }
}

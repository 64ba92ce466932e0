//! The list of nodes: which are meant, and what is shown of each.

use rollcall_core::{About, Node, NodeId, PresenceState, Selectable, Selector, Site};
use rollcall_wire::console::{NodePage, NodeView, Problem, ProblemCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::clip;
use crate::console::handle::{Admitted, Answered, Console, parse};
use crate::console::nodes::limit;
use crate::console::refusal::{failed, internal};
use crate::console::{cursor, view};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{Page, PageKey, Store};

/// How many pages of the table a request reads at most, in which few nodes are meant.
const READS: usize = 10;

/// Which nodes are asked for, and what of each. A cursor is for the same list.
#[derive(Debug)]
struct Wanted {
    site: Option<Site>,
    presence: Option<PresenceState>,
    selector: Option<Selector>,
    /// Everything, if nothing is said.
    fields: Option<Vec<&'static str>>,
}

/// Where a page begins.
#[derive(Serialize, Deserialize)]
struct Place {
    #[serde(flatten)]
    after: PageKey,
    /// How many nodes the pages before it had.
    #[serde(default)]
    counted: usize,
}

/// Where nodes are read.
enum Source {
    All,
    Site(Site),
    /// Only these can be meant.
    Nodes(Vec<NodeId>),
}

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// A page of the nodes that are meant.
    pub(crate) async fn list(&self, admitted: &Admitted<'_>) -> Answered {
        let (wanted, limit) = (Wanted::read(admitted)?, limit(admitted)?);
        let (secret, list) = (self.keys.secret(), format!("{wanted:?}"));
        let place: Option<Place> =
            admitted.parameter("cursor").map(|cursor| cursor::read(&secret, &list, cursor)).transpose()?;
        let is_first = place.is_none();
        let (after, before) = place.map_or((None, 0), |place| (Some(place.after), place.counted));
        let (nodes, next) = self.find(&wanted, after, limit, admitted).await?;
        let counted = before + nodes.len();
        let cursor = next.map(|after| cursor::write(&secret, &list, &Place { after, counted }));
        let total = cursor.is_none().then_some(u64::try_from(counted).unwrap_or(u64::MAX));
        let page = NodePage { nodes, cursor, total, approximate: total.is_some() && !is_first };
        match &wanted.fields {
            None => Ok(HttpAnswer::json(200, &page)),
            Some(fields) => Ok(HttpAnswer::json(200, &with_fields(&page, fields).map_err(|error| internal(&error))?)),
        }
    }

    /// Reads until half of a page is found, or often enough.
    async fn find(
        &self,
        wanted: &Wanted,
        mut after: Option<PageKey>,
        limit: i32,
        admitted: &Admitted<'_>,
    ) -> Result<(Vec<NodeView>, Option<PageKey>), Problem> {
        let (source, limit) = (wanted.source(limit, after.is_none()), usize::try_from(limit).unwrap_or_default());
        let mut found = vec![];
        for _ in 0..READS {
            let left = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            let (items, next): Page = match &source {
                Source::Nodes(nodes) => self.store.nodes(nodes).await.map(|items| (items, None)),
                Source::Site(site) => self.store.page_of_site(site, after, left).await,
                Source::All => self.store.page_of_all(after, left).await,
            }
            .map_err(|error| failed(&error))?;
            let nodes = items.iter().map(|(id, item)| Ok((id.clone(), Node::read(item)?))).collect::<Result<_, _>>();
            let nodes = nodes.map_err(|error: rollcall_core::Malformed| internal(&error))?;
            found.extend(self.meant(wanted, nodes, admitted).await?);
            after = next;
            if after.is_none() || found.len() * 2 > limit {
                break;
            }
        }
        Ok((found, after))
    }

    /// The nodes that are meant, of those that were read. Names and labels are read only of nodes that need them.
    async fn meant(
        &self,
        wanted: &Wanted,
        mut nodes: Vec<(NodeId, Node)>,
        admitted: &Admitted<'_>,
    ) -> Result<Vec<NodeView>, Problem> {
        let nameless = About::default();
        let is_meant = |id: &NodeId, node: &Node, about: &About| {
            wanted.means(&Selectable::of(id, node, about, admitted.now, &self.policy))
        };
        if !wanted.selects_by_name() {
            nodes.retain(|(id, node)| is_meant(id, node, &nameless));
        }
        let mut abouts = if wanted.needs_names() {
            self.abouts(&nodes.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>()).await?
        } else {
            std::collections::BTreeMap::new()
        };
        let shown = nodes.iter().filter_map(|(id, node)| {
            let about = abouts.remove(id).unwrap_or_default();
            is_meant(id, node, &about).then(|| view::node(id, node, &about, admitted.now, &self.policy))
        });
        Ok(shown.collect())
    }
}

impl Wanted {
    fn read(admitted: &Admitted<'_>) -> Result<Self, Problem> {
        let presence = match admitted.parameter("presence") {
            None => None,
            Some("online") => Some(PresenceState::Online),
            Some("silent") => Some(PresenceState::Silent),
            Some("offline") => Some(PresenceState::Offline),
            Some(_) => return Err(invalid("presence: must be online, silent or offline".to_owned())),
        };
        Ok(Self {
            site: admitted.parameter("site").map(|site| parse(site, "site")).transpose()?,
            presence,
            selector: selector(admitted)?,
            fields: admitted.parameter("fields").map(fields).transpose()?,
        })
    }

    /// Where the nodes that are meant can be found with the least reading.
    fn source(&self, limit: i32, is_first: bool) -> Source {
        // A page behind another one is of a list that is read in order.
        let ids = self.selector.as_ref().and_then(Selector::only_nodes).filter(|_| is_first);
        if let Some(ids) = ids.filter(|ids| i32::try_from(ids.len()).is_ok_and(|number| number <= limit)) {
            // What can't be an id is that of no node.
            let mut nodes: Vec<NodeId> = ids.into_iter().filter_map(|id| id.parse().ok()).collect();
            nodes.sort_unstable();
            nodes.dedup();
            return Source::Nodes(nodes);
        }
        let selected = self.selector.as_ref().and_then(Selector::only_site);
        match (&self.site, selected.map(str::parse)) {
            (Some(site), _) => Source::Site(site.clone()),
            (None, Some(Ok(site))) => Source::Site(site),
            (None, Some(Err(_))) => Source::Nodes(vec![]),
            (None, None) => Source::All,
        }
    }

    fn means(&self, node: &Selectable<'_>) -> bool {
        self.site.as_ref().is_none_or(|site| node.site == Some(site.as_str()))
            && self.presence.is_none_or(|presence| node.presence == presence)
            && self.selector.as_ref().is_none_or(|selector| selector.has(node))
    }

    fn selects_by_name(&self) -> bool {
        self.selector.as_ref().is_some_and(Selector::reads_names)
    }

    fn needs_names(&self) -> bool {
        let shows = |field| self.fields.as_ref().is_none_or(|fields| fields.contains(&field));
        self.selects_by_name() || shows("name") || shows("labels")
    }
}

/// The selector of a request.
pub(crate) fn selector(admitted: &Admitted<'_>) -> Result<Option<Selector>, Problem> {
    let read = |text: &str| text.parse().map_err(|error: rollcall_core::InvalidSelector| error.in_one_line());
    admitted.parameter("select").map(read).transpose().map_err(|why| invalid(format!("select: {why}")))
}

/// The fields that are asked for. The id is always among them.
fn fields(text: &str) -> Result<Vec<&'static str>, Problem> {
    let mut fields = vec!["node"];
    for name in text.split(',') {
        let known = NodeView::FIELDS.into_iter().find(|known| *known == name);
        fields.push(known.ok_or_else(|| {
            invalid(format!("fields: {} is no field of a node; they stand with commas between them", clip::value(name)))
        })?);
    }
    fields.sort_unstable();
    fields.dedup();
    Ok(fields)
}

/// A page whose nodes have only these fields.
fn with_fields(page: &NodePage, fields: &[&str]) -> Result<Value, serde_json::Error> {
    let mut page = serde_json::to_value(page)?;
    for node in page["nodes"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        node.retain(|name, _| fields.contains(&name.as_str()));
    }
    Ok(page)
}

fn invalid(detail: String) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;

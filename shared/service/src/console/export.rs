//! Taking out nodes, as an import takes them.

use rollcall_core::{About, Key, Node, NodeId, Selectable, Timestamp};
use rollcall_wire::Json;
use rollcall_wire::console::{ExportPage, NodeImport, OpenCommand, Problem, ProblemCode};

use crate::clock::Clock;
use crate::commands::open_commands;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Answered, Console, number};
use crate::console::list::selector;
use crate::console::refusal::{failed, internal};
use crate::console::unchanged;
use crate::console::{about, cursor};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{PageKey, Segment, Store};

/// How many nodes a page has by default, and at most.
const PAGE: i32 = 500;
const PAGE_MOST: i32 = 1_000;
/// How many bytes of configurations a page has at most, and one more: an answer of Lambda has at most 6 MB (AWS Lambda
/// quotas).
const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// How many segments there may be.
const SEGMENTS: u64 = 64;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// A page of nodes with their configurations. Of several segments, each has a part of the nodes, and they may be read
    /// at the same time.
    pub(crate) async fn export(&self, admitted: &Admitted<'_>) -> Answered {
        let segment = segment(admitted)?;
        let limit = match admitted.parameter("limit").map(number) {
            None => PAGE,
            Some(Some(limit @ 1..=PAGE_MOST)) => limit,
            Some(_) => return Err(invalid(&format!("limit: must be a number from 1 to {PAGE_MOST}"))),
        };
        let has_conditions = flag(admitted, "conditions")?;
        let selector = selector(admitted)?;
        let list = format!("export {}/{} {selector:?}", segment.index, segment.of);
        let secret = self.keys.secret();
        let after: Option<PageKey> =
            admitted.parameter("cursor").map(|cursor| cursor::read(&secret, &list, cursor)).transpose()?;
        let page = self.store.page_of_segment(segment, after, limit).await;
        let (items, mut next) = page.map_err(|error| failed(&error))?;
        let ids: Vec<_> = items.iter().map(|(id, _)| id.clone()).collect();
        let mut abouts = self.abouts(&ids).await?;
        let (mut nodes, mut bytes) = (vec![], 0);
        for (index, (id, item)) in items.iter().enumerate() {
            let stored = Node::read(item).map_err(|error| internal(&error))?;
            let about = abouts.remove(id).unwrap_or_default();
            let selectable = Selectable::of(id, &stored, &about, admitted.now, &self.policy);
            if selector.as_ref().is_some_and(|selector| !selector.has(&selectable)) {
                continue;
            }
            let mut node = self.exported(id, &stored, &about, admitted.now).await?;
            node.if_unchanged = has_conditions.then(|| unchanged::condition(&secret, id, &stored, &about));
            bytes += node.config.as_ref().map_or(0, |config| config.text().len());
            nodes.push(node);
            if bytes >= PAGE_BYTES && index + 1 < items.len() {
                next = Some(PageKey::from(&Key::Node(id.clone())));
                break;
            }
        }
        let cursor = next.map(|next| cursor::write(&secret, &list, &next));
        let stack = has_conditions.then(|| unchanged::stack(&secret));
        Ok(HttpAnswer::json(200, &ExportPage { nodes, stack, cursor }))
    }

    async fn exported(&self, id: &NodeId, node: &Node, about: &About, now: Timestamp) -> Result<NodeImport, Problem> {
        let config = match &node.desired {
            None => None,
            Some(desired) => {
                let document = self.documents.get(&self.store, &desired.sha256).await;
                let Some(document) = document.map_err(|error| failed(&error))? else {
                    tracing::error!(node = %id, outcome = "failed", error = "a desired document is missing", "export");
                    return Err(Problem::new(ProblemCode::Internal, "the server failed: its log has the details"));
                };
                Some(document.json().map_err(|error| internal(&error))?)
            }
        };
        let tags: Vec<_> = node.tags.iter().map(str::to_owned).collect();
        Ok(NodeImport {
            node: id.to_string(),
            site: Some(node.site.clone()),
            model: Some(node.model.clone()),
            tags: Some(Some(tags)),
            name: Some(about.name.as_ref().map(|name| name.as_str().to_owned())),
            labels: Some(Some(about::shown(&about.labels))),
            credential_version: node.credentials.map(|version| version.0),
            revoked: Some(node.revoked),
            config,
            firmware: node.desired_firmware.clone(),
            config_version: Some(node.config_version).filter(|version| *version > 0),
            last_command: Some(node.commands_queued).filter(|last| *last > 0),
            open_commands: self.open_commands(id, node, now).await?,
            if_unchanged: None,
        })
    }

    /// The open commands of a node; `None` if it has none.
    async fn open_commands(
        &self,
        id: &NodeId,
        node: &Node,
        now: Timestamp,
    ) -> Result<Option<Vec<OpenCommand>>, Problem> {
        let Some(numbers) = node.open_commands().filter(|_| !node.revoked) else { return Ok(None) };
        let open = open_commands(&self.store, id, numbers, now).await.map_err(|error| failed(&error))?;
        let shown = open.into_iter().map(|command| {
            let args = Json::parse(&command.args).map_err(|error| internal(&error))?;
            Ok(OpenCommand {
                command: command.number,
                name: command.name,
                args,
                queued_at_ms: command.queued_at.0,
                expires_at_ms: command.expires_at.0,
                sent_at_ms: command.sent_at.map(|at| at.0),
            })
        });
        Ok(Some(shown.collect::<Result<Vec<_>, Problem>>()?).filter(|open| !open.is_empty()))
    }
}

/// Whether a parameter is `true`; if it is not given, it is not.
pub(crate) fn flag(admitted: &Admitted<'_>, name: &str) -> Result<bool, Problem> {
    match admitted.parameter(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(&format!("{name}: must be true or false"))),
    }
}

/// Which part of the nodes is asked for; all of them if nothing is said.
fn segment(admitted: &Admitted<'_>) -> Result<Segment, Problem> {
    let of = admitted.parameter("segments").map_or(Some(1), number);
    let of = of.filter(|of| (1..=SEGMENTS).contains(of));
    let of = of.ok_or_else(|| invalid(&format!("segments: must be a number from 1 to {SEGMENTS}")))?;
    let index = admitted.parameter("segment").map_or(Some(0), number);
    let index = index.filter(|index: &u64| *index < of);
    let index = index.ok_or_else(|| invalid("segment: must be a number from 0 to one less than segments"))?;
    Ok(Segment { index, of })
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidParameter, detail)
}

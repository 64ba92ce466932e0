//! Raising the numbers of nodes above all that may have been given out: after the tables were restored from a backup.

use futures_util::{StreamExt as _, stream};
use rollcall_core::{Because, CommandState, NodeId, Outcome, above_all, cancel, granted, raise_commands, raise_config};
use rollcall_wire::console::{BATCH_NODES, BatchResult, Problem, RenumberNode};

use crate::clock::Clock;
use crate::commands;
use crate::connections::Connections;
use crate::console::batch::{Element, elements};
use crate::console::handle::{Admitted, Answered, Console, object};
use crate::console::refusal::{denied, failed, internal};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;

/// How many nodes are handled at the same time.
const AT_ONCE: usize = 16;
/// How many commands of a node are looked at: no more can be open.
const COMMANDS: i32 = 100;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Raises the numbers of up to [`BATCH_NODES`] nodes, each with its own result, in the order in which they were given.
    pub(crate) async fn renumber(&self, admitted: &Admitted<'_>) -> Answered {
        let body = admitted.body()?;
        let results = elements(&body, BATCH_NODES)?.into_iter().map(|element| self.renumber_one(element, admitted));
        let results: Vec<BatchResult> = stream::iter(results).buffered(AT_ONCE).collect().await;
        Ok(HttpAnswer::json(200, &results))
    }

    async fn renumber_one(&self, element: Element<'_>, admitted: &Admitted<'_>) -> BatchResult {
        let renumbered = async {
            let RenumberNode { node } = object(element.text)?;
            let node = element.node(&node)?;
            self.end_commands(&node, admitted).await?;
            self.raise_config(&node, admitted).await
        };
        let problem = renumbered.await.err();
        let node = element.shown();
        let status = problem.as_ref().map_or(200, |problem| problem.status);
        let reason = problem.as_ref().map(|problem| problem.code.to_string());
        tracing::info!(node, status, reason, outcome = "answered", "renumber");
        BatchResult { node, status, problem }
    }

    /// Cancels what was not handed out. Of the others it is not known whether the node has begun them: a result that comes
    /// later is stored.
    async fn end_commands(&self, node: &NodeId, admitted: &Admitted<'_>) -> Result<(), Problem> {
        let (stored, _) = self.stored_node(node).await?;
        let newest = match stored.commands_queued {
            0 => vec![],
            newest => commands::newest(&self.store, node, newest, COMMANDS).await.map_err(|error| failed(&error))?,
        };
        for command in newest.iter().filter(|command| command.state(admitted.now) == CommandState::Queued) {
            match self.write(&cancel(node, command.number, admitted.now)).await? {
                // Or it has ended meanwhile.
                Outcome::Applied { .. } | Outcome::Refused { .. } => {}
            }
        }
        match self.write(&admitted.by(raise_commands(node, above_all(admitted.now)))).await? {
            Outcome::Refused { because: Some(Because::NumbersHigher), .. } => Ok(()),
            outcome => granted(outcome).map_err(|error| internal(&error))?.map(|_| ()).map_err(denied),
        }
    }

    /// The node is given its configuration again at its next check-in. If none is desired, the next one has a higher number.
    async fn raise_config(&self, node: &NodeId, admitted: &Admitted<'_>) -> Result<(), Problem> {
        match self.write(&admitted.by(raise_config(node, above_all(admitted.now)))).await? {
            Outcome::Refused { because: Some(Because::NumbersHigher), .. } => Ok(()),
            outcome => {
                let stored = granted(outcome).map_err(|error| internal(&error))?.map_err(denied)?;
                if stored.desired.is_some() {
                    self.remember(node, &stored, admitted).await;
                }
                Ok(())
            }
        }
    }
}

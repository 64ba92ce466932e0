//! Deleting a node: its credentials are revoked, and then all that is stored of it is deleted.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_core::{Item, Key, NodeId, Place, commands_of, delete_node, records_of, revoke};
use rollcall_wire::console::{Problem, ProblemCode};

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::handle::{Admitted, Answered, Console, parse};
use crate::console::refusal::failed;
use crate::console::rollouts::names;
use crate::deleting::{delete_all, delete_between};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::{Store, StoreError};

/// How many places in rollouts are read at once.
const AT_ONCE: usize = 25;
/// How often a node is deleted again that somebody registers anew meanwhile.
const TRIES: usize = 3;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Deletes a node. Its own item is deleted last: whoever repeats an interrupted request goes on with it. The feed
    /// deletes the node's events once it hears that the item is gone.
    pub(crate) async fn delete(&self, admitted: &Admitted<'_>, node: &str) -> Answered {
        let node: NodeId = parse(node, "node")?;
        for _ in 0..TRIES {
            self.register_one(&node, revoke(&node), admitted).await?;
            self.delete_records(&node).await.map_err(|error| failed(&error))?;
            if self.store.delete(&delete_node(&node)).await.map_err(|error| failed(&error))? {
                return Ok(HttpAnswer::status(204));
            }
        }
        let detail = format!("{node} is registered again and again while it is deleted; stop that, and try again");
        Err(Problem::new(ProblemCode::Unavailable, detail))
    }

    async fn delete_records(&self, node: &NodeId) -> Result<(), StoreError> {
        self.delete_targets(node).await?;
        for keys in commands_of(node) {
            delete_between(&self.store, keys, |key: Key, _: &Item| Ok::<_, StoreError>(vec![key])).await?;
        }
        delete_all(&self.store, records_of(node)).await
    }

    /// Deletes the node from the rollouts that are kept: a rollout is deleted some weeks after its end. Most of them are not for
    /// the node, so that its places are read before they are deleted.
    async fn delete_targets(&self, node: &NodeId) -> Result<(), StoreError> {
        let names = names(&self.store).await?;
        let places = names.iter().flat_map(|name| Place::all(name, node).map(|place| Key::Target(name.clone(), place)));
        let reading = places.map(async |key| Ok::<_, StoreError>(self.store.read(&key).await?.map(|_| key)));
        let found: Vec<Option<Key>> = stream::iter(reading).buffer_unordered(AT_ONCE).try_collect().await?;
        delete_all(&self.store, found.into_iter().flatten()).await
    }
}

//! The clients of an instance: what `rollcall-service` needs of AWS.

use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use rollcall_core::{Attribute, ConnectionId, Deletion, Item, Key, NodeId, Site, Timestamp, Update, Value};
use rollcall_service::{
    Beside, Clock, ConnectionError, Connections, Delivery, Order, Page, PageKey, Segment, SignError, Signer, Store,
    StoreError, Written,
};

use crate::call::{Answer, Calling, Desk, Failure, Request};

/// The clients of an instance.
#[derive(Clone, Debug)]
pub(crate) struct Client(pub(crate) Rc<Desk>);

impl Client {
    pub(super) fn call(&self, request: Request) -> Calling {
        self.0.call(request)
    }
}

fn failed(answer: &Answer) -> StoreError {
    match answer {
        Answer::Failed(Failure::Throttled) => StoreError::Throttled("simulated".into()),
        Answer::Failed(Failure::Rejected) => StoreError::Rejected("simulated".into()),
        _ => StoreError::Unavailable("simulated".into()),
    }
}

fn most(limit: i32) -> usize {
    usize::try_from(limit).unwrap_or_default()
}

fn start(after: Option<PageKey>) -> Option<Key> {
    after.and_then(|after| Key::read(&after.pk, &after.sk).ok().flatten())
}

impl Store for Client {
    async fn write(&self, update: &Update) -> Result<Written, StoreError> {
        match self.call(Request::Write(Rc::new(update.clone()))).await {
            Answer::Written(outcome) => Ok(Written { outcome, units: None }),
            other => Err(failed(&other)),
        }
    }

    async fn transact(&self, updates: &[Update]) -> Result<bool, StoreError> {
        match self.call(Request::Transact(Rc::new(updates.to_vec()))).await {
            Answer::Transacted(made) => Ok(made),
            other => Err(failed(&other)),
        }
    }

    async fn delete(&self, deletion: &Deletion) -> Result<bool, StoreError> {
        match self.call(Request::Delete(Rc::new(deletion.clone()))).await {
            Answer::Deleted(is_gone) => Ok(is_gone),
            other => Err(failed(&other)),
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        match self.call(Request::Read(key.clone())).await {
            Answer::Item(item) => Ok(item),
            other => Err(failed(&other)),
        }
    }

    async fn range(&self, keys: RangeInclusive<Key>, order: Order, limit: i32) -> Result<Vec<(Key, Item)>, StoreError> {
        match self.call(Request::Range(keys, order, most(limit))).await {
            Answer::Items(items) => Ok(items),
            other => Err(failed(&other)),
        }
    }

    async fn page_of_all(&self, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        match self.call(Request::Scan(start(after), most(limit))).await {
            Answer::Nodes(nodes, more) => Ok((nodes, more.as_ref().map(PageKey::from))),
            other => Err(failed(&other)),
        }
    }

    async fn page_of_site(&self, site: &Site, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        let (ids, more) = match self.call(Request::Ids(site.clone(), start(after), most(limit))).await {
            Answer::Ids(ids, more) => (ids, more),
            other => return Err(failed(&other)),
        };
        let more = more.as_ref().map(PageKey::from);
        if ids.is_empty() {
            return Ok((vec![], more));
        }
        match self.call(Request::Batch(ids)).await {
            Answer::Nodes(mut nodes, _) => {
                let site = Value::from(site.as_str());
                nodes.retain(|(_, item)| item.get(&Attribute::Site) == Some(&site));
                Ok((nodes, more))
            }
            other => Err(failed(&other)),
        }
    }

    async fn page_of_segment(&self, segment: Segment, after: Option<PageKey>, limit: i32) -> Result<Page, StoreError> {
        match self.call(Request::Segment(segment, start(after), most(limit))).await {
            Answer::Nodes(nodes, more) => Ok((nodes, more.as_ref().map(PageKey::from))),
            other => Err(failed(&other)),
        }
    }

    async fn suspects(&self, ends: RangeInclusive<Timestamp>, limit: i32) -> Result<Vec<NodeId>, StoreError> {
        match self.call(Request::Suspects(ends, most(limit))).await {
            Answer::Ids(ids, _) => Ok(ids),
            other => Err(failed(&other)),
        }
    }

    async fn nodes(&self, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        match self.call(Request::Batch(nodes.to_vec())).await {
            Answer::Nodes(nodes, _) => Ok(nodes),
            other => Err(failed(&other)),
        }
    }

    async fn beside(&self, what: Beside, nodes: &[NodeId]) -> Result<Vec<(NodeId, Item)>, StoreError> {
        match self.call(Request::Beside(what, nodes.to_vec())).await {
            Answer::Nodes(nodes, _) => Ok(nodes),
            other => Err(failed(&other)),
        }
    }
}

fn reached(answer: &Answer) -> Result<Delivery, ConnectionError> {
    match answer {
        Answer::Reached(true) => Ok(Delivery::Delivered),
        Answer::Reached(false) => Ok(Delivery::Gone),
        _ => Err(ConnectionError("simulated".into())),
    }
}

impl Connections for Client {
    async fn post(&self, connection: &ConnectionId, frame: String) -> Result<Delivery, ConnectionError> {
        reached(&self.call(Request::Post(connection.clone(), frame.into())).await)
    }

    async fn close(&self, connection: &ConnectionId) -> Result<Delivery, ConnectionError> {
        reached(&self.call(Request::Close(connection.clone())).await)
    }
}

impl Clock for Client {
    async fn sleep(&self, pause: Duration) {
        self.call(Request::Sleep(pause)).await;
    }
}

impl Signer for Client {
    async fn url(&self, object_key: &str, now: Timestamp) -> Result<String, SignError> {
        Ok(format!("https://bucket.simulated/{object_key}?from={}", now.0))
    }
}

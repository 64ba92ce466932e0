//! Conditions on the connection that holds the node.

use crate::attribute::Attribute as A;
use crate::clock::{beyond, surely_past};
use crate::event::Connection;
use crate::guard::Guard;
use crate::id::ConnectionId;
use crate::item::Value;
use crate::timestamp::Timestamp;

/// This connection holds the node.
pub(super) fn is(connection: &ConnectionId) -> Guard {
    Guard::Equal(A::Connection, connection.as_str().into())
}

/// The connection that holds the node is open.
pub(super) fn open() -> Guard {
    Guard::Missing(A::ClosedAt)
}

/// The connection is open, or closed after API Gateway got this message. The `$disconnect` may be handled before the
/// message.
pub(super) fn open_or_closed_since(received: Timestamp) -> Guard {
    let received = surely_past(received);
    Guard::Any(vec![open(), Guard::AtLeast(A::ClosedAt, received.0.into())])
}

/// This connection opened after the stored one, or the stored one opened in the future, by a wrong clock. A connection
/// that itself opened in the future only replaces one that did so, too.
pub(super) fn newer(connection: &Connection, horizon: Timestamp) -> Guard {
    let opened_at = || Value::from(connection.opened_at.0);
    let id = Value::from(connection.id.as_str());
    let mut newer = vec![Guard::Missing(A::Connection), beyond(A::OpenedAt, horizon)];
    if connection.opened_at <= horizon {
        newer.push(Guard::Less(A::OpenedAt, opened_at()));
        newer.push(Guard::All(vec![Guard::Equal(A::OpenedAt, opened_at()), Guard::Less(A::Connection, id)]));
    }
    Guard::Any(newer)
}

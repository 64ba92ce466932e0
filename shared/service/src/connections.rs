//! Sends messages to connections and closes them, outside of the answers to their own messages: API Gateway's
//! `@connections`.

use std::future::Future;

use rollcall_core::ConnectionId;

/// Sends to the connections of the API and closes them.
pub trait Connections {
    /// Sends a connection a frame.
    ///
    /// # Errors
    /// If it is not known whether it was sent.
    fn post(&self, connection: &ConnectionId, frame: String)
    -> impl Future<Output = Result<Delivery, ConnectionError>>;

    /// Closes a connection.
    ///
    /// # Errors
    /// If it is not known whether it was closed.
    fn close(&self, connection: &ConnectionId) -> impl Future<Output = Result<Delivery, ConnectionError>>;
}

/// The result of a call to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The call reached the connection, as far as API Gateway knows.
    Delivered,
    /// There is no such connection, or not any more.
    Gone,
}

/// A connection that could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("@connections failed")]
pub struct ConnectionError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// For functions whose events close no connection: polls.
#[derive(Clone, Copy, Debug)]
pub struct NoConnections;

impl Connections for NoConnections {
    async fn post(&self, _: &ConnectionId, _: String) -> Result<Delivery, ConnectionError> {
        Err(ConnectionError("this function has no connections".into()))
    }

    async fn close(&self, _: &ConnectionId) -> Result<Delivery, ConnectionError> {
        Err(ConnectionError("this function has no connections".into()))
    }
}

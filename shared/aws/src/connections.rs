//! Sends messages to connections and closes them, outside of the answers to their own messages: API Gateway's
//! `@connections`.

use std::future::Future;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::error::ProvideErrorMetadata;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use rollcall_core::ConnectionId;

use crate::client::Clients;

/// Sends to the connections of the API and closes them.
pub trait Connections: Send + Sync {
    /// Sends a connection a frame.
    ///
    /// # Errors
    /// If it is not known whether it was sent.
    fn post(
        &self,
        connection: &ConnectionId,
        frame: String,
    ) -> impl Future<Output = Result<Delivery, ConnectionError>> + Send;

    /// Closes a connection.
    ///
    /// # Errors
    /// If it is not known whether it was closed.
    fn close(&self, connection: &ConnectionId) -> impl Future<Output = Result<Delivery, ConnectionError>> + Send;
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
pub struct ConnectionError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// `@connections`, called with the AWS SDK.
#[derive(Clone, Debug)]
pub struct ApiConnections {
    client: Client,
}

impl ApiConnections {
    /// `@connections` with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// `@connections` at the URL in the function's settings.
    pub fn open(clients: &Clients) -> Self {
        Self::new(clients.connections())
    }
}

impl Connections for ApiConnections {
    async fn post(&self, connection: &ConnectionId, frame: String) -> Result<Delivery, ConnectionError> {
        let call = self.client.post_to_connection().connection_id(connection.as_str()).data(Blob::new(frame));
        delivered(call.send().await.map(|_| ()))
    }

    async fn close(&self, connection: &ConnectionId) -> Result<Delivery, ConnectionError> {
        let call = self.client.delete_connection().connection_id(connection.as_str());
        delivered(call.send().await.map(|_| ()))
    }
}

fn delivered<E>(answer: Result<(), E>) -> Result<Delivery, ConnectionError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(()) => Ok(Delivery::Delivered),
        Err(error) if error.code() == Some("GoneException") => Ok(Delivery::Gone),
        Err(error) => Err(ConnectionError(Box::new(error))),
    }
}

//! API Gateway's `@connections`.

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::error::ProvideErrorMetadata;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use rollcall_core::ConnectionId;
use rollcall_service::{ConnectionError, Connections, Delivery};

use crate::client::Clients;

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

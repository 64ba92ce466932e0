//! Opening a connection before it is needed.

use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::SdkError;

use crate::error::chain;

/// Opens the client's connection to DynamoDB, best effort: Lambda gives a function a whole CPU while it starts, and at
/// 128 MB a fourteenth of one while it handles an event, which is what the first TLS handshake would have to do with.
///
/// What is sent is `GET /`. DynamoDB answers to anyone that it is healthy: so it costs no unit and needs no permission,
/// which a call of the API would, and yet goes to where the client's calls will go, by the same connection and code.
pub(crate) async fn connect_ahead(client: &Client) {
    let health = client.describe_endpoints().customize().mutate_request(|request| {
        // A constant, which is a method.
        let _ = request.set_method("GET");
        *request.body_mut() = "".into();
        for name in ["x-amz-target", "content-type", "content-length"] {
            request.headers_mut().remove(name);
        }
    });
    // Once: the first event tries again.
    let answer = health.config_override(Builder::new().retry_config(RetryConfig::disabled())).send().await;
    match answer {
        // It is not what `DescribeEndpoints` answers. That there is an answer is enough.
        Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_)) => {}
        Err(error) => tracing::warn!(error = chain(&error), "no connection to DynamoDB yet"),
    }
}

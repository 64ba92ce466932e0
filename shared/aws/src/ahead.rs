//! Opening a connection before it is needed.

use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::SdkError;

use rollcall_service::chain;

/// Opens the client's connection to DynamoDB, best effort. Lambda gives a function a whole CPU while it starts. At 128
/// MB, a function has a fourteenth of a CPU while it handles an event, and the first TLS handshake would have to do
/// with that.
///
/// The request is `GET /`, which DynamoDB answers to anyone with its health. Unlike a call of the API, it costs no unit
/// and needs no permission. It goes to the same address as the client's calls, by the same connection and code.
pub(crate) async fn connect_ahead(client: &Client) {
    let health = client.describe_endpoints().customize().mutate_request(|request| {
        // `GET` is a constant and a valid method, so this can't fail.
        let _ = request.set_method("GET");
        *request.body_mut() = "".into();
        for name in ["x-amz-target", "content-type", "content-length"] {
            request.headers_mut().remove(name);
        }
    });
    // One try is enough: the first event tries again.
    let answer = health.config_override(Builder::new().retry_config(RetryConfig::disabled())).send().await;
    match answer {
        // The answer is not one of `DescribeEndpoints`. It is enough that there is an answer.
        Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_)) => {}
        Err(error) => tracing::warn!(error = chain(&error), "no connection to DynamoDB yet"),
    }
}

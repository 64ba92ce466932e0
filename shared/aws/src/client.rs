//! SDK clients, set up for small and fast functions.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// How long one try may take. A node waits for its answer meanwhile, and sends again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take with all its tries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a best-effort call of `@connections` may hold up an answer.
const BEST_EFFORT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client of DynamoDB.
pub async fn dynamo_client(region: &str, endpoint: Option<&str>) -> aws_sdk_dynamodb::Client {
    let timeouts = timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT);
    aws_sdk_dynamodb::Client::new(&sdk(region, endpoint, timeouts, RetryConfig::standard()).await)
}

/// A client of `@connections`. Calls are tried once: they are best effort.
pub async fn connections_client(region: &str, url: &str) -> aws_sdk_apigatewaymanagement::Client {
    let timeouts = timeouts(BEST_EFFORT_TIMEOUT, BEST_EFFORT_TIMEOUT);
    aws_sdk_apigatewaymanagement::Client::new(&sdk(region, Some(url), timeouts, RetryConfig::disabled()).await)
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

async fn sdk(region: &str, endpoint: Option<&str>, timeouts: TimeoutConfig, retries: RetryConfig) -> SdkConfig {
    // TLS costs memory and start-up time that a plain endpoint (loopback) has no use for.
    let http = if endpoint.is_some_and(|url| url.starts_with("http://")) {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    };
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        // Lambda hands a function its credentials in the environment and replaces the process before they expire.
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries)
        .timeout_config(timeouts);
    if let Some(url) = endpoint {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

//! SDK clients, set up for small and fast functions.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::config::{Lookup, variable};

/// The region that everything on this machine claims to be in.
pub const LOCAL_REGION: &str = "us-east-1";
/// Credentials for engines on this machine, which take any.
pub const LOCAL_CREDENTIALS: &str = "local";

/// How long one try may take. A node waits for its answer meanwhile, and sends again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take with all its tries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a best-effort call of `@connections` may hold up an answer.
const BEST_EFFORT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client of DynamoDB, with the credentials that Lambda puts into the environment.
pub async fn dynamo_client(region: &str, endpoint: Option<&str>) -> aws_sdk_dynamodb::Client {
    let timeouts = timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT);
    let config = loader(region, endpoint, timeouts, RetryConfig::standard());
    aws_sdk_dynamodb::Client::new(&config.credentials_provider(from_environment()).load().await)
}

/// A client of a DynamoDB engine on this machine, which takes any credentials.
pub async fn local_dynamo_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let timeouts = timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT);
    let config = loader(LOCAL_REGION, Some(endpoint), timeouts, RetryConfig::standard());
    aws_sdk_dynamodb::Client::new(&config.credentials_provider(local_credentials()).load().await)
}

/// What a client of any service needs for an endpoint that a person names: the credentials and the region of the
/// environment, or those that every service on this machine takes. A call is tried once, and may take this long.
pub async fn endpoint_config(lookup: &impl Lookup, endpoint: &str, patience: Duration) -> SdkConfig {
    let region = lookup.get(variable::REGION).unwrap_or_else(|| LOCAL_REGION.to_owned());
    let loader = loader(&region, Some(endpoint), timeouts(patience, patience), RetryConfig::disabled());
    loader.credentials_provider(credentials(Some(endpoint))).load().await
}

/// Why it can't be told whose AWS is meant.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Neither the environment nor a profile names a region.
    #[error("no region is named")]
    Region,
    /// Nothing names credentials.
    #[error("there are no credentials")]
    NoCredentials,
    /// What names credentials gives none.
    #[error("the credentials can't be had")]
    Credentials(#[source] CredentialsError),
}

/// What a client of any service needs for the account of whoever runs this: the region and the credentials that AWS's own
/// tools would take (environment, profile, container, instance), but for those of single sign-on, which would link two more
/// services. An endpoint without TLS gets what [`endpoint_config`] gives it. A call may take this long.
///
/// # Errors
/// If there is no region, or there are no credentials.
pub async fn account_config(
    lookup: &impl Lookup,
    endpoint: Option<&str>,
    patience: Duration,
) -> Result<SdkConfig, AccountError> {
    if let Some(endpoint) = endpoint.filter(|url| url.starts_with("http://")) {
        return Ok(endpoint_config(lookup, endpoint, patience).await);
    }
    let regions = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
    let region = regions.or_else(ProfileFileRegionProvider::new()).region().await.ok_or(AccountError::Region)?;
    let loader = loader(region.as_ref(), endpoint, timeouts(patience, patience), RetryConfig::standard());
    let config = loader.load().await;
    if let Some(provider) = config.credentials_provider() {
        provider.provide_credentials().await.map_err(|error| match error {
            CredentialsError::CredentialsNotLoaded(_) => AccountError::NoCredentials,
            error => AccountError::Credentials(error),
        })?;
    }
    Ok(config)
}

/// The environment's credentials; or those that every service on this machine takes, for an endpoint without TLS.
pub(crate) fn credentials(endpoint: Option<&str>) -> SharedCredentialsProvider {
    if endpoint.is_none_or(|url| url.starts_with("https://")) {
        return SharedCredentialsProvider::new(from_environment());
    }
    let chain = CredentialsProviderChain::first_try("Environment", from_environment());
    SharedCredentialsProvider::new(chain.or_else("Local", local_credentials()))
}

/// A client of `@connections`. Calls are tried once: they are best effort.
pub async fn connections_client(region: &str, url: &str) -> aws_sdk_apigatewaymanagement::Client {
    let timeouts = timeouts(BEST_EFFORT_TIMEOUT, BEST_EFFORT_TIMEOUT);
    let config = loader(region, Some(url), timeouts, RetryConfig::disabled());
    aws_sdk_apigatewaymanagement::Client::new(&config.credentials_provider(from_environment()).load().await)
}

/// Credentials for services on this machine, which take any.
pub fn local_credentials() -> Credentials {
    Credentials::new(LOCAL_CREDENTIALS, LOCAL_CREDENTIALS, None, None, LOCAL_CREDENTIALS)
}

fn timeouts(attempt: Duration, operation: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(operation)
        .build()
}

/// Lambda hands a function its credentials in the environment, and replaces the process before they expire.
fn from_environment() -> EnvironmentVariableCredentialsProvider {
    EnvironmentVariableCredentialsProvider::new()
}

fn loader(region: &str, endpoint: Option<&str>, timeouts: TimeoutConfig, retries: RetryConfig) -> ConfigLoader {
    // TLS costs memory and start-up time that a plain endpoint (loopback) has no use for.
    let http = if endpoint.is_some_and(|url| url.starts_with("http://")) {
        Builder::new().build_http()
    } else {
        Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    };
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries)
        .timeout_config(timeouts);
    match endpoint {
        Some(url) => loader.endpoint_url(url),
        None => loader,
    }
}

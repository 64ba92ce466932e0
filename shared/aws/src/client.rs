//! SDK clients, set up for small and fast functions.

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{IdentityCache, SharedHttpClient, StalledStreamProtectionConfig};
use aws_types::sdk_config::Builder;

use crate::ahead::connect_ahead;
use crate::config::{Lookup, Settings, variable};
use crate::tls::{Trust, http_client, is_plain};
use crate::trace::Traced;

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

/// How soon a call that is tried again [`Quick`](Tries::Quick)ly is, at the latest. Whom DynamoDB throttles is then
/// answered within some 200 ms, and whose answer was lost has it the second time.
const QUICK_BACKOFF: Duration = Duration::from_millis(100);
/// How often it is tried in all.
const QUICK_TRIES: u32 = 2;

/// How often a call of DynamoDB is tried that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Twice, the second time soon: a node waits for the answer, and says again what could not be stored. Waiting longer
    /// here would cost what it waits for: a function's time.
    Quick,
    /// Three times, seconds apart: nobody says it again, or whoever asks would rather wait.
    Patient,
}

impl Tries {
    fn config(self) -> RetryConfig {
        match self {
            Self::Quick => RetryConfig::standard()
                .with_max_attempts(QUICK_TRIES)
                .with_initial_backoff(QUICK_BACKOFF)
                .with_max_backoff(QUICK_BACKOFF),
            Self::Patient => RetryConfig::standard(),
        }
    }
}

/// The clients of a function. They share their connections, so that TLS is set up once.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) settings: Settings,
    pub(crate) dynamo: aws_sdk_dynamodb::Client,
    http: SharedHttpClient,
}

impl Clients {
    /// Makes them, and opens the connection to DynamoDB.
    pub async fn open(settings: &Settings, tries: Tries) -> Self {
        let dynamodb = settings.dynamodb.as_deref();
        let connections = Some(&*settings.connections).filter(|url| !url.is_empty()).or(dynamodb);
        let http = http_client([dynamodb, connections], settings.trust);
        let dynamo = dynamo(&settings.region, dynamodb, http.clone(), from_environment(), tries);
        // A plain endpoint is on this machine, and has no handshake to wait for.
        if !is_plain(dynamodb) {
            connect_ahead(&dynamo).await;
        }
        Self { settings: settings.clone(), dynamo, http }
    }

    /// A client of `@connections`. Calls are tried once: they are best effort.
    pub(crate) fn connections(&self) -> aws_sdk_apigatewaymanagement::Client {
        let Settings { region, connections, .. } = &self.settings;
        let config = config(region, Some(connections), self.http.clone(), from_environment());
        let timeouts = timeouts(BEST_EFFORT_TIMEOUT, BEST_EFFORT_TIMEOUT);
        let config = config.timeout_config(timeouts).retry_config(RetryConfig::disabled());
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(&config.build()).interceptor(Traced);
        aws_sdk_apigatewaymanagement::Client::from_conf(config.build())
    }
}

/// A client of DynamoDB, with the credentials of the environment.
pub fn dynamo_client(region: &str, endpoint: Option<&str>) -> aws_sdk_dynamodb::Client {
    dynamo(region, endpoint, http_client([endpoint], Trust::Native), from_environment(), Tries::Patient)
}

/// A client of a DynamoDB engine on this machine, which takes any credentials.
pub fn local_dynamo_client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let http = http_client([Some(endpoint)], Trust::Native);
    dynamo(LOCAL_REGION, Some(endpoint), http, local_credentials(), Tries::Patient)
}

fn dynamo(
    region: &str,
    endpoint: Option<&str>,
    http: SharedHttpClient,
    credentials: impl ProvideCredentials + 'static,
    tries: Tries,
) -> aws_sdk_dynamodb::Client {
    let config = config(region, endpoint, http, credentials);
    let config = config.timeout_config(timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT)).retry_config(tries.config());
    let config = aws_sdk_dynamodb::config::Builder::from(&config.build()).interceptor(Traced);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// What a client of any service needs for an endpoint that a person names: the credentials and the region of the
/// environment, or those that every service on this machine takes. A call is tried once, and may take this long.
pub fn endpoint_config(lookup: &impl Lookup, endpoint: &str, patience: Duration) -> SdkConfig {
    let region = lookup.get(variable::REGION).unwrap_or_else(|| LOCAL_REGION.to_owned());
    let http = http_client([Some(endpoint)], Trust::Native);
    let config = config(&region, Some(endpoint), http, credentials(Some(endpoint)));
    config.timeout_config(timeouts(patience, patience)).retry_config(RetryConfig::disabled()).build()
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
    if let Some(endpoint) = endpoint.filter(|url| is_plain(Some(url))) {
        return Ok(endpoint_config(lookup, endpoint, patience));
    }
    let regions = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new());
    let region = regions.or_else(ProfileFileRegionProvider::new()).region().await.ok_or(AccountError::Region)?;
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client([endpoint], Trust::Native))
        .region(region)
        .timeout_config(timeouts(patience, patience));
    let config = match endpoint {
        Some(url) => loader.endpoint_url(url).load().await,
        None => loader.load().await,
    };
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
    if !is_plain(endpoint) {
        return SharedCredentialsProvider::new(from_environment());
    }
    let chain = CredentialsProviderChain::first_try("Environment", from_environment());
    SharedCredentialsProvider::new(chain.or_else("Local", local_credentials()))
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

/// Not `aws_config::load`: it would read files that a function does not have, and link what reads them.
fn config(
    region: &str,
    endpoint: Option<&str>,
    http: SharedHttpClient,
    credentials: impl ProvideCredentials + 'static,
) -> Builder {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    config.set_endpoint_url(endpoint.map(str::to_owned));
    config
}

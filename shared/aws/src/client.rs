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

/// The region of all services on this machine.
pub const LOCAL_REGION: &str = "us-east-1";
/// The access key and the secret for services on this machine, which accept any.
pub const LOCAL_CREDENTIALS: &str = "local";

/// How long one try of a call may take. A node waits for its answer meanwhile, and sends its message again if none
/// comes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a call may take with all of its tries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a best-effort call of `@connections` may delay an answer.
const BEST_EFFORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest pause before a call is tried again [`Quick`](Tries::Quick)ly. A node is then answered within some 200 ms
/// if DynamoDB throttles, and a call whose answer was lost succeeds with its second try.
const QUICK_BACKOFF: Duration = Duration::from_millis(100);
/// How often such a call is tried in all.
const QUICK_TRIES: u32 = 2;

/// How often a call of DynamoDB is tried until it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Twice, with a short pause. A node waits for the answer, and sends again what could not be stored; waiting longer
    /// would only cost time of the function.
    Quick,
    /// Three times, seconds apart. Nobody sends the request again, or its sender prefers to wait.
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

/// The SDK clients of a function. They share their connections, so that TLS is set up once.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) settings: Settings,
    pub(crate) dynamo: aws_sdk_dynamodb::Client,
    http: SharedHttpClient,
}

impl Clients {
    /// Creates the clients, and opens the connection to DynamoDB.
    pub async fn open(settings: &Settings, tries: Tries) -> Self {
        let dynamodb = settings.dynamodb.as_deref();
        let connections = Some(&*settings.connections).filter(|url| !url.is_empty()).or(dynamodb);
        let sqs = settings.sqs.as_deref().or(dynamodb);
        let http = http_client([dynamodb, connections, sqs], settings.trust);
        let dynamo = dynamo(&settings.region, dynamodb, http.clone(), from_environment(), tries);
        // An endpoint without TLS is on this machine, and has no TLS handshake to wait for.
        if !is_plain(dynamodb) {
            connect_ahead(&dynamo).await;
        }
        Self { settings: settings.clone(), dynamo, http }
    }

    /// A client of SQS.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let Settings { region, sqs, .. } = &self.settings;
        let config = config(region, sqs.as_deref(), self.http.clone(), from_environment());
        let config = config.timeout_config(timeouts(ATTEMPT_TIMEOUT, OPERATION_TIMEOUT));
        let config = config.retry_config(Tries::Patient.config());
        let config = aws_sdk_sqs::config::Builder::from(&config.build()).interceptor(Traced);
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// A client of `@connections`. Its calls are best effort, so they are tried once.
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

/// A client of a DynamoDB engine on this machine, which accepts any credentials.
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

/// The configuration of a client for an endpoint that a person names. Region and credentials are those of the
/// environment, or those for services on this machine. A call is tried once and may take this long.
pub fn endpoint_config(lookup: &impl Lookup, endpoint: &str, patience: Duration) -> SdkConfig {
    let region = lookup.get(variable::REGION).unwrap_or_else(|| LOCAL_REGION.to_owned());
    let http = http_client([Some(endpoint)], Trust::Native);
    let config = config(&region, Some(endpoint), http, credentials(Some(endpoint)));
    config.timeout_config(timeouts(patience, patience)).retry_config(RetryConfig::disabled()).build()
}

/// Why the AWS account can't be determined.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// Neither the environment nor a profile names a region.
    #[error("no region is named")]
    Region,
    /// Nothing names credentials.
    #[error("there are no credentials")]
    NoCredentials,
    /// The source of the credentials failed.
    #[error("the credentials can't be obtained")]
    Credentials(#[source] CredentialsError),
}

/// The configuration of a client for the account of the person who runs this program. Region and credentials are those
/// that AWS's own tools would use (environment, profile, container, instance), without single sign-on, which would link
/// two more services. For an endpoint without TLS, it is that of [`endpoint_config`]. A call may take this long.
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

/// The environment's credentials. For an endpoint without TLS, those for services on this machine if the environment
/// has none.
pub(crate) fn credentials(endpoint: Option<&str>) -> SharedCredentialsProvider {
    if !is_plain(endpoint) {
        return SharedCredentialsProvider::new(from_environment());
    }
    let chain = CredentialsProviderChain::first_try("Environment", from_environment());
    SharedCredentialsProvider::new(chain.or_else("Local", local_credentials()))
}

/// Credentials for services on this machine, which accept any.
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

/// Lambda passes a function its credentials in the environment, and replaces the process before they expire.
fn from_environment() -> EnvironmentVariableCredentialsProvider {
    EnvironmentVariableCredentialsProvider::new()
}

/// This is not `aws_config::load`, which would read files that a function does not have, and link the code that reads
/// them.
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

//! Looks at an endpoint that a person names: the version of LocalStack there, and the functions that are deployed to
//! it.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationError;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use rollcall_aws::variable;
use rollcall_service::chain;
use rollcall_stack::{CONNECT, FUNCTIONS};
use serde::Deserialize;

use crate::deploy::environment_of;

/// The oldest LocalStack that Rollcall was tested with.
const OLDEST: (u32, u32) = (4, 9);
/// How long the endpoint may take to answer the question for its version.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// LocalStack's answer at `/_localstack/health`.
#[derive(Deserialize)]
struct Health {
    version: String,
}

/// The version of the LocalStack at this endpoint, if it is too old to be used. `None` if it is not too old, or if no
/// LocalStack answers there.
pub async fn outdated_localstack(endpoint: &str) -> Option<String> {
    // LocalStack serves TLS, too, but an endpoint with https:// is taken for AWS.
    let url = format!("{}/_localstack/health", endpoint.trim_end_matches('/')).parse::<http::Uri>().ok()?;
    if url.scheme_str() != Some("http") {
        return None;
    }
    let request = async {
        let client = Http::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let answer = client.get(url).await.ok()?;
        answer.into_body().collect().await.ok().map(http_body_util::Collected::to_bytes)
    };
    let health = tokio::time::timeout(HEALTH_TIMEOUT, request).await.ok()??;
    let Health { version } = serde_json::from_slice(&health).ok()?;
    is_outdated(&version).then_some(version)
}

fn is_outdated(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next()) < OLDEST
}

/// The settings of the functions that are deployed at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedSettings {
    /// The name of the table; empty if they have none.
    pub table: String,
    /// The URL at which they call `@connections`; empty if they have none.
    pub connections: String,
}

/// Why the functions at an endpoint can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeployed {
    /// No function has this name.
    #[error("there is no function {0}")]
    Missing(String),
    /// The endpoint does not answer, for this reason.
    #[error("the endpoint does not answer: {0}")]
    Unreachable(String),
}

/// The settings of the functions with this prefix. `None` if the endpoint serves only the `Invoke` API of Lambda and so
/// does not show them.
///
/// # Errors
/// If a function is missing, or the endpoint does not answer.
pub async fn deployed_settings(client: &Client, prefix: &str) -> Result<Option<DeployedSettings>, NotDeployed> {
    let mut settings = None;
    for function in FUNCTIONS {
        let name = format!("{prefix}{function}");
        let configuration = client.get_function_configuration().function_name(&name).send().await;
        match configuration {
            Ok(configuration) if function == CONNECT => {
                let mut environment = environment_of(&configuration);
                let mut take = |name: &str| environment.remove(name).unwrap_or_default();
                let (table, connections) = (take(variable::TABLE), take(variable::CONNECTIONS_URL));
                settings = Some(DeployedSettings { table, connections });
            }
            Ok(_) => {}
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetFunctionConfigurationError::is_resource_not_found_exception) =>
            {
                return Err(NotDeployed::Missing(name));
            }
            Err(error @ (SdkError::DispatchFailure(_) | SdkError::TimeoutError(_))) => {
                return Err(NotDeployed::Unreachable(chain(&error)));
            }
            Err(_) => return Ok(None),
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for old in ["0.14.2", "3.8.1", "4.8.9", "4"] {
            assert!(is_outdated(old), "{old}");
        }
        for new in ["4.9.2", "4.14.0", "5.0.0.dev1", "2026.3.0"] {
            assert!(!is_outdated(new), "{new}");
        }
    }
}

//! What is at an endpoint that a person names.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationError;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use rollcall_aws::{chain, variable};
use serde::Deserialize;

use crate::deploy::environment_of;
use crate::functions::{CONNECT, FUNCTIONS};

/// The oldest LocalStack that Rollcall was tried on.
const OLDEST: (u32, u32) = (4, 9);
/// How long it may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// What LocalStack says of itself at `/_localstack/health`.
#[derive(Deserialize)]
struct Health {
    version: String,
}

/// The version of a LocalStack at this endpoint that is too old to be used; nothing if there is none, or it is not too
/// old.
pub async fn outdated_localstack(endpoint: &str) -> Option<String> {
    // LocalStack also serves TLS, but nobody who names https:// means it.
    let url = format!("{}/_localstack/health", endpoint.trim_end_matches('/')).parse::<http::Uri>().ok()?;
    if url.scheme_str() != Some("http") {
        return None;
    }
    let asked = async {
        let client = Http::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let answer = client.get(url).await.ok()?;
        answer.into_body().collect().await.ok().map(http_body_util::Collected::to_bytes)
    };
    let health = tokio::time::timeout(PATIENCE, asked).await.ok()??;
    let Health { version } = serde_json::from_slice(&health).ok()?;
    is_outdated(&version).then_some(version)
}

fn is_outdated(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next()) < OLDEST
}

/// What the functions that Lambda has were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedSettings {
    /// Their table's name.
    pub table: String,
    /// Where they call `@connections`.
    pub connections: String,
}

/// Functions that can't be used, as far as can be seen before one is invoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeployed {
    /// This one is not there.
    #[error("there is no function {0}")]
    Missing(String),
    /// Nobody answers, for this reason.
    #[error("nobody answers: {0}")]
    Unreachable(String),
}

/// What the functions were told; nothing if Lambda can't be asked, because nothing but its `Invoke` is served.
///
/// # Errors
/// If one of them is not there, or nobody answers.
pub async fn deployed_settings(client: &Client, prefix: &str) -> Result<Option<DeployedSettings>, NotDeployed> {
    let mut settings = None;
    for function in FUNCTIONS {
        let name = format!("{prefix}{function}");
        let there = client.get_function_configuration().function_name(&name).send().await;
        match there {
            Ok(there) if function == CONNECT => {
                let mut environment = environment_of(&there);
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

//! Creates and updates the functions in Lambda.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::error::{BoxError, SdkError};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use bytes::Bytes;
use rollcall_gateway::{Invoke as _, InvokeError};
use rollcall_stack::{FunctionSettings, MEMORY_MB, environment, timeout};

use crate::invoke::LambdaInvoke;
use crate::package::{Package, PackageError};

/// How long a function may take until it can be invoked after a change.
const READY_TIMEOUT: Duration = Duration::from_mins(2);
/// How long a call may take that changes a function. It carries the code: 10 MB take 80 s at 1 Mbit/s; and LocalStack
/// needs long for it on a machine that has much to do.
const CHANGE_TIMEOUT: Duration = Duration::from_mins(5);
/// The first and the longest pause between two looks at its state. Each pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// The alias in `infra/template.yaml` that points to the deployed version.
const ALIAS: &str = "live";
/// An event that names no node and no request. Every function answers it, with an error, and does nothing.
const PROBE: &[u8] = br#"{"methodArn":""}"#;

/// What a deployment changed of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    /// The function did not exist.
    Created,
    /// Its code, its settings or both have changed.
    Updated,
    /// Code and settings were already as desired.
    Unchanged,
}

impl Deployed {
    /// The word for it in the output of `rollcall deploy`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// Why a function could not be deployed.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The zip of the function could not be made.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Lambda refused a call, or could not be reached.
    #[error("{function} can't be {attempted}")]
    Refused {
        /// Its name in Lambda.
        function: String,
        /// The participle of the call: "created", "looked up".
        attempted: &'static str,
        source: BoxError,
    },
    /// Lambda accepted the change, but could not apply it, or not in time.
    #[error("{function} can't be used: {reason}")]
    Unusable {
        /// Its name in Lambda.
        function: String,
        /// The reason that Lambda gives.
        reason: String,
    },
    /// The function is deployed, but its program ends when it starts.
    #[error("{function} is deployed, but does not start: {reason}")]
    DoesNotStart {
        /// Its name in Lambda.
        function: String,
        /// Its last log line; or Lambda's error, if it logged none.
        reason: String,
    },
}

/// Where the functions are deployed, and with which settings.
#[derive(Debug)]
pub struct Target<'a> {
    /// A client of the Lambda API.
    pub client: &'a Client,
    /// Prefix of the functions' names in Lambda.
    pub prefix: &'a str,
    /// ARN of the role that the functions run as.
    pub role: &'a str,
    /// The source of each function's environment variables.
    pub settings: &'a FunctionSettings,
}

impl Target<'_> {
    /// Creates or updates the function, and invokes it once to check that it starts.
    ///
    /// # Errors
    /// If Lambda refuses it, or it does not start with its settings; the error then names the variable that is wrong.
    pub async fn deploy(&self, function: &str, package: &Package) -> Result<Deployed, DeployError> {
        let name = format!("{}{function}", self.prefix);
        let desired = environment(function, self.settings);
        let outcome = match self.client.get_function_configuration().function_name(&name).send().await {
            Ok(current) => self.update(function, &current, package, desired).await?,
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
                self.create(function, package, desired).await?;
                Deployed::Created
            }
            Err(error) => return Err(refused(&name, "looked up", error)),
        };
        self.check_start(function, &name).await?;
        Ok(outcome)
    }

    /// Overrides environment variables of a function that `infra/deploy` deployed. Its other variables stay as they
    /// were deployed; everything else about it stays as it is. Returns whether the function exists.
    ///
    /// # Errors
    /// If Lambda refuses the change, or the function does not start with the new variables.
    pub async fn tell(&self, function: &str) -> Result<bool, DeployError> {
        let name = format!("{}{function}", self.prefix);
        let alias = match self.client.get_alias().function_name(&name).name(ALIAS).send().await {
            Ok(alias) => alias,
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => return Ok(false),
            Err(error) => return Err(refused(&name, "looked up", error)),
        };
        // The version behind the alias has the variables as deployed. $LATEST may have those of an earlier override.
        let version = alias.function_version().unwrap_or_default();
        let deployed = self.client.get_function_configuration().function_name(&name).qualifier(version).send().await;
        let mut merged = environment_of(&deployed.map_err(|error| refused(&name, "looked up", error))?);
        merged.extend(environment(function, self.settings));
        let update = self.client.update_function_configuration().function_name(&name).environment(variables(merged));
        update
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(|error| refused(&name, "given its new settings", error))?;
        self.wait_until_usable(&name).await?;
        self.check_start(function, &name).await.map(|()| true)
    }

    async fn create(
        &self,
        function: &str,
        package: &Package,
        environment: BTreeMap<String, String>,
    ) -> Result<(), DeployError> {
        let name = &*format!("{}{function}", self.prefix);
        let code = FunctionCode::builder().zip_file(Blob::new(package.zip.clone())).build();
        let create = self.client.create_function().function_name(name).role(self.role).code(code);
        let create = create.runtime(Runtime::Providedal2023).handler("bootstrap").architectures(architecture());
        let create = create.memory_size(memory()).timeout(timeout_s(function)).environment(variables(environment));
        create.customize().config_override(patient()).send().await.map_err(|error| refused(name, "created", error))?;
        self.wait_until_usable(name).await
    }

    async fn update(
        &self,
        function: &str,
        current: &GetFunctionConfigurationOutput,
        package: &Package,
        desired: BTreeMap<String, String>,
    ) -> Result<Deployed, DeployError> {
        let name = &*format!("{}{function}", self.prefix);
        let mut outcome = Deployed::Unchanged;
        if current.code_sha256() != Some(&package.sha256) {
            let update = self.client.update_function_code().function_name(name).architectures(architecture());
            let update = update.zip_file(Blob::new(package.zip.clone()));
            update
                .customize()
                .config_override(patient())
                .send()
                .await
                .map_err(|error| refused(name, "given its new code", error))?;
            self.wait_until_usable(name).await?;
            outcome = Deployed::Updated;
        }
        let same = current.timeout() == Some(timeout_s(function))
            && current.memory_size() == Some(memory())
            && current.role() == Some(self.role)
            && environment_of(current) == desired;
        if !same {
            let update = self.client.update_function_configuration().function_name(name).role(self.role);
            let update = update.memory_size(memory()).timeout(timeout_s(function)).environment(variables(desired));
            update
                .customize()
                .config_override(patient())
                .send()
                .await
                .map_err(|error| refused(name, "given its new settings", error))?;
            self.wait_until_usable(name).await?;
            outcome = Deployed::Updated;
        }
        Ok(outcome)
    }

    /// Waits until Lambda has applied the last change.
    async fn wait_until_usable(&self, name: &str) -> Result<(), DeployError> {
        let unusable = |reason: Option<&str>| DeployError::Unusable {
            function: name.to_owned(),
            reason: reason.unwrap_or("Lambda gives no reason").to_owned(),
        };
        let settled = async {
            let mut pause = FIRST_PAUSE;
            loop {
                let current = self.client.get_function_configuration().function_name(name).send().await;
                let current = current.map_err(|error| refused(name, "looked up", error))?;
                match (current.state(), current.last_update_status()) {
                    (Some(State::Failed), _) => return Err(unusable(current.state_reason())),
                    (_, Some(LastUpdateStatus::Failed)) => return Err(unusable(current.last_update_status_reason())),
                    (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => {}
                    _ => return Ok(()),
                }
                tokio::time::sleep(pause).await;
                pause = LONGEST_PAUSE.min(2 * pause);
            }
        };
        let timed_out = || Err(unusable(Some("Lambda did not apply the change in time")));
        tokio::time::timeout(READY_TIMEOUT, settled).await.unwrap_or_else(|_| timed_out())
    }

    /// Invokes the function once: only its program can tell whether its variables are valid.
    async fn check_start(&self, function: &str, name: &str) -> Result<(), DeployError> {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let sink = Arc::clone(&lines);
        let logs = move |_: &str, line: &str| sink.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
        let invoke = LambdaInvoke::new(self.client.clone(), self.prefix, Arc::new(logs));
        let reason = match invoke.invoke(function, Bytes::from_static(PROBE)).await {
            Ok(_) => return Ok(()),
            // Lambda's own errors begin with "Runtime.". Any other is the function's answer to the event, so it
            // started.
            Err(InvokeError::Function { kind, .. }) if !kind.starts_with("Runtime.") => return Ok(()),
            Err(error) => error.to_string(),
        };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = lines.last().map_or(reason, |line| line.trim_start_matches("Error: ").to_owned());
        Err(DeployError::DoesNotStart { function: name.to_owned(), reason })
    }
}

/// For calls that change a function.
fn patient() -> aws_sdk_lambda::config::Builder {
    let timeouts = TimeoutConfig::builder();
    let timeouts = timeouts.operation_attempt_timeout(CHANGE_TIMEOUT).operation_timeout(CHANGE_TIMEOUT);
    aws_sdk_lambda::Config::builder().timeout_config(timeouts.build())
}

/// The environment variables of a deployed function.
pub(crate) fn environment_of(deployed: &GetFunctionConfigurationOutput) -> BTreeMap<String, String> {
    let variables = deployed.environment().and_then(|environment| environment.variables());
    variables.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn variables(environment: BTreeMap<String, String>) -> Environment {
    Environment::builder().set_variables(Some(environment.into_iter().collect())).build()
}

/// The functions are built on this machine, and so for its architecture.
fn architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X8664 }
}

fn timeout_s(function: &str) -> i32 {
    i32::try_from(timeout(function).as_secs()).unwrap_or(i32::MAX)
}

fn memory() -> i32 {
    i32::try_from(MEMORY_MB).unwrap_or(i32::MAX)
}

fn refused(
    function: &str,
    attempted: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> DeployError {
    DeployError::Refused { function: function.to_owned(), attempted, source: Box::new(error) }
}

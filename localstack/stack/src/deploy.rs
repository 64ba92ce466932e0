//! Creating the functions in Lambda, or bringing them up to date.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{BoxError, SdkError};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use bytes::Bytes;
use rollcall_gateway::{Invoke as _, InvokeError};

use crate::functions::{FunctionSettings, MEMORY_MB, TIMEOUT, environment};
use crate::lambda::LambdaInvoke;
use crate::package::{Package, PackageError};

/// How long a function may take until it can be used; how soon that is looked at, and how often at last.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK_SOON: Duration = Duration::from_millis(10);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The alias of `infra/template.yaml` for what is deployed.
const ALIAS: &str = "live";
/// What every function answers without doing anything: an event of nobody.
const NOBODY: &[u8] = br#"{"methodArn":""}"#;

/// What happened to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployed {
    /// It is new.
    Created,
    /// Its code, its settings or both are new.
    Updated,
    /// It was like this already.
    Unchanged,
}

impl Deployed {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A function that is not deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// It can't be packed.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Lambda does not take it.
    #[error("{function} can't be {attempted}")]
    Refused {
        /// Its name in Lambda.
        function: String,
        /// What was tried.
        attempted: &'static str,
        /// Why not.
        source: BoxError,
    },
    /// Lambda took it, and can't run it.
    #[error("{function} can't be used: {reason}")]
    Unusable {
        /// Its name in Lambda.
        function: String,
        /// What Lambda says.
        reason: String,
    },
    /// It was deployed, and does not start.
    #[error("{function} is deployed and does not start: {reason}")]
    DoesNotStart {
        /// Its name in Lambda.
        function: String,
        /// What it said.
        reason: String,
    },
}

/// What a function is to be in Lambda.
#[derive(Debug)]
pub struct Target<'a> {
    /// Lambda.
    pub client: &'a Client,
    /// What its name begins with.
    pub prefix: &'a str,
    /// The role that it runs as.
    pub role: &'a str,
    /// What it is told.
    pub settings: &'a FunctionSettings,
}

impl Target<'_> {
    /// Creates the function or brings it up to date, and shows that it starts.
    ///
    /// # Errors
    /// If Lambda does not take it, or it does not start with what it is told; the error says which variable is wrong.
    pub async fn deploy(&self, function: &str, package: &Package) -> Result<Deployed, DeployError> {
        let name = format!("{}{function}", self.prefix);
        let desired = environment(function, self.settings);
        let done = match self.client.get_function_configuration().function_name(&name).send().await {
            Ok(there) => self.update(&name, &there, package, desired).await?,
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
                self.create(&name, package, desired).await?;
                Deployed::Created
            }
            Err(error) => return Err(refused(&name, "looked up", error)),
        };
        self.starts(function, &name).await?;
        Ok(done)
    }

    /// Tells a function of a stack of `infra/deploy` something else. What that was told besides stays, as everything else
    /// about it does. Says whether it is there.
    ///
    /// # Errors
    /// If Lambda does not take it, or it does not start with what it is told.
    pub async fn tell(&self, function: &str) -> Result<bool, DeployError> {
        let name = format!("{}{function}", self.prefix);
        let alias = match self.client.get_alias().function_name(&name).name(ALIAS).send().await {
            Ok(alias) => alias,
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => return Ok(false),
            Err(error) => return Err(refused(&name, "looked up", error)),
        };
        // This version is what was deployed, whatever was told since.
        let version = alias.function_version().unwrap_or_default();
        let deployed = self.client.get_function_configuration().function_name(&name).qualifier(version).send().await;
        let mut told = environment_of(&deployed.map_err(|error| refused(&name, "looked up", error))?);
        told.extend(environment(function, self.settings));
        let update = self.client.update_function_configuration().function_name(&name).environment(variables(told));
        update.send().await.map_err(|error| refused(&name, "given its new settings", error))?;
        self.usable(&name).await?;
        self.starts(function, &name).await.map(|()| true)
    }

    async fn create(
        &self,
        name: &str,
        package: &Package,
        environment: BTreeMap<String, String>,
    ) -> Result<(), DeployError> {
        let code = FunctionCode::builder().zip_file(Blob::new(package.zip.clone())).build();
        let create = self.client.create_function().function_name(name).role(self.role).code(code);
        let create = create.runtime(Runtime::Providedal2023).handler("bootstrap").architectures(architecture());
        let create = create.memory_size(memory()).timeout(timeout()).environment(variables(environment));
        create.send().await.map_err(|error| refused(name, "created", error))?;
        self.usable(name).await
    }

    async fn update(
        &self,
        name: &str,
        there: &GetFunctionConfigurationOutput,
        package: &Package,
        desired: BTreeMap<String, String>,
    ) -> Result<Deployed, DeployError> {
        let mut done = Deployed::Unchanged;
        if there.code_sha256() != Some(&package.sha256) {
            let update = self.client.update_function_code().function_name(name).architectures(architecture());
            let update = update.zip_file(Blob::new(package.zip.clone()));
            update.send().await.map_err(|error| refused(name, "given its new code", error))?;
            self.usable(name).await?;
            done = Deployed::Updated;
        }
        let same = there.timeout() == Some(timeout())
            && there.memory_size() == Some(memory())
            && there.role() == Some(self.role)
            && environment_of(there) == desired;
        if !same {
            let update = self.client.update_function_configuration().function_name(name).role(self.role);
            let update = update.memory_size(memory()).timeout(timeout()).environment(variables(desired));
            update.send().await.map_err(|error| refused(name, "given its new settings", error))?;
            self.usable(name).await?;
            done = Deployed::Updated;
        }
        Ok(done)
    }

    /// Waits until what was last asked for is done.
    async fn usable(&self, name: &str) -> Result<(), DeployError> {
        let unusable = |reason: Option<&str>| DeployError::Unusable {
            function: name.to_owned(),
            reason: reason.unwrap_or("Lambda does not say why").to_owned(),
        };
        let settled = async {
            let mut pause = LOOK_SOON;
            loop {
                let there = self.client.get_function_configuration().function_name(name).send().await;
                let there = there.map_err(|error| refused(name, "looked up", error))?;
                match (there.state(), there.last_update_status()) {
                    (Some(State::Failed), _) => return Err(unusable(there.state_reason())),
                    (_, Some(LastUpdateStatus::Failed)) => return Err(unusable(there.last_update_status_reason())),
                    (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => {}
                    _ => return Ok(()),
                }
                tokio::time::sleep(pause).await;
                pause = LOOK_AGAIN.min(2 * pause);
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap_or_else(|_| Err(unusable(Some("it takes too long"))))
    }

    /// Whether it starts: only it knows whether what it is told makes sense.
    async fn starts(&self, function: &str, name: &str) -> Result<(), DeployError> {
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&said);
        let listen = move |_: &str, line: &str| heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
        let invoke = LambdaInvoke::new(self.client.clone(), self.prefix, Arc::new(listen));
        let reason = match invoke.invoke(function, Bytes::from_static(NOBODY)).await {
            Ok(_) => return Ok(()),
            // It started: that is its own answer to an event of nobody.
            Err(InvokeError::Function { kind, .. }) if !kind.starts_with("Runtime.") => return Ok(()),
            Err(error) => error.to_string(),
        };
        let said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = said.last().map_or(reason, |line| line.trim_start_matches("Error: ").to_owned());
        Err(DeployError::DoesNotStart { function: name.to_owned(), reason })
    }
}

/// What a deployed function is told.
pub(crate) fn environment_of(there: &GetFunctionConfigurationOutput) -> BTreeMap<String, String> {
    let variables = there.environment().and_then(|environment| environment.variables());
    variables.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn variables(environment: BTreeMap<String, String>) -> Environment {
    Environment::builder().set_variables(Some(environment.into_iter().collect())).build()
}

/// The functions are built here, so they are for machines like this one.
fn architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X8664 }
}

fn timeout() -> i32 {
    i32::try_from(TIMEOUT.as_secs()).unwrap_or(i32::MAX)
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

//! Functions that Lambda runs somewhere else: LocalStack's Lambda, or whatever serves the same API. They are invoked,
//! deployed, and asked what they were deployed with. The SDK of Lambda is linked here and nowhere else, because it takes
//! long to build and the local cloud does not need it.

mod deploy;
mod invoke;
mod localstack;
mod package;

pub use deploy::{DeployError, Deployed, Target};
pub use invoke::{LambdaInvoke, lambda_client};
pub use localstack::{DeployedSettings, NotDeployed, deployed_settings, outdated_localstack};
pub use package::{Package, PackageError};

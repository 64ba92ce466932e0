//! What asks AWS's own services: `CloudFormation`, and Lambda's API. Their SDKs take long to build and the local cloud
//! needs neither. So `cargo up` builds this command without them (without the feature `aws`).

#[cfg(not(feature = "aws"))]
mod absent;
#[cfg(feature = "aws")]
mod deploy;
#[cfg(feature = "aws")]
mod elsewhere;
#[cfg(feature = "aws")]
mod outputs;

#[cfg(not(feature = "aws"))]
pub(crate) use absent::{deploy, elsewhere, output};
#[cfg(feature = "aws")]
pub(crate) use deploy::run as deploy;
#[cfg(feature = "aws")]
pub(crate) use elsewhere::elsewhere;
#[cfg(feature = "aws")]
pub(crate) use outputs::output;

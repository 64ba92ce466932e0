//! `rollcall simulate`: a fleet with faults on real sockets. It takes long to build, and the local cloud does not need it.
//! So `cargo up` builds this command without it (without the feature `simulate`).

#[cfg(not(feature = "simulate"))]
mod absent;
#[cfg(feature = "simulate")]
mod apart;
#[cfg(feature = "simulate")]
mod cloud;
#[cfg(feature = "simulate")]
mod hosting;
#[cfg(feature = "simulate")]
mod orders;
#[cfg(feature = "simulate")]
mod present;
#[cfg(feature = "simulate")]
mod result;

#[cfg(not(feature = "simulate"))]
pub(crate) use absent::{host, run};
#[cfg(feature = "simulate")]
pub(crate) use hosting::run as host;
#[cfg(feature = "simulate")]
pub(crate) use present::run;

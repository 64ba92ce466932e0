//! `rollcall simulate`: a fleet with faults on real sockets. It takes long to build, and the local cloud does not need it.
//! So `cargo up` builds this command without it (without the feature `simulate`).

#[cfg(not(feature = "simulate"))]
mod absent;
#[cfg(feature = "simulate")]
mod cloud;
#[cfg(feature = "simulate")]
mod present;
#[cfg(feature = "simulate")]
mod result;

#[cfg(not(feature = "simulate"))]
pub(crate) use absent::run;
#[cfg(feature = "simulate")]
pub(crate) use present::run;

//! Faults of the local cloud, switched while it runs.
//!
//! [`Chaos::between`] stands between the gateway and the functions. [`Chaos::before`] stands before DynamoDB or before
//! `@connections`. What they do wrong is in [`Troubles`], which can be changed at any time. [`Chaos::hits`] counts each
//! time that a fault really happened.

mod before;
mod between;
mod chaos;
mod troubles;

pub use before::{Before, Service};
pub use chaos::{Chaos, Kill};
pub use troubles::{Disconnects, Troubles};

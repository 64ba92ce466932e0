//! A deterministic simulation of Rollcall: the real rules, service code and node library, in a world of virtual time.
//!
//! One thread, one seed: the same plan gives the same run, to the byte. The world has a gateway, functions, a store,
//! networks, devices and an application; everything that is seen of it goes to an oracle, which judges it.
//!
//! ```text
//! run(plan) -> Outcome        the digest, the violations, what was covered, and figures
//! ```

pub mod alone;
mod application;
mod bucket;
mod call;
mod clocks;
mod device;
mod draw;
mod event;
mod exchanges;
mod faults;
mod flash;
mod gateway;
mod granting;
mod ground;
mod hands;
mod handshake;
mod images;
mod invoking;
mod kernel;
mod lambda;
mod living;
mod management;
mod meddling;
mod network;
mod outbound;
mod poller;
mod polling;
mod program;
mod said;
mod schedules;
mod service;
mod slab;
mod socketed;
mod steps;
mod store;
mod table;
mod tries;
mod witness;
mod world;

mod run;

pub use meddling::Meddling;
pub use run::{Outcome, run, run_and_keep, run_meddled_with};
pub use service::SetupError;
pub use world::Counts;

//! Simulated fleets: what happens to one (a plan), the application beside it, and the oracle that judges what was seen.
//!
//! Everything here is pure and synchronous: no network, no disk, no clock. A *world* carries a plan out, in virtual time
//! or on real sockets, and tells the oracle what happens:
//!
//! ```text
//! Plan::generate(seed, nodes, days) -> Plan          what happens, and when
//! Application                         Ask -> AppRequest -> answer -> done, or again later
//! Oracle::observe(&Observation)       what was seen, in the order of true time
//! Oracle::finish(now, stored)         violations, and what was covered
//! shrink(&Plan, most, fails, progress)  a short plan that shows the same violation
//! ```
//!
//! All instants are true time, in milliseconds since 1970. The clocks of hosts and nodes differ from it.

mod application;
mod catalogue;
mod coverage;
mod observation;
mod oracle;
mod plan;
mod shrink;
mod violation;

pub use application::{AppAnswer, AppRequest, Application, Next};
pub use catalogue::{
    ACTOR, Act, FIRST_FIRMWARE, command_act, command_name, delivery_schedule, document, firmware_version, flood_text,
};
pub use catalogue::{delta_key, has_base_image, image, image_sha256, made_of, object_key};
pub use coverage::{Coverage, EXPECTED};
pub use observation::{Device, How, Observation, Seen};
pub use oracle::Oracle;
pub use plan::{Ask, BadConfig, BadDelta, BadImage, Match, NodeKind, NodePlan, Plan, PlanError, Settings, Step, What};
pub use plan::{RolloutDeed, RolloutPlan, RolloutWhat, rollout_name};
pub use shrink::{Progress, shrink};
pub use violation::{Violation, ViolationKind};

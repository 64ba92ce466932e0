//! Model checking of one node's item: two connections, a poll, both sweeps, and the application, which sets
//! configurations and revokes the node. Their requests to DynamoDB and to `@connections` come in every order; answers
//! are lost after the write was stored; API Gateway delivers events late, twice or never.
//!
//! The model decides nothing itself. Each of its steps calls the rules ([`rollcall_core::plan`],
//! [`rollcall_core::Update::apply`], [`rollcall_core::settle`]) as the functions do. It only holds what is stored, what
//! each invocation does next, and what has been told to whom. [stateright] visits every state that can be reached
//! within the bounds of a [`Scenario`], and checks every [property](crate::property) in it.
//!
//! The same model runs designs that the decisions in `docs/adr` reject ([`wrong_designs`]), and the rules without one
//! of their conditions ([`missing_conditions`]). The checker finds a history for each of them that breaks a property. It
//! also finds one beyond each limit that the rules take for granted ([`limits`]).
//!
//! [stateright]: https://www.stateright.rs

mod action;
mod answer;
mod bounds;
mod check;
mod config;
mod console;
mod deeds;
mod fault;
mod guards;
mod limit;
mod missing;
mod model;
mod monitor;
mod possible;
mod process;
pub mod property;
mod reached;
mod report;
mod rules;
mod scenario;
mod settled;
mod socket;
mod state;
mod step;
mod store;
mod stored;
mod sweep;
mod task;
mod variant;
mod words;
mod world;
mod wrong;

pub use bounds::Bounds;
pub use check::{Checked, Counterexample, check, counterexample};
pub use limit::limits;
pub use missing::missing_conditions;
pub use property::properties;
pub use reached::Outcome;
pub use report::{Caught, Report, Told};
pub use rules::Rules;
pub use scenario::{Scenario, scenarios};
pub use variant::Variant;
pub use world::World;
pub use wrong::wrong_designs;

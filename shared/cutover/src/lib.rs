//! Speaking for a legacy polling endpoint: what its requests say of a node, how its answers are made, and how two answers
//! differ.
//!
//! A [`Mapping`] describes the endpoint; it is written by people. A [`Dialect`] is a mapping that was checked. Nothing here
//! sends anything, reads a clock, or draws a random number.

mod answer;
mod check;
mod compare;
mod dialect;
mod hop;
mod mapping;
mod path;
mod place;
mod reading;
mod sample;
mod template;

pub use answer::{Answer, CommandNews, ConfigNews, FirmwareNews, News};
pub use compare::compare;
pub use dialect::{Dialect, Heard, Incoming, Mistakes, Unreadable};
pub use hop::is_hop;
#[cfg(feature = "schema")]
pub use mapping::schema;
pub use mapping::{AnswerMap, Application, ConfigMap, HealthMap, Mapping, NodeFormat, RequestMap, ResultMap};
pub use place::{InvalidPlace, Place};
pub use sample::{BadSample, Sample};

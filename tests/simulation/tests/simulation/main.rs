//! The simulation as a whole: it is deterministic, the promises hold in it, and it notices what breaks them.

mod determinism;
mod noticing;
mod promises;

//! What runs for long does not grow with what it has handled.

mod cloud;
mod engine;
mod functions;
mod life;
mod memory;

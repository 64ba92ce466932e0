//! What runs for long does not grow with what it has handled.

mod cloud;
mod comings;
mod engine;
mod functions;
mod life;
mod memory;
mod redeploys;

//! What each function does, as a library over traits.
//!
//! A function's program only connects this library to AWS. Tests and simulations run the same code over other stores
//! and connections. Nothing here reads a clock, an environment or a random number: the times of an event come with it.
//!
//! Every event of a node takes the same steps: [`record`](fn@record) plans, writes and settles it; then its effects are
//! carried out; then the reply goes out.

mod cache;
mod check_in;
mod clock;
mod commands;
mod connect;
mod connections;
pub mod console;
mod disconnect;
mod documents;
mod error;
mod firmware;
pub mod http;
mod memory;
mod message;
mod news;
mod poll;
mod record;
mod reply;
mod report;
mod socket;
mod store;

pub use check_in::CheckIns;
pub use clock::Clock;
pub use connect::{SUBPROTOCOL_HEADER, connect};
pub use connections::{ConnectionError, Connections, Delivery, NoConnections};
pub use disconnect::disconnect;
pub use documents::Documents;
pub use error::chain;
pub use firmware::{Firmware, ImageError, Images, SignError, Signer, URL_EXPIRES_IN_S};
pub use memory::MemoryStore;
pub use message::unknown_connection;
pub use poll::Polls;
pub use record::{RecordError, Recorded, carry_out, record};
pub use socket::{Answer, Socket};
pub use store::{Page, PageKey, Store, StoreError, Units, Written};

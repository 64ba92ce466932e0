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
mod counting;
mod cutover;
mod deleting;
mod deliver;
mod disconnect;
mod documents;
mod error;
mod event_log;
mod feed;
mod firmware;
pub mod http;
mod memory;
mod memory_queue;
mod message;
mod news;
mod outgoing;
mod poll;
mod queue;
mod record;
mod reply;
mod report;
mod socket;
mod store;
mod sweep;
mod webhook;
mod webhook_url;

pub use check_in::CheckIns;
pub use clock::Clock;
pub use connect::{SUBPROTOCOL_HEADER, connect};
pub use connections::{ConnectionError, Connections, Delivery, NoConnections};
pub use counting::CountError;
pub use cutover::{CUTOVER_WAIT_MS, Cutovers, Deadline, Forwarded, Passed, Upstream, UpstreamError};
pub use deliver::Deliveries;
pub use disconnect::disconnect;
pub use documents::Documents;
pub use error::chain;
pub use event_log::{KEEP_EVENTS_S, LogError};
pub use feed::{Change, Feed, FeedError, Unreadable};
pub use firmware::{Firmware, ImageError, Images, SignError, Signer, URL_EXPIRES_IN_S};
pub use memory::MemoryStore;
pub use memory_queue::MemoryQueue;
pub use message::unknown_connection;
pub use outgoing::{ENDPOINTS, EventHead, NoEvent, Outgoing, endpoints, message, outgoing, rfc3339};
pub use poll::Polls;
pub use queue::{Message, Queue, QueueError, Received};
pub use record::{RecordError, Recorded, carry_out, record};
pub use socket::{Answer, Socket};
pub use store::{BATCH, Beside, Order, Page, PageKey, Segment, Store, StoreError, Units, Written};
pub use sweep::{SweepError, Sweeps, Swept};
pub use webhook::{CLOUD_EVENT, Post, Posted, Webhooks, post, public_key, secret};
pub use webhook_url::{Host, InvalidUrl, PrivateAddresses, Resolver, Target};

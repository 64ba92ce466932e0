//! What the whole-system tests and benchmarks stand on: the cloud on loopback with faults to inject, raw sockets, and
//! waiting for what really happened instead of for time to pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that can't go on says so"
)]

mod anywhere;
mod api;
mod backend;
mod benchmark;
mod calls;
mod cloud;
mod deployed;
mod functions;
mod hold;
mod http;
mod journal;
mod program;
mod proxy;
mod python;
mod s3;
mod slot;
mod socket;
mod tls;
mod turn;
mod typescript;
mod user;
mod watched;

pub use anywhere::Anywhere;
pub use api::Api;
pub use backend::{Backend, localstack_dynamodb};
pub use benchmark::{benchmark_cloud, benchmark_options};
pub use cloud::{Cloud, Options, now, policy};
pub use functions::{functions, strip};
pub use hold::{hold, hold_answers};
pub use http::{Http, HttpReply, READ_KEY, WRITE_KEY};
pub use journal::Journal;
pub use program::{Ended, Program, kill};
pub use proxy::{Fault, FaultProxy};
pub use python::{install_python, python, scripts};
pub use s3::S3;
pub use socket::{Frame, Socket, refused};
pub use tls::TlsProxy;
pub use typescript::{NodeJs, receiver_packages, receiver_sources, typescript, typescript_sources};
pub use user::{Up, User, free_port, json_problem, problem, problem_with};
pub use watched::Watched;

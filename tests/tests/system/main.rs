//! The whole system: real function binaries behind the gateway, and an embedded DynamoDB or a LocalStack.
//!
//! One binary, since each links half of the AWS SDK. A module is a subject; `cargo verify` chooses modules by their name.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bad_input;
mod collection;
mod command;
mod commands;
mod configs;
mod connections;
mod console;
mod costs;
mod counts;
mod cutover;
mod deletion;
mod deltas;
mod deployment;
mod difference;
mod drill;
mod events;
mod everywhere;
mod faults;
mod firmware;
mod generated_clients;
mod history;
mod iam;
mod invoke_contract;
mod localstack;
mod polling;
mod presence;
mod python_client;
mod receivers;
mod requests;
mod rollouts;
mod scenarios;
mod schemathesis;
mod soak;
mod store_contract;
mod telemetry;
mod tls;
mod webhooks;

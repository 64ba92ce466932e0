//! The demands of RFC 6455, 9110 and 9112, and the bounds on clients, over bare sockets. Each test shows one fact.

mod answers;
mod connections;
mod frames;
mod handshakes;
mod limits;
mod push_back;
mod raw;
mod requests;

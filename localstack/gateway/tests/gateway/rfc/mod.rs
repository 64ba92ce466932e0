//! What RFC 6455, 9110 and 9112 demand, and what a client may hold, over bare sockets: a test a fact.

mod answers;
mod connections;
mod frames;
mod handshakes;
mod limits;
mod push_back;
mod raw;
mod requests;

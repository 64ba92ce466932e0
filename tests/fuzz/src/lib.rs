//! What must hold for any bytes from outside. Each target is a function of bytes: it reads them as the system would, and
//! asserts what must hold, whatever they are.
//!
//! Two drivers call them: the test `fuzz` of this crate, on every file of the corpus and on mutations of it; and
//! libFuzzer, in the folder `fuzz` of the repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a target whose property does not hold says so"
)]

mod events;
mod frames;
mod import;
mod listener;
mod machine;
mod mapping;
mod mutate;
mod now;
mod selector;
mod tokens;
mod wire;

pub use events::events;
pub use frames::frames;
pub use import::import;
pub use listener::listener;
pub use machine::machine;
pub use mapping::mapping;
pub use mutate::Mutator;
pub use selector::selector;
pub use tokens::tokens;
pub use wire::wire;

/// What became of the parts of an input, each in a few words. The number of different ones over many inputs tells how
/// much of the code the inputs reach.
pub type Outcomes = Vec<String>;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the function, and of its folder in the corpus.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]) -> Outcomes,
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target { name: "wire", run: wire },
    Target { name: "tokens", run: tokens },
    Target { name: "events", run: events },
    Target { name: "frames", run: frames },
    Target { name: "listener", run: listener },
    Target { name: "machine", run: machine },
    Target { name: "mapping", run: mapping },
    Target { name: "import", run: import },
    Target { name: "selector", run: selector },
];

/// The beginning of a text that says what happened: enough to tell outcomes apart, without numbers and without what it
/// quotes, which would make each one new.
fn kind(text: &str) -> String {
    let own = text.split(['"', '`', '\'']).next().unwrap_or_default();
    own.chars().filter(|c| !c.is_ascii_digit()).take(48).collect()
}

/// The type of a message that was written as JSON: it is its first field.
fn type_of(message: &str) -> &str {
    message.split('"').nth(3).unwrap_or_default()
}

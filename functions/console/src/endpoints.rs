//! What requests about endpoints need, from the configuration.

use rollcall_aws::{Clients, ConfigErrors, Lookup, Reader, SqsQueue, private_addresses, system_resolver, variable};
use rollcall_service::KEEP_EVENTS_S;
use rollcall_service::console::Endpoints;

/// Opens the queue, and reads whether private addresses are allowed.
pub(crate) fn open(clients: &Clients, lookup: &impl Lookup) -> Result<Endpoints<SqsQueue>, ConfigErrors> {
    let mut reader = Reader::new(lookup);
    let private = private_addresses(&mut reader);
    let keep_for = reader.number(variable::KEEP_EVENTS, KEEP_EVENTS_S);
    let (private, keep_for) = reader.finish(|| Some((private, keep_for)))?;
    Ok(Endpoints {
        queue: SqsQueue::open(clients, lookup, variable::DEAD_LETTERS_URL),
        private,
        resolver: system_resolver(),
        random,
        keep_for,
    })
}

fn random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

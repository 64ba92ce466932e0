//! The run loop: it waits for whatever happens first, and reports it to the driver.

use std::{future::poll_fn, time::Duration};

use rollcall_machine::{Driver, Handler, NodeError, Outbox, Request, Storage, Trust};
use tokio::{
    sync::mpsc::{UnboundedReceiver, WeakUnboundedSender},
    time::{Instant, sleep_until},
};

use crate::{
    config::NodeConfig,
    connect::Endpoint,
    fetch::{Fetch, HttpFetch},
    network::{Happened, Network},
    state::StateFolder,
};

/// Runs a node until it is stopped or can't go on.
pub(crate) async fn run(
    config: NodeConfig,
    handler: impl Handler + Send,
    fetch: Option<Box<dyn Fetch>>,
    requests: WeakUnboundedSender<Request>,
    mut received: UnboundedReceiver<Request>,
) -> Result<(), NodeError> {
    let started = Instant::now();
    let mut driver = driver(config, handler, fetch, outbox(requests))?;
    driver.tick(Duration::ZERO);
    loop {
        if let Some(outcome) = driver.outcome().cloned()
            && !driver.transport().is_connected()
        {
            return outcome;
        }
        let (ended, deadline) = (driver.outcome().is_some(), driver.deadline());
        let wake = started + deadline.unwrap_or_default();
        // The order matters. On a busy machine, received data must count before a timeout declares a connection dead.
        tokio::select! {
            biased;
            request = received.recv(), if !ended => driver.request(started.elapsed(), request.unwrap_or(Request::Stop)),
            happened = poll_fn(|cx| driver.transport().poll(cx)) => tell(&mut driver, started.elapsed(), happened),
            () = sleep_until(wake), if deadline.is_some() => driver.tick(started.elapsed()),
        }
    }
}

/// The driver of this node, with sockets and files.
fn driver<H: Handler>(
    config: NodeConfig,
    handler: H,
    fetch: Option<Box<dyn Fetch>>,
    outbox: Outbox,
) -> Result<Driver<H, Network, StateFolder>, NodeError> {
    let fetch = match fetch {
        Some(fetch) => fetch,
        None => Box::new(HttpFetch::new(&config)?),
    };
    let endpoint = Endpoint::new(&config, rand::random())?;
    let state = StateFolder::new(config.state);
    let network = Network::new(endpoint, fetch, state.images(), &config.timing, config.tap);
    let trust = config.firmware_keys.map(|keys| Box::new(keys) as Box<dyn Trust + Send>);
    Ok(Driver::new(config.timing, rand::random(), handler, network, state, outbox).trusting(trust))
}

/// Reports results to the run. It does not keep the run going; a result that comes after its end is discarded.
fn outbox(requests: WeakUnboundedSender<Request>) -> Outbox {
    Outbox::new(move |request| {
        if let Some(requests) = requests.upgrade() {
            // Sending fails only if the run has ended.
            let _ = requests.send(request);
        }
    })
}

/// Reports an event of the network.
fn tell<H: Handler, S: Storage>(driver: &mut Driver<H, Network, S>, now: Duration, happened: Happened) {
    match happened {
        Happened::Link(link, event) => driver.link_event(now, link, event),
        Happened::Fetched(version, outcome) => driver.fetched(now, version, outcome),
        Happened::Downloaded(version, outcome) => driver.downloaded(now, &version, outcome),
    }
}

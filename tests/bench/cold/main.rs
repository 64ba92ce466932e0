//! How small and fast the check-in function is, beside the same handler in Node.js and in Python, and beside a bare SDK
//! call: `cargo bench --workspace --bench cold`.
//!
//! It builds the function as it is deployed, which takes minutes the first time, unless `-- --functions DIR` has it; and
//! installs what the others need below `target/bench`. `-- --json` prints one object a line instead of a table.
//!
//! Each is driven over Lambda's Runtime API and writes to the embedded DynamoDB, on loopback. They take turns, so that
//! what else happens on this machine happens to all of them. Figures of different runs, or of different machines, don't
//! compare; the ratios within one run do.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod bare;
mod contestant;
mod event;
mod handlers;
mod table;
mod zipped;

use bare::Bare;
use contestant::Contestant;
use event::create_table;
use rollcall_aws::local_dynamo_client;
use rollcall_stack::{EmbeddedDynamo, listen};

/// How often each is started.
const STARTS: usize = 20;
/// How often each is called in one turn, and how many turns are measured.
const CALLS: usize = 300;
const TURNS: usize = 10;

// One thread: what one call waits for is then what is measured, and not who is woken by whom.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let handlers = [handlers::function(), handlers::node(), handlers::python().await];
    let listener = listen(0, "DynamoDB", "").expect("a port");
    let engine = EmbeddedDynamo::start(listener, None).expect("an engine");
    let client = local_dynamo_client(&engine.url());
    create_table(&client).await;
    let mut contestants = vec![];
    for handler in handlers.iter().flatten() {
        contestants.push(Contestant::new(handler, &engine.url(), &client).await);
    }
    let mut bare = Bare::new(client).await;
    for _ in 0..STARTS {
        for contestant in &mut contestants {
            contestant.start().await;
        }
    }
    for turn in 0..=TURNS {
        // The first one warms up.
        let measured = turn > 0;
        for contestant in &mut contestants {
            contestant.call(CALLS, measured).await;
        }
        bare.call(CALLS, measured).await;
    }
    let mut rows: Vec<_> = contestants.iter().map(Contestant::figures).collect();
    rows.push(bare.figures());
    let missing: Vec<_> = handlers.iter().filter_map(|handler| handler.as_ref().err()).collect();
    table::print(&rows, &missing);
}

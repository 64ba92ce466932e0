//! The sweep: finds nodes that have gone. A schedule invokes it.

use lambda_runtime::Diagnostic;
use rollcall_aws::{
    Clients, DynamoStore, Environment, Fatal, Reader, Settings, Tries, now, serve, telemetry, variable,
};
use rollcall_service::{KEEP_EVENTS_S, Sweeps, Swept, chain};
use serde::Deserialize;

/// How often the sweep runs, in seconds, if no variable says otherwise.
const EVERY_S: u32 = 60;

/// The event of a schedule (Amazon `EventBridge` User Guide, "Events from AWS services"). With any other, nothing is swept:
/// whoever deploys the function invokes it once to see whether it starts.
#[derive(Deserialize)]
struct Scheduled {
    #[serde(rename = "detail-type")]
    _kind: Kind,
}

#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "Scheduled Event")]
    Scheduled,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fatal> {
    telemetry::start(&Environment);
    let settings = Settings::read(&Environment, false)?;
    let mut reader = Reader::new(&Environment);
    let every = reader.number(variable::SWEEP_EVERY, EVERY_S);
    let keep_for = reader.number(variable::KEEP_EVENTS, KEEP_EVENTS_S);
    let (every, keep_for) = reader.finish(|| Some((every, keep_for)))?;
    let store = DynamoStore::open(&Clients::open(&settings, Tries::Patient).await);
    let sweeps = Sweeps { store, policy: settings.policy, every, keep_for };
    serve(async |_: Scheduled| -> Result<Swept, Diagnostic> {
        sweeps.run(now()).await.map_err(|error| chain(&error).into())
    })
    .await
}

//! A local cloud of a simulation's own, whose faults can be switched.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use rollcall_aws::variable;
use rollcall_chaos::{Before, Chaos, Service};
use rollcall_core::{Policy, Seconds};
use rollcall_gateway::{Gateway, Limits};
use rollcall_live::Server;
use rollcall_stack::{
    Backend, DELIVERY_SCHEDULE, FIRMWARE_BUCKET, FunctionSettings, Here, QueueUrls, STAGE, Stack, StackConfig,
    StackError, TABLE, listen,
};
use rollcall_token::Signer;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::RwLock;

use crate::args::SimulateCloud;
use crate::key;
use crate::meter::Meter;
use crate::problem::Problem;
use crate::up::{Events, not_started};

/// How often the sweep runs, in seconds: often, since a fleet's life is short here.
const SWEEP_EVERY_S: Seconds = 5;
/// How often rollouts are stepped: not while it lasts, since it makes none, and a step takes a process of the console away
/// from requests while the table is down.
const ROLLOUTS_EVERY_S: Seconds = 24 * 3_600;

/// A local cloud, with the proxies of its faults.
pub(crate) struct OwnCloud {
    chaos: Chaos,
    stack: Arc<RwLock<Option<Stack>>>,
    /// The proxies end with this.
    _before: [Before; 2],
}

impl OwnCloud {
    /// Starts one on free ports.
    ///
    /// # Errors
    /// If a part of it does not start.
    pub(crate) async fn start(
        args: &SimulateCloud,
        policy: Policy,
        signer: &Signer,
        meter: &Meter,
    ) -> Result<(Self, Server), Problem> {
        let chaos = Chaos::new(args.seed);
        let cannot = |error: std::io::Error| Problem::plain(&error);
        let store = chaos.before(Service::Store).await.map_err(cannot)?;
        let connections = chaos.before(Service::Connections).await.map_err(cannot)?;
        let console_key = key::console()?;
        let settings = FunctionSettings {
            table: TABLE.to_owned(),
            connections: format!("http://{}/{STAGE}", connections.address()),
            token_keys: signer.jwks().map_err(|error| Problem::plain(&error))?,
            console_keys: key::console_keys(&console_key),
            firmware_bucket: FIRMWARE_BUCKET.to_owned(),
            policy,
            sweep_every: SWEEP_EVERY_S,
            rollouts_every: ROLLOUTS_EVERY_S,
            delivery_schedule: DELIVERY_SCHEDULE.to_owned(),
            queues: QueueUrls::default(),
            more: BTreeMap::from([(variable::ENDPOINT_URL_DYNAMODB.to_owned(), format!("http://{}", store.address()))]),
        };
        let (dynamodb, config) = config(&chaos, settings, args, meter).map_err(|error| not_started(&error))?;
        store.stand_before(&dynamodb);
        let stack = Stack::start(config).await.map_err(|error| not_started(&error))?;
        let address = stack.connections_url().trim_start_matches("http://").trim_end_matches(&format!("/{STAGE}"));
        connections.stand_before(address);
        let server = Server { ws_url: stack.ws_url(), http_url: stack.http_url(), console_key };
        let stack = Arc::new(RwLock::new(Some(stack)));
        chaos.kills_with(killing(Arc::downgrade(&stack)));
        Ok((Self { chaos, stack, _before: [store, connections] }, server))
    }

    /// The switch of its faults.
    pub(crate) const fn chaos(&self) -> &Chaos {
        &self.chaos
    }

    /// Cuts every socket.
    pub(crate) fn cut_all(&self) {
        if let Ok(stack) = self.stack.try_read() {
            stack.as_ref().map(Stack::gateway).map(Gateway::cut);
        }
    }

    /// Restarts the gateway, on the same ports.
    pub(crate) async fn restart_gateway(&self) {
        if let Some(stack) = self.stack.write().await.as_mut()
            && let Err(error) = stack.restart_gateway().await
        {
            return crate::out::say(&format!("warning: the gateway could not be restarted: {error}"));
        }
        self.chaos.hit("gateway-restarted");
    }

    /// Ends it in order.
    pub(crate) async fn shutdown(&self) {
        if let Some(stack) = self.stack.write().await.take() {
            stack.shutdown().await;
        }
    }
}

/// The configuration, and the address of the engine.
fn config(
    chaos: &Chaos,
    settings: FunctionSettings,
    args: &SimulateCloud,
    meter: &Meter,
) -> Result<(String, StackConfig), StackError> {
    let dynamodb = listen(0, "DynamoDB", "nothing")?;
    let address = dynamodb.local_addr().map_err(StackError::Gateway)?.to_string();
    let here = Here {
        dynamodb,
        s3: listen(0, "S3", "nothing")?,
        data: None,
        functions: args.functions.clone(),
        processes: args.processes,
        settings,
        logs: Events::unheard(meter),
    };
    let chaos = chaos.clone();
    let config = StackConfig {
        ws: listen(0, "WebSockets", "nothing")?,
        connections: listen(0, "@connections", "nothing")?,
        http: listen(0, "HTTP", "nothing")?,
        limits: Limits::default(),
        interceptor: Some(Box::new(move |invoke| chaos.between(invoke))),
        backend: Backend::Here(Box::new(here)),
    };
    Ok((address, config))
}

/// Kills a process of a function, as Lambda's host may fail.
fn killing(stack: Weak<RwLock<Option<Stack>>>) -> rollcall_chaos::Kill {
    Box::new(move |function| {
        let Some(stack) = stack.upgrade() else { return };
        let Ok(stack) = stack.try_read() else { return };
        let process = stack.as_ref().and_then(|stack| stack.host()?.processes(function).first().copied());
        if let Some(process) = process.and_then(|process| Pid::from_raw(process.try_into().ok()?)) {
            // It may have ended meanwhile.
            let _ = kill_process(process, Signal::KILL);
        }
    })
}

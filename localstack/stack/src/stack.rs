//! Starting and stopping all of it.

use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use rollcall_aws::{DynamoStore, TableError, create_table, local_dynamo_client};
use rollcall_core::Policy;
use rollcall_gateway::{Gateway, GatewayConfig, Host, HostError, Invoke, Limits, Logs};

use crate::dynamo::{DynamoError, EmbeddedDynamo};
use crate::functions::{FUNCTIONS, Surroundings, routes, specs};

/// The stage that the API is deployed to.
pub const STAGE: &str = "local";
/// The table's name.
pub const TABLE: &str = "rollcall";

/// What a stack is made of.
pub struct StackConfig {
    /// The port of sockets and `@connections`; 0 for any.
    pub ws_port: u16,
    /// The port of the embedded DynamoDB; 0 for any.
    pub dynamodb_port: u16,
    /// Where the table is kept; in memory if nowhere.
    pub data: Option<PathBuf>,
    /// Where the functions' binaries are.
    pub functions: PathBuf,
    /// How many processes a function may have.
    pub processes: usize,
    /// What the rules go by.
    pub policy: Policy,
    /// The keys that node tokens are checked with: a JWK set.
    pub token_keys: String,
    /// API Gateway's limits.
    pub limits: Limits,
    /// Where the functions' log lines go.
    pub logs: Logs,
    /// Where the functions look for DynamoDB, if not directly at the embedded one: a proxy that injects faults, say.
    pub dynamodb_seen_at: Option<String>,
    /// Something between the gateway and the functions, if anything.
    pub between: Option<Between>,
}

/// Wraps what runs the functions.
pub type Between = Box<dyn FnOnce(Arc<dyn Invoke>) -> Arc<dyn Invoke> + Send>;

impl fmt::Debug for StackConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackConfig").field("functions", &self.functions).finish_non_exhaustive()
    }
}

/// A stack that does not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A port can't be had.
    #[error("port {port} can't be used for {purpose}: stop what is using it, or choose another with {flag}")]
    Port {
        /// Which.
        port: u16,
        /// What for.
        purpose: &'static str,
        /// The setting that chooses another.
        flag: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The embedded DynamoDB does not start.
    #[error("the embedded DynamoDB does not start")]
    Dynamo(#[from] DynamoError),
    /// The table can't be made.
    #[error("the table can't be made")]
    Table(#[from] TableError),
    /// A function does not start.
    #[error("a function does not start")]
    Function(#[from] HostError),
    /// The gateway does not start.
    #[error("the gateway does not start")]
    Gateway(#[source] std::io::Error),
}

/// The cloud on loopback. [`Stack::shutdown`] ends it in order; dropping it ends it at once.
#[derive(Debug)]
pub struct Stack {
    gateway: Gateway,
    host: Arc<Host>,
    dynamo: EmbeddedDynamo,
    store: DynamoStore,
}

impl Stack {
    /// Starts everything, and waits until every function has asked for its first event.
    ///
    /// # Errors
    /// If a part does not start. Nothing is left running then.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        let ws = listen(config.ws_port, "WebSockets", "--ws-port")?;
        let dynamodb = listen(config.dynamodb_port, "DynamoDB", "--dynamodb-port")?;
        let connections = format!("http://{}/{STAGE}", ws.local_addr().map_err(StackError::Gateway)?);

        let dynamo = EmbeddedDynamo::start(dynamodb, config.data.as_deref())?;
        let client = local_dynamo_client(&dynamo.url()).await;
        create_table(&client, TABLE).await?;

        let surroundings = Surroundings {
            dynamodb: &config.dynamodb_seen_at.unwrap_or_else(|| dynamo.url()),
            connections: &connections,
            table: TABLE,
            token_keys: &config.token_keys,
            policy: &config.policy,
        };
        let host = Host::start(specs(&config.functions, config.processes, &surroundings), config.logs)?;
        let host = Arc::new(host);
        for function in FUNCTIONS {
            host.ensure_ready(function).await?;
        }

        let invoke: Arc<dyn Invoke> = Arc::clone(&host) as _;
        let invoke = match config.between {
            Some(between) => between(invoke),
            None => invoke,
        };
        let ws = tokio::net::TcpListener::from_std(ws).map_err(StackError::Gateway)?;
        let gateway_config = GatewayConfig { limits: config.limits, ..GatewayConfig::new(STAGE, routes()) };
        let gateway = Gateway::start(ws, gateway_config, invoke);
        Ok(Self { gateway, host, dynamo, store: DynamoStore::new(client, TABLE) })
    }

    /// Where nodes connect: `ws://127.0.0.1:PORT/local`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}/{STAGE}", self.gateway.local_addr())
    }

    /// Where `@connections` is: `http://127.0.0.1:PORT/local`.
    pub fn connections_url(&self) -> String {
        format!("http://{}/{STAGE}", self.gateway.local_addr())
    }

    /// Where DynamoDB is: `http://127.0.0.1:PORT`.
    pub fn dynamodb_url(&self) -> String {
        self.dynamo.url()
    }

    /// The nodes as they are stored.
    pub fn store(&self) -> &DynamoStore {
        &self.store
    }

    /// What runs the functions.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What holds the sockets.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Closes every socket with 1001, lets the functions note it, and ends everything.
    pub async fn shutdown(mut self) {
        self.gateway.shutdown().await;
        self.host.shutdown().await;
        self.dynamo.stop();
    }
}

fn listen(port: u16, purpose: &'static str, flag: &'static str) -> Result<TcpListener, StackError> {
    let listen = || {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| StackError::Port { port, purpose, flag, source })
}

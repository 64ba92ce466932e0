//! Starts and stops the local cloud.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rollcall_aws::{TableError, create_tables, forget_in_time, local_dynamo_client, variable};
use rollcall_gateway::{Gateway, GatewayConfig, Host, HostError, HttpApi, HttpConfig, Invoke, Limits, Logs};
use rollcall_sources::{FilterError, Queues};

use crate::dynamo::{DynamoError, EmbeddedDynamo};
use crate::functions::{self, FUNCTIONS, http_routes, routes, specs};
use crate::queues::{DEAD_LETTERS, DISCARDED, QUEUE, QueuesError, start_queues};
use crate::s3::{EmbeddedS3, S3Error};
use crate::settings::{FunctionSettings, QueueUrls};
use crate::sources::{Origins, Sources};

/// The stage of the WebSocket API, the first segment of its path.
pub const STAGE: &str = "local";
/// The default name of the table.
pub const TABLE: &str = "rollcall";

/// The default name of the bucket of firmware images.
pub const FIRMWARE_BUCKET: &str = "rollcall-firmware";

/// The configuration of a local cloud.
pub struct StackConfig {
    /// Where nodes connect. `@connections` is served there, too, to clients on this machine: functions elsewhere may be
    /// told so.
    pub ws: TcpListener,
    /// Where `@connections` is served, and nothing else. Bound already: functions are told of it before it starts.
    pub connections: TcpListener,
    /// Where the HTTP API is served.
    pub http: TcpListener,
    /// The limits of API Gateway.
    pub limits: Limits,
    /// Wraps the invocations that the gateway makes.
    pub interceptor: Option<Interceptor>,
    /// Where the functions run.
    pub backend: Backend,
}

/// Where the functions run. DynamoDB, S3 and SQS are in the same place.
pub enum Backend {
    /// In child processes of this one. DynamoDB, S3 and SQS run in this process.
    Here(Box<Here>),
    /// Elsewhere: for example in LocalStack or AWS.
    Elsewhere(Arc<dyn Invoke>),
}

/// An embedded DynamoDB, an embedded S3, an embedded SQS on any free port, and the functions as child processes.
pub struct Here {
    /// The socket of the embedded DynamoDB.
    pub dynamodb: TcpListener,
    /// The socket of the embedded S3, which has the firmware images.
    pub s3: TcpListener,
    /// The folder of the tables, the images and the queues. If it is `None`, tables and queues are in memory, and the
    /// images are in a folder that is deleted when the local cloud ends.
    pub data: Option<PathBuf>,
    /// The folder of the functions' binaries.
    pub functions: PathBuf,
    /// How many processes a function may have.
    pub processes: usize,
    /// The settings of the functions. The URLs of the queues are filled in. Those of DynamoDB and S3 are added, unless `more` has them already: a test
    /// sets them to a proxy that injects faults.
    pub settings: FunctionSettings,
    /// The sink of the functions' log lines.
    pub logs: Logs,
}

/// Puts something between the gateway and the functions: takes the functions' [`Invoke`] and returns the one that the
/// gateway uses.
pub type Interceptor = Box<dyn FnOnce(Arc<dyn Invoke>) -> Arc<dyn Invoke> + Send>;

impl fmt::Debug for StackConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackConfig").field("ws", &self.ws).finish_non_exhaustive()
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Here(_)) { "Here" } else { "Elsewhere" })
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here").field("functions", &self.functions).finish_non_exhaustive()
    }
}

/// Why the local cloud could not be started.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A port can't be bound.
    #[error("port {port} can't be used for {purpose}: stop what is using it, or choose another with {flag}")]
    Port {
        port: u16,
        /// What the port is for: "the HTTP API", for example.
        purpose: &'static str,
        /// The option of the command that chooses another port.
        flag: &'static str,
        source: std::io::Error,
    },
    /// The embedded DynamoDB does not start.
    #[error("the embedded DynamoDB does not start")]
    Dynamo(#[from] DynamoError),
    /// The embedded S3 does not start.
    #[error("the embedded S3 does not start")]
    S3(#[from] S3Error),
    /// The queues do not start.
    #[error("the embedded SQS does not start")]
    Queues(#[from] QueuesError),
    /// A function has an event filter that can't be used.
    #[error("an event filter of a function can't be used")]
    Filter(#[from] FilterError),
    /// The table can't be created.
    #[error("the table can't be created")]
    Table(#[from] TableError),
    /// A function does not start.
    #[error("a function does not start")]
    Function(#[from] HostError),
    /// The gateway does not start.
    #[error("the gateway does not start")]
    Gateway(#[source] std::io::Error),
}

/// A running local cloud: the gateway, and with [`Backend::Here`] also the functions, DynamoDB and S3.
/// [`Stack::shutdown`] ends it in order; dropping it ends it at once.
pub struct Stack {
    gateway: Gateway,
    limits: Limits,
    /// The functions, as the gateway invokes them.
    routed: Arc<dyn Invoke>,
    connections: String,
    http: HttpApi,
    invoke: Arc<dyn Invoke>,
    sources: Sources,
    here: Option<Running>,
}

/// The parts of [`Backend::Here`].
#[derive(Debug)]
struct Running {
    host: Arc<Host>,
    dynamo: EmbeddedDynamo,
    s3: EmbeddedS3,
    queues: Queues,
    table: String,
    /// How often the sweep runs, and how often rollouts are stepped.
    every: [Duration; 2],
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").field("gateway", &self.gateway).field("here", &self.here).finish_non_exhaustive()
    }
}

impl Stack {
    /// Starts the local cloud, and waits until every function that runs here has polled for its first event.
    ///
    /// # Errors
    /// If a part does not start. The parts that were started already are ended then.
    pub async fn start(config: StackConfig) -> Result<Self, StackError> {
        let (here, invoke): (_, Arc<dyn Invoke>) = match config.backend {
            Backend::Here(here) => {
                let running = Running::start(*here).await?;
                let invoke = Arc::clone(&running.host) as _;
                (Some(running), invoke)
            }
            Backend::Elsewhere(invoke) => (None, invoke),
        };
        let routed = match config.interceptor {
            Some(interceptor) => interceptor(Arc::clone(&invoke)),
            None => Arc::clone(&invoke),
        };
        let sources = here.as_ref().map(|here| here.sources(&routed)).transpose()?.unwrap_or_default();
        let ws = tokio::net::TcpListener::from_std(config.ws).map_err(StackError::Gateway)?;
        let limits = config.limits;
        let url = connections_url(&config.connections)?;
        let connections = tokio::net::TcpListener::from_std(config.connections).map_err(StackError::Gateway)?;
        let http = tokio::net::TcpListener::from_std(config.http).map_err(StackError::Gateway)?;
        let gateway = start_gateway(ws, connections, &limits, &routed);
        let http = HttpApi::start(http, HttpConfig::new(http_routes()), Arc::clone(&routed));
        Ok(Self { gateway, limits, routed, connections: url, http, invoke, sources, here })
    }

    /// Restarts the gateway on the same ports. Its connections are closed with 1001.
    ///
    /// # Errors
    /// If another program has taken a port meanwhile.
    pub async fn restart_gateway(&mut self) -> Result<(), StackError> {
        let ws = self.gateway.local_addr();
        let connections =
            self.connections.trim_start_matches("http://").trim_end_matches(&format!("/{STAGE}")).to_owned();
        self.gateway.shutdown().await;
        let ws = tokio::net::TcpListener::bind(ws).await.map_err(StackError::Gateway)?;
        let connections = tokio::net::TcpListener::bind(connections).await.map_err(StackError::Gateway)?;
        self.gateway = start_gateway(ws, connections, &self.limits, &self.routed);
        Ok(())
    }

    /// The URL at which nodes connect: `ws://127.0.0.1:PORT/local`.
    pub fn ws_url(&self) -> String {
        format!("ws://{}/{STAGE}", self.gateway.local_addr())
    }

    /// Where `@connections` is, and nothing else: `http://127.0.0.1:PORT/local`.
    pub fn connections_url(&self) -> &str {
        &self.connections
    }

    /// The URL of the HTTP API: `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http.local_addr())
    }

    /// The address of the HTTP API.
    pub fn http_address(&self) -> SocketAddr {
        self.http.local_addr()
    }

    /// Where the embedded DynamoDB is, if it runs: `http://127.0.0.1:PORT`.
    pub fn dynamodb_url(&self) -> Option<String> {
        self.here.as_ref().map(|here| here.dynamo.url())
    }

    /// The URL of the embedded S3, if there is one: `http://127.0.0.1:PORT`.
    pub fn s3_url(&self) -> Option<String> {
        self.here.as_ref().map(|here| here.s3.url())
    }

    /// The embedded SQS, if there is one.
    pub fn queues(&self) -> Option<&Queues> {
        self.here.as_ref().map(|here| &here.queues)
    }

    /// The host of the functions' processes, if they run here.
    pub fn host(&self) -> Option<&Host> {
        self.here.as_ref().map(|here| &*here.host)
    }

    /// Invokes the functions, wherever they run, without the interceptor.
    pub fn functions(&self) -> &dyn Invoke {
        &*self.invoke
    }

    /// The gateway, which has the connections of the nodes.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Closes every connection with 1001, waits until the functions have handled that, and ends everything that runs
    /// here.
    pub async fn shutdown(self) {
        self.sources.stop().await;
        self.http.shutdown().await;
        self.gateway.shutdown().await;
        if let Some(mut here) = self.here {
            here.host.shutdown().await;
            here.queues.stop().await;
            here.s3.stop().await;
            here.dynamo.stop();
        }
    }
}

fn start_gateway(
    ws: tokio::net::TcpListener,
    connections: tokio::net::TcpListener,
    limits: &Limits,
    routed: &Arc<dyn Invoke>,
) -> Gateway {
    let config = GatewayConfig { limits: limits.clone(), ..GatewayConfig::new(STAGE, routes()) };
    let gateway = Gateway::start(ws, config, Arc::clone(routed));
    gateway.serve_connections(connections);
    gateway
}

impl Running {
    async fn start(config: Here) -> Result<Self, StackError> {
        let dynamo = EmbeddedDynamo::start(config.dynamodb, config.data.as_deref())?;
        let mut settings = config.settings;
        let every = [settings.sweep_every, settings.rollouts_every].map(|every| Duration::from_secs(every.into()));
        let client = local_dynamo_client(&dynamo.url());
        create_tables(&client, &settings.table).await?;
        forget_in_time(&client, &settings.table).await?;
        let s3 = EmbeddedS3::start(config.s3, config.data.as_deref(), &settings.firmware_bucket)?;
        let queues = start_queues(config.data.as_deref())?;
        settings.queues = QueueUrls {
            endpoint: queues.url(),
            main: queues.queue_url(QUEUE),
            dead_letters: queues.queue_url(DEAD_LETTERS),
            discarded: queues.queue_url(DISCARDED),
        };
        settings.more.entry(variable::ENDPOINT_URL_DYNAMODB.to_owned()).or_insert_with(|| dynamo.url());
        settings.more.entry(variable::ENDPOINT_URL_S3.to_owned()).or_insert_with(|| s3.url());
        let specs = specs(&config.functions, config.processes, &settings);
        let host = Arc::new(Host::start(specs, config.logs)?);
        for function in FUNCTIONS {
            host.ensure_ready(function).await?;
        }
        Ok(Self { host, dynamo, s3, queues, table: settings.table, every })
    }

    /// Starts what invokes functions without a request.
    fn sources(&self, invoke: &Arc<dyn Invoke>) -> Result<Sources, StackError> {
        let stream = self.dynamo.stream(&self.table)?;
        let origins = Origins { stream, queues: &self.queues, every: self.every };
        Ok(Sources::start(&functions::TABLE, &origins, invoke)?)
    }
}

/// Binds a port of 127.0.0.1; 0 for any free one.
///
/// # Errors
/// If the port can't be bound. `purpose` and `flag` are for the error: what the port is for, and which option chooses
/// another.
pub fn listen(port: u16, purpose: &'static str, flag: &'static str) -> Result<TcpListener, StackError> {
    let listen = || {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|source| StackError::Port { port, purpose, flag, source })
}

/// Where `@connections` will be, once a gateway serves it on this listener: [`StackConfig::connections`] or
/// [`StackConfig::ws`].
///
/// # Errors
/// If the socket has no address.
pub fn connections_url(listener: &TcpListener) -> Result<String, StackError> {
    Ok(format!("http://{}/{STAGE}", listener.local_addr().map_err(StackError::Gateway)?))
}

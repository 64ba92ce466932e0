//! The cloud on loopback, with faults to inject.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rollcall_aws::{local_dynamo_client, variable};
use rollcall_core::{Policy, Registration, Timestamp};
use rollcall_gateway::Limits;
use rollcall_stack::{
    FIRMWARE_BUCKET, FunctionSettings, Here, Interceptor, QueueUrls, Stack, StackConfig, TABLE, connections_url,
    create_bucket, listen,
};
use rollcall_token::Signer;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::api::Api;
use crate::backend::{Backend, localstack_dynamodb, pushes_are_lost};
use crate::deployed::Deployed;
use crate::functions::functions;
use crate::http::{Http, WRITE_KEY, console_keys};
use crate::journal::Journal;
use crate::proxy::{Fault, FaultProxy};
use crate::turn::Turn;

/// The secret that test tokens are signed with.
const SECRET: [u8; 32] = [9; 32];

/// How a test wants its cloud.
pub struct Options {
    /// What the rules go by.
    pub policy: Policy,
    /// API Gateway's limits.
    pub limits: Limits,
    /// How many processes a function may have, if they run here.
    pub processes: usize,
    /// Something between the gateway and the functions.
    pub interceptor: Option<Interceptor>,
    /// Whether the functions reach DynamoDB through a proxy that can inject faults.
    pub faults: bool,
    /// How often the sweep runs, in seconds. By default it does not while a test runs.
    pub sweep_every: u32,
    /// How often rollouts are stepped, in seconds: never during a test, if nothing is said.
    pub rollouts_every: u32,
    /// After how many seconds a delivery is tried, each after the try before it.
    pub delivery_schedule: String,
    /// More of the functions' environment.
    pub more: BTreeMap<String, String>,
    /// Where the functions' binaries are, if they run here and are not those of this build.
    pub functions: Option<PathBuf>,
    /// Whether no other cloud runs in this process meanwhile: for a test with a fleet, which leaves others no time.
    pub alone: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: policy(Registration::Open, 6600),
            limits: Limits::default(),
            processes: 2,
            interceptor: None,
            faults: true,
            sweep_every: 86_400,
            rollouts_every: 86_400,
            delivery_schedule: "0,1,1,1".to_owned(),
            more: BTreeMap::new(),
            functions: None,
            alone: false,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// A policy with this registration and lifetime in seconds.
pub fn policy(registration: Registration, lifetime: u32) -> Policy {
    Policy::new(registration, lifetime, 300, 60, 0).expect("in range")
}

/// The cloud on loopback: our gateway, and behind it the embedded backend or LocalStack.
#[derive(Debug)]
pub struct Cloud {
    /// What runs here.
    pub stack: Stack,
    /// What the functions logged.
    pub journal: Journal,
    /// What is between the functions and DynamoDB.
    pub dynamodb: FaultProxy,
    /// Whether a push reaches its node: tests that await one await the next check-in's answer instead.
    pub pushes: bool,
    api: Api,
    deployed: Option<Arc<Deployed>>,
    s3: String,
    /// What invokes functions by a schedule on LocalStack.
    steps: JoinSet<()>,
    _turn: Turn,
}

/// What can be seen of it from outside.
impl Deref for Cloud {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Cloud {
    /// Starts one as nodes usually find it.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// Starts one as a test wants it.
    pub async fn with(options: Options) -> Self {
        match Backend::chosen() {
            Backend::Embedded => Self::embedded(options).await,
            Backend::LocalStack(url) => Self::on_localstack(options, &url).await,
        }
    }

    /// Starts one whose functions are invoked by the stream, the queue and the schedule of the local cloud. On LocalStack
    /// those would be LocalStack's own, which these tests do not make.
    pub async fn with_sources(options: Options) -> Self {
        assert!(
            matches!(Backend::chosen(), Backend::Embedded),
            "this test is about the local cloud's own event sources"
        );
        Self::embedded(options).await
    }

    /// Starts one whose rollouts are stepped each second: by the schedule of the local cloud or, on LocalStack, by invoking
    /// what the schedule invokes.
    pub async fn stepping(options: Options) -> Self {
        let options = Options { rollouts_every: 1, ..options };
        let Backend::LocalStack(url) = Backend::chosen() else { return Self::with_sources(options).await };
        let mut cloud = Self::on_localstack(options, &url).await;
        let functions = cloud.deployed.as_ref().expect("functions").invoke(cloud.journal.sink());
        cloud.steps.spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                // As on AWS, the next invocation makes good what one has left undone.
                let step = json!({"detail-type": "Scheduled Event"}).to_string();
                let _ = functions.invoke("console", step.into()).await;
            }
        });
        cloud
    }

    async fn embedded(options: Options) -> Self {
        let turn = Turn::take(options.alone).await;
        let (journal, signer) = (Journal::default(), signer());
        let (proxy, images) = (FaultProxy::noting().await, FaultProxy::noting().await);
        let (ws, connections) =
            (listen(0, "sockets", "").expect("a port"), listen(0, "@connections", "").expect("a port"));
        let (told, pushes) = if options.faults {
            behind(&FaultProxy::noting().await, &connections)
        } else {
            (connections_url(&connections).expect("bound"), true)
        };
        let mut settings = settings(TABLE, &told, &options, &signer);
        if options.faults {
            settings.more.insert(variable::ENDPOINT_URL_DYNAMODB.to_owned(), proxy.url());
            settings.more.insert(variable::ENDPOINT_URL_S3.to_owned(), images.url());
        }
        let here = Here {
            dynamodb: listen(0, "DynamoDB", "").expect("a port"),
            s3: listen(0, "S3", "").expect("a port"),
            data: None,
            functions: options.functions.unwrap_or_else(functions),
            processes: options.processes,
            settings,
            logs: journal.sink(),
        };
        let backend = rollcall_stack::Backend::Here(Box::new(here));
        let http = listen(0, "HTTP", "").expect("a port");
        let config =
            StackConfig { ws, connections, http, limits: options.limits, interceptor: options.interceptor, backend };
        let stack = Stack::start(config).await.expect("the cloud starts");
        let dynamodb = stack.dynamodb_url().expect("it runs here");
        let api = Api::new(stack.ws_url(), local_dynamo_client(&dynamodb), TABLE, signer);
        proxy.stand_before(dynamodb);
        let s3 = stack.s3_url().expect("it runs here");
        images.stand_before(s3.clone());
        Self { stack, journal, dynamodb: proxy, pushes, api, deployed: None, s3, steps: JoinSet::new(), _turn: turn }
    }

    /// Starts one on the LocalStack at this URL.
    pub async fn on_localstack(options: Options, url: &str) -> Self {
        let turn = Turn::take(options.alone).await;
        let (journal, proxy, signer) = (Journal::default(), FaultProxy::start().await, signer());
        proxy.stand_before(url.to_owned());
        let (ws, connections) =
            (listen(0, "sockets", "").expect("a port"), listen(0, "@connections", "").expect("a port"));
        let own = format!("test-{:08x}", rand::rng().random::<u32>());
        let (told, pushes) = behind(&FaultProxy::start().await, &connections);
        let mut settings = settings(&own, &told, &options, &signer);
        settings.queues = QueueUrls::at(url, &own);
        settings.more.insert(variable::ENDPOINT_URL_DYNAMODB.to_owned(), proxy.url());
        let deployed = Arc::new(Deployed::to(url, settings).await);
        let backend = rollcall_stack::Backend::Elsewhere(deployed.invoke(journal.sink()));
        let http = listen(0, "HTTP", "").expect("a port");
        let config =
            StackConfig { ws, connections, http, limits: options.limits, interceptor: options.interceptor, backend };
        let stack = Stack::start(config).await.expect("the cloud starts");
        let api = Api::new(stack.ws_url(), localstack_dynamodb(url), &own, signer);
        create_bucket(url, FIRMWARE_BUCKET, now()).await.expect("a bucket");
        let (deployed, s3, steps) = (Some(deployed), url.to_owned(), JoinSet::new());
        Self { stack, journal, dynamodb: proxy, pushes, api, deployed, s3, steps, _turn: turn }
    }

    /// Deploys the functions again when they are next invoked, if LocalStack runs them: one that was killed has
    /// forgotten them.
    pub fn deploy_again(&self) {
        if let Some(deployed) = &self.deployed {
            deployed.forget();
        }
    }

    /// The HTTP API, as somebody with this key or token sees it.
    pub fn http(&self, bearer: &str) -> Http {
        Http::new(self.stack.http_url(), bearer)
    }

    /// The console, as the monolith sees it.
    pub fn console(&self) -> Http {
        self.http(WRITE_KEY)
    }

    /// Where S3 is.
    pub fn s3_url(&self) -> &str {
        &self.s3
    }

    /// The bucket of firmware images.
    pub fn firmware_bucket(&self) -> &'static str {
        FIRMWARE_BUCKET
    }

    /// What a function answers to an event that the gateway does not make.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let answer = self.stack.functions().invoke(function, event.to_string().into()).await;
        serde_json::from_slice(&answer.expect("an answer")).expect("JSON")
    }

    /// Runs the sweep, and returns what it has done.
    pub async fn sweep(&self) -> Value {
        self.invoke("sweep", &json!({"detail-type": "Scheduled Event"})).await
    }

    /// The processes that run a function.
    pub fn processes(&self, function: &str) -> Vec<u32> {
        match (&self.deployed, self.stack.host()) {
            (Some(deployed), _) => deployed.processes(function),
            (None, Some(host)) => host.processes(function),
            (None, None) => vec![],
        }
    }

    /// Ends it, and shows that nothing is left.
    pub async fn stop(mut self) {
        self.steps.shutdown().await;
        self.stack.shutdown().await;
        if let Some(deployed) = self.deployed {
            deployed.remove().await;
        }
    }
}

/// The time.
pub fn now() -> Timestamp {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    Timestamp(u64::try_from(now.as_millis()).expect("in range"))
}

/// Where the functions find `@connections` of this listener behind a proxy, and whether what they push arrives.
fn behind(proxy: &FaultProxy, connections: &std::net::TcpListener) -> (String, bool) {
    let url = connections_url(connections).expect("bound");
    let (base, stage) = url.rsplit_once('/').expect("a stage");
    proxy.stand_before(base.to_owned());
    if pushes_are_lost() {
        proxy.set(Fault::LosePosts);
    }
    (format!("{}/{stage}", proxy.url()), !pushes_are_lost())
}

fn signer() -> Signer {
    Signer::hs256("test", &SECRET)
}

fn settings(table: &str, connections: &str, options: &Options, signer: &Signer) -> FunctionSettings {
    FunctionSettings {
        table: table.to_owned(),
        connections: connections.to_owned(),
        token_keys: signer.jwks().expect("a key"),
        console_keys: console_keys(),
        firmware_bucket: FIRMWARE_BUCKET.to_owned(),
        policy: options.policy,
        sweep_every: options.sweep_every,
        rollouts_every: options.rollouts_every,
        delivery_schedule: options.delivery_schedule.clone(),
        queues: QueueUrls::default(),
        more: options.more.clone(),
    }
}

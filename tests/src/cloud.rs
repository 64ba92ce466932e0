//! The cloud on loopback, with faults to inject.

use std::fmt;
use std::path::PathBuf;

use rollcall_aws::Store as _;
use rollcall_core::{CredentialVersion, Node, NodeId, Policy, Registration, Timestamp};
use rollcall_gateway::Limits;
use rollcall_node::{NodeConfig, Timing};
use rollcall_stack::{Between, Stack, StackConfig};
use rollcall_token::Signer;

use crate::functions::functions;
use crate::journal::Journal;
use crate::proxy::FaultProxy;
use crate::socket::Socket;

/// The secret that test tokens are signed with.
const SECRET: [u8; 32] = [9; 32];
/// When test tokens expire: 2100.
const EXPIRY: Timestamp = Timestamp(4_102_444_800_000);

/// How a test wants its cloud.
pub struct Options {
    /// What the rules go by.
    pub policy: Policy,
    /// API Gateway's limits.
    pub limits: Limits,
    /// How many processes a function may have.
    pub processes: usize,
    /// Something between the gateway and the functions.
    pub between: Option<Between>,
    /// Whether the functions reach DynamoDB through a proxy that can inject faults.
    pub faults: bool,
    /// Where the functions' binaries are, if not those of this build.
    pub functions: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            policy: policy(Registration::Open, 6600),
            limits: Limits::default(),
            processes: 2,
            between: None,
            faults: true,
            functions: None,
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

/// The cloud on loopback.
#[derive(Debug)]
pub struct Cloud {
    /// What runs.
    pub stack: Stack,
    /// What the functions logged.
    pub journal: Journal,
    /// What is between the functions and DynamoDB.
    pub dynamodb: FaultProxy,
    signer: Signer,
}

impl Cloud {
    /// Starts one as nodes usually find it.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// Starts one as a test wants it.
    pub async fn with(options: Options) -> Self {
        let functions = options.functions.unwrap_or_else(functions);
        let journal = Journal::default();
        let proxy = FaultProxy::start().await;
        let signer = Signer::hs256("test", &SECRET);
        let config = StackConfig {
            ws_port: 0,
            dynamodb_port: 0,
            data: None,
            functions,
            processes: options.processes,
            policy: options.policy,
            token_keys: signer.jwks().expect("a key"),
            limits: options.limits,
            logs: journal.sink(),
            dynamodb_seen_at: options.faults.then(|| proxy.url()),
            between: options.between,
        };
        let stack = Stack::start(config).await.expect("the cloud starts");
        proxy.stand_before(stack.dynamodb_url());
        Self { stack, journal, dynamodb: proxy, signer }
    }

    /// A token for a node.
    pub fn token(&self, node: &str) -> String {
        self.token_of_version(node, 1)
    }

    /// A token for a node, of this credential version.
    pub fn token_of_version(&self, node: &str, version: u32) -> String {
        self.token_that_expires(node, version, EXPIRY)
    }

    /// A token for a node, of this credential version, that expires then.
    pub fn token_that_expires(&self, node: &str, version: u32, at: Timestamp) -> String {
        let node: NodeId = node.parse().expect("a node id");
        self.signer.sign(&node, CredentialVersion(version), at).expect("signed")
    }

    /// A raw connection of a node, let in.
    pub async fn socket(&self, node: &str) -> Socket {
        Socket::open(&self.stack.ws_url(), &self.token(node)).await.expect("let in")
    }

    /// How the reference library connects a node.
    pub fn node_config(&self, node: &str) -> NodeConfig {
        let timing = Timing { ack_every: 1, ..Timing::default() };
        NodeConfig { timing, ..NodeConfig::new(self.stack.ws_url(), self.token(node)) }
    }

    /// A node as it is stored; nothing if it is not.
    pub async fn stored(&self, node: &str) -> Option<Node> {
        let node: NodeId = node.parse().expect("a node id");
        let item = self.stack.store().read(&node).await.expect("readable");
        item.map(|item| Node::read(&item).expect("well-formed"))
    }

    /// Ends it, and shows that nothing is left.
    pub async fn stop(self) {
        self.stack.shutdown().await;
    }
}

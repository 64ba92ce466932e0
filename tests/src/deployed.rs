//! Functions of a test's own in LocalStack.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rollcall_aws::{Environment, create_tables, variable};
use rollcall_core::Table;
use rollcall_gateway::{Invoke, InvokeError, Logs};
use rollcall_lambda::{LambdaInvoke, Package, Target, lambda_client};
use rollcall_service::chain;
use rollcall_stack::{Bounded, FunctionSettings};
use tokio::sync::OnceCell;

use crate::backend::localstack_dynamodb;
use crate::functions::strip;
use crate::slot::Slot;

/// LocalStack takes any.
const ROLE: &str = "arn:aws:iam::000000000000:role/rollcall-tests";

/// A table that nobody else uses, and functions that nobody else uses at the time: those of a stack that `infra/deploy`
/// made, if there is one, or else a slot's own. They stay for the next test, which tells them something else: LocalStack
/// takes ten times as long to unpack new ones.
#[derive(Debug)]
pub(crate) struct Deployed {
    lambda: aws_sdk_lambda::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    slot: Slot,
    settings: FunctionSettings,
    used: Mutex<BTreeMap<String, Arc<Function>>>,
}

/// A function that was invoked.
#[derive(Debug, Default)]
struct Function {
    deployed: OnceCell<()>,
}

impl Deployed {
    /// Makes the tables. Each function is deployed when it is first invoked: no test needs all of them.
    pub(crate) async fn to(url: &str, settings: FunctionSettings) -> Self {
        let (lambda, dynamodb) = (lambda_client(&Environment, url), localstack_dynamodb(url));
        create_tables(&dynamodb, &settings.table).await.expect("tables");
        Self { lambda, dynamodb, slot: Slot::take(url).await, settings, used: Mutex::default() }
    }

    /// What invokes them.
    pub(crate) fn invoke(self: &Arc<Self>, logs: Logs) -> Arc<dyn Invoke> {
        let invoke = Bounded::new(LambdaInvoke::new(self.lambda.clone(), self.slot.prefix(), logs));
        Arc::new(OnDemand { deployed: Arc::clone(self), invoke })
    }

    /// From now on, each is deployed again before it is invoked: LocalStack was killed, and has forgotten them.
    pub(crate) fn forget(&self) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn used(&self, name: &str) -> Arc<Function> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(used.entry(name.to_owned()).or_default())
    }

    async fn deploy(&self, name: &str, function: &Function) -> Result<(), InvokeError> {
        let deploy = || async {
            let prefix = self.slot.prefix();
            let target = Target { client: &self.lambda, prefix, role: ROLE, settings: &self.settings };
            if self.slot.is_deployed {
                assert!(target.tell(name).await?, "{prefix}{name} is not deployed");
                return Ok(());
            }
            let of = name.to_owned();
            let package = tokio::task::spawn_blocking(move || package(&of)).await.expect("packed");
            target.deploy(name, &package).await.map(|_| ())
        };
        let deployed = function.deployed.get_or_try_init(deploy).await;
        deployed.copied().map_err(|error| InvokeError::Unavailable(chain(&error)))
    }

    /// The processes that run a function as it is told now.
    pub(crate) fn processes(&self, function: &str) -> Vec<u32> {
        let endpoint = &self.settings.more[variable::ENDPOINT_URL_DYNAMODB];
        let markers = [
            format!("AWS_LAMBDA_FUNCTION_NAME={}{function}", self.slot.prefix()),
            format!("{}={endpoint}", variable::ENDPOINT_URL_DYNAMODB),
        ];
        let runs = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let variables: Vec<_> = environment.split(|byte| *byte == 0).collect();
            markers.iter().all(|marker| variables.contains(&marker.as_bytes()))
        };
        let processes = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(runs).collect()
    }

    /// Takes the tables away again.
    pub(crate) async fn remove(&self) {
        for table in Table::ALL.map(|table| table.name(&self.settings.table)) {
            self.dynamodb.delete_table().table_name(table).send().await.expect("deleted");
        }
    }
}

/// Invokes functions that are deployed by then.
struct OnDemand {
    deployed: Arc<Deployed>,
    invoke: Bounded,
}

impl Invoke for OnDemand {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let (deployed, name) = (Arc::clone(&self.deployed), function.to_owned());
        let invocation = self.invoke.invoke(function, payload);
        Box::pin(async move {
            let function = deployed.used(&name);
            deployed.deploy(&name, &function).await?;
            invocation.await
        })
    }
}

/// A function, packed once; without what only a debugger needs, because LocalStack unpacks it.
fn package(function: &str) -> Arc<Package> {
    static PACKAGES: Mutex<BTreeMap<String, Arc<Package>>> = Mutex::new(BTreeMap::new());
    let mut packages = PACKAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let pack = || {
        let stripped = tempfile::tempdir().expect("a folder");
        strip(function, stripped.path());
        Arc::new(Package::of(stripped.path(), function).expect("packed"))
    };
    Arc::clone(packages.entry(function.to_owned()).or_insert_with(pack))
}

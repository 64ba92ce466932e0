//! Functions of a test's own in LocalStack.

use std::process::Command;
use std::sync::OnceLock;

use futures_util::future::join_all;
use rollcall_aws::{Environment, create_table};
use rollcall_stack::{FUNCTIONS, Package, Surroundings, Target, lambda_client};

use crate::backend::localstack_dynamodb;
use crate::functions::functions;

/// LocalStack takes any.
const ROLE: &str = "arn:aws:iam::000000000000:role/rollcall-tests";

/// Functions and a table that nobody else uses.
#[derive(Debug)]
pub(crate) struct Deployed {
    lambda: aws_sdk_lambda::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    prefix: String,
    surroundings: Surroundings,
}

impl Deployed {
    /// Deploys them.
    pub(crate) async fn to(url: &str, prefix: String, surroundings: Surroundings) -> Self {
        let (lambda, dynamodb) = (lambda_client(&Environment, url).await, localstack_dynamodb(url).await);
        let deployed = Self { lambda, dynamodb, prefix, surroundings };
        deployed.deploy().await;
        deployed
    }

    /// Deploys what is not there, or not any more.
    pub(crate) async fn deploy(&self) {
        create_table(&self.dynamodb, &self.surroundings.table).await.expect("a table");
        let target =
            Target { client: &self.lambda, prefix: &self.prefix, role: ROLE, surroundings: &self.surroundings };
        let target = &target;
        let deploys = FUNCTIONS.into_iter().zip(packages()).map(|(function, package)| async move {
            target.deploy(function, package).await.expect("deployed");
        });
        join_all(deploys).await;
    }

    /// What its functions' names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A client of its Lambda.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        self.lambda.clone()
    }

    /// The processes that run a function.
    pub(crate) fn processes(&self, function: &str) -> Vec<u32> {
        let marker = format!("AWS_LAMBDA_FUNCTION_NAME={}{function}", self.prefix);
        let runs = |pid: &u32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
        };
        let processes = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(runs).collect()
    }

    /// Takes them away again.
    pub(crate) async fn remove(self) {
        let (lambda, prefix) = (&self.lambda, &self.prefix);
        let deletes = FUNCTIONS.map(|function| async move {
            lambda.delete_function().function_name(format!("{prefix}{function}")).send().await.expect("deleted");
        });
        join_all(deletes).await;
        self.dynamodb.delete_table().table_name(self.surroundings.table).send().await.expect("deleted");
    }
}

/// The functions, packed once; without what only a debugger needs, because LocalStack unpacks them for every test.
fn packages() -> &'static [Package] {
    static PACKAGES: OnceLock<Vec<Package>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let (folder, stripped) = (functions(), tempfile::tempdir().expect("a folder"));
        let pack = |function: &&str| {
            let mut strip = Command::new("strip");
            strip.arg("-o").arg(stripped.path().join(function)).arg(folder.join(function));
            assert!(strip.status().expect("binutils, which every linker comes with").success(), "{strip:?}");
            Package::of(stripped.path(), function).expect("packed")
        };
        FUNCTIONS.iter().map(pack).collect()
    })
}

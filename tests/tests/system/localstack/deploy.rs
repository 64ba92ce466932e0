//! `rollcall deploy`, and `rollcall up` with what was deployed.

use rand::RngExt as _;
use rollcall_stack::FUNCTIONS;
use rollcall_tests::{Backend, Ended, Frame, Up, User, free_port, json_problem, problem};
use rollcall_wire::{ByeReason, ServerMessage};
use serde_json::Value;

/// How many tables there are, which are named before the functions.
const TABLES: usize = 2;

/// Somebody with names of their own in the LocalStack that the tests run on.
struct Developer {
    user: User,
    url: String,
    prefix: String,
    table: String,
}

impl Developer {
    fn new() -> Self {
        let Backend::LocalStack(url) = Backend::chosen() else { panic!("these tests are about LocalStack") };
        let own = format!("dev-{:08x}", rand::rng().random::<u32>());
        Self { user: User::new(), url, prefix: format!("{own}-"), table: own }
    }

    async fn deploy(&self, more: &[&str]) -> Ended {
        let functions = self.user.functions().to_string_lossy().into_owned();
        let mut arguments = vec!["deploy", "--json", "--endpoint-url", &self.url, "--function-prefix", &self.prefix];
        arguments.extend(["--table", &self.table, "--functions", &functions]);
        arguments.extend(more);
        self.user.run(&arguments).await
    }

    /// What a deployment did, in order: the table, then the functions.
    async fn done(&self, more: &[&str]) -> Vec<String> {
        let ended = self.deploy(more).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let done: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        done.iter().map(|line| line["done"].as_str().expect("a word").to_owned()).collect()
    }
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_second_deployment_changes_nothing_and_another_setting_only_what_it_concerns() {
    let developer = Developer::new();
    assert_eq!(developer.done(&[]).await, ["created"; TABLES + FUNCTIONS.len()]);
    assert_eq!(developer.done(&[]).await, ["unchanged"; TABLES + FUNCTIONS.len()]);
    let changed = developer.done(&["--lifetime", "60"]).await;
    let (untold, told) = changed.split_at(TABLES + 1);
    assert_eq!(untold, ["unchanged"; TABLES + 1], "neither the tables nor the authorizer are told");
    assert_eq!(told, ["updated"; FUNCTIONS.len() - 1]);
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_wrong_environment_is_reported_with_the_variable_and_can_be_corrected() {
    let developer = Developer::new();
    let refused = developer.deploy(&["--env", "ROLLCALL_GRACE_S=soon"]).await;
    let (said, _) = json_problem(1, &refused);
    assert!(said.contains("ROLLCALL_GRACE_S must be a whole number"), "{said}");
    assert!(said.contains(&developer.prefix), "which function: {said}");
    let refused = developer.deploy(&["--env", "ROLLCALL_TOKEN_KEYS={}"]).await;
    let (said, _) = json_problem(1, &refused);
    assert!(said.contains("ROLLCALL_TOKEN_KEYS can't be used: not a JWK set"), "{said}");
    assert_eq!(developer.done(&[]).await.len(), TABLES + FUNCTIONS.len(), "it goes on from there");
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn the_gateway_serves_what_was_deployed() {
    let developer = Developer::new();
    let (port, user) = (free_port(), &developer.user);
    let connections = format!("http://127.0.0.1:{port}/local");
    let deployed = developer.deploy(&["--connections-url", &connections]).await;
    let advice = format!(
        "now: rollcall up --backend lambda --endpoint-url {} --function-prefix \"{}\"",
        developer.url, developer.prefix
    );
    assert!(deployed.code == Some(0) && deployed.stderr.contains(&advice), "{deployed:?}");
    let port = port.to_string();
    let up = ["up", "--backend", "lambda", "--endpoint-url", &developer.url, "--function-prefix", &developer.prefix];
    let mut program =
        user.start(&[&up[..], &["--ws-port", &port, "--http-port", "0", "--nodes", "3", "--verbose"]].concat());
    let ready = Up::of(&program).await;
    assert_eq!((&ready.dynamodb, &ready.table), (&developer.url, &developer.table));
    let mut first = user.socket(&ready, "ap-1").await;
    first.check_in(1).await;
    assert!(matches!(first.next().await, Frame::Message(ServerMessage::Ack(_))));
    program.says("check-in: {").await;
    let _second = user.socket(&ready, "ap-1").await;
    assert_eq!(first.dismissed(true).await, Some(ByeReason::Superseded), "the functions reach @connections");
    program.signal("INT");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn what_does_not_fit_is_said_before_anything_is_served() {
    let developer = Developer::new();
    let up = |url: &str| {
        let arguments =
            ["up", "--ws-port", "0", "--http-port", "0", "--backend", "lambda", "--function-prefix", &developer.prefix];
        [&arguments[..], &["--endpoint-url", url]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = developer.user.run(&up(&developer.url)).await;
    let named = format!("--function-prefix \"{}\"", developer.prefix);
    let advice = format!("`rollcall deploy --endpoint-url {} {named}` deploys it", developer.url);
    assert!(problem(&refused).contains(&advice), "nothing is deployed: {refused:?}");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let refused = developer.user.run(&up(&nobody)).await;
    assert!(problem(&refused).contains("nobody answers"), "{refused:?}");

    developer.done(&["--connections-url", "http://127.0.0.1:1/local"]).await;
    let mut program = developer.user.start(&up(&developer.url));
    let warned = program.says("the functions look for @connections at http://127.0.0.1:1/local").await;
    let advice = format!("{named} --table {} --connections-url http://127.0.0.1:", developer.table);
    assert!(warned.contains(&advice), "{warned}");
    program.signal("INT");
    program.ended().await;
}

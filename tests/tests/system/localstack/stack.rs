//! `rollcall --stack`: what a stack of LocalStack's CloudFormation says of itself.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::StackStatus;
use rand::RngExt as _;
use rollcall_aws::{Environment, endpoint_config};
use rollcall_tests::{Backend, Ended, Program, Up, User, problem};
use serde_json::{Value, json};
use tokio::process::Command;

/// How long CloudFormation may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// A stack with nothing to speak of but what it says.
struct Stack {
    user: User,
    url: String,
    client: Client,
    name: String,
}

impl Stack {
    async fn saying(outputs: &[(&str, &str)]) -> Self {
        let Backend::LocalStack(url) = Backend::chosen() else { panic!("these tests are about LocalStack") };
        let client = Client::new(&endpoint_config(&Environment, &url, PATIENCE));
        let name = format!("stack-{:08x}", rand::rng().random::<u32>());
        let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), json!({"Value": value})));
        let topic = json!({"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}});
        let template = json!({"Resources": {"Topic": topic}, "Outputs": Value::Object(outputs.collect())});
        client.create_stack().stack_name(&name).template_body(template.to_string()).send().await.expect("created");
        let stack = Self { user: User::new(), url, client, name };
        stack.until(&StackStatus::CreateComplete).await;
        stack
    }

    async fn until(&self, status: &StackStatus) {
        let reached = async {
            let mut looks = tokio::time::interval(Duration::from_millis(20));
            loop {
                looks.tick().await;
                let described = self.client.describe_stacks().stack_name(&self.name).send().await.expect("described");
                if described.stacks().first().and_then(|stack| stack.stack_status()) == Some(status) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("CloudFormation gets there");
    }

    /// The command of somebody who works with this LocalStack, and has the key of a console on this machine.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.user.command(arguments);
        command.env("AWS_ENDPOINT_URL", &self.url).env_remove("AWS_ENDPOINT_URL_CLOUDFORMATION");
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        Program::start(&mut self.command(arguments)).ended().await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{arguments:?}: {ended:?}");
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    async fn delete(self) {
        self.client.delete_stack().stack_name(&self.name).send().await.expect("deleted");
    }
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn every_command_asks_where_the_stack_says() {
    let owner = User::new();
    let program = owner.start(&owner.up(&[]));
    let up = Up::of(&program).await;
    let stack = Stack { user: owner, ..Stack::saying(&[("HttpUrl", &up.http), ("WebSocketUrl", &up.ws)]).await };
    let name = stack.name.as_str();

    let registered = stack.json(&["--stack", name, "nodes", "register", "ap-1", "--site", "hq"]).await;
    assert_eq!((&registered["node"], &registered["site"]), (&json!("ap-1"), &json!("hq")));
    for list in [&["--stack", name, "nodes"][..], &["nodes", "list", "--stack", name], &["nodes", "--stack", name]] {
        let listed = stack.json(list).await;
        assert_eq!((&listed[0]["node"], &listed[0]["site"]), (&json!("ap-1"), &json!("hq")), "{list:?}: {listed}");
    }
    let mut command = stack.command(&["nodes", "show", "ap-1"]);
    let ended = Program::start(command.env("ROLLCALL_STACK", name)).ended().await;
    assert!(ended.code == Some(0) && ended.stdout.contains("site         hq\n"), "{ended:?}");
    assert_eq!(stack.json(&["--stack", name, "config", "get", "ap-1"]).await["desired"], Value::Null);
    assert_eq!(stack.json(&["--stack", name, "command", "list", "ap-1"]).await, json!([]));

    let token = stack.user.token("ap-1").await;
    let mut node = Program::start(&mut stack.command(&["--stack", name, "node", "--id", "ap-1", "--token", &token]));
    node.says(&format!("ap-1 connects to {}", up.ws)).await;
    node.says("acknowledged").await;
    let mut watch = Program::start(&mut stack.command(&["--stack", name, "watch"]));
    watch.says("1 of 1 online").await;
    for program in [&mut node, &mut watch] {
        program.signal("INT");
        assert_eq!(program.ended().await.code, Some(0));
    }
    stack.delete().await;
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_stack_that_is_not_there_is_said_to_be_missing_in_the_region() {
    let stack = Stack::saying(&[]).await;
    let said = problem(&stack.run(&["--stack", "nobody", "nodes"]).await);
    assert_eq!(
        said,
        "there is no stack nobody in us-east-1: is AWS_REGION right? `infra/deploy --stack nobody` makes it"
    );
    let mut elsewhere = stack.command(&["--stack", &stack.name, "nodes"]);
    let said = problem(&Program::start(elsewhere.env("AWS_REGION", "eu-west-1")).ended().await);
    assert!(said.starts_with(&format!("there is no stack {} in eu-west-1", stack.name)), "{said}");
    stack.delete().await;
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn a_stack_that_does_not_say_where_its_console_is_is_explained() {
    let elsewhere = "http://127.0.0.1:8787/local";
    for (outputs, expected) in [
        (&[][..], "(CREATE_COMPLETE) has no output HttpUrl"),
        (
            &[("ConnectionsUrl", elsewhere)],
            "has no APIs of its own, because its ConnectionsUrl is http://127.0.0.1:8787",
        ),
        (&[("HttpUrl", "console")], "says that its console is at console, which is no URL of one: it must begin with"),
    ] {
        let stack = Stack::saying(outputs).await;
        let said = problem(&stack.run(&["--stack", &stack.name, "nodes", "list"]).await);
        assert!(said.starts_with(&format!("the stack {} {expected}", stack.name)), "{said}");
        stack.delete().await;
    }
}

#[tokio::test]
#[ignore = "needs LocalStack: cargo verify localstack"]
async fn the_development_key_is_not_sent_to_where_a_stack_says() {
    let stack = Stack::saying(&[("HttpUrl", "https://console.invalid")]).await;
    let mut command = stack.command(&["--stack", &stack.name, "nodes"]);
    let said = problem(&Program::start(command.env_remove("ROLLCALL_CONSOLE_KEY")).ended().await);
    assert!(said.contains("development key") && said.contains("https://console.invalid"), "{said}");
    stack.delete().await;
}

//! Commands, from the server's message to the result.

use std::{fs, path::Path};

use rollcall_node::{Handler, Node, NodeConfig, NodeEvent, Report};
use rollcall_wire::{CommandResult, CommandStatus};
use serde_json::{Value, json};

use crate::server::{
    Peer, Server, quick,
    worker::{Hands, worker},
};

fn echo(command: u64) -> Value {
    json!({"type": "command", "command": command, "name": "echo", "args": ["hello"], "expires_in_s": 60})
}

fn done(command: u64, output: &str) -> CommandResult {
    CommandResult { command, status: CommandStatus::Done, output: Some(output.to_owned()) }
}

fn failed(command: u64, why: &str) -> CommandResult {
    CommandResult { command, status: CommandStatus::Failed, output: Some(why.to_owned()) }
}

struct Working {
    node: Node,
    held: Peer,
    hands: Hands,
}

/// A node with this state folder, and the connection that holds it.
async fn working(server: &Server, state: Option<&Path>) -> Working {
    let (program, hands) = worker("2.4");
    let config = NodeConfig { state: state.map(Path::to_owned), ..server.config(quick()) };
    let node = Node::start(config, program);
    Working { node, held: server.peer().await, hands }
}

impl Working {
    /// Acknowledges the next check-in and returns its command results.
    async fn results(&mut self) -> Vec<CommandResult> {
        let check_in = self.held.check_in().await;
        assert!(check_in.ack);
        self.held.ack(check_in.seq).await;
        check_in.results
    }

    async fn stop(self) {
        let (mut held, node) = (self.held, self.node);
        let (stopped, _) = tokio::join!(node.stop(), async move { held.closing().await });
        stopped.expect("stopped");
    }
}

#[tokio::test]
async fn a_command_is_executed_and_its_result_reported_while_the_node_keeps_checking_in() {
    let server = Server::start().await;
    let mut node = working(&server, None).await;
    node.results().await;
    node.held.push(echo(1)).await;
    let command = node.hands.command().await;
    assert_eq!((command.number(), command.name(), command.args().text()), (1, "echo", r#"["hello"]"#));
    node.held.push(echo(1)).await;
    node.node.check_in_now();
    assert_eq!(node.held.check_in().await.results, [], "the command is not finished");
    std::thread::spawn(move || command.done("hello")).join().expect("finished on another thread");
    assert_eq!(node.results().await, [done(1, "hello")]);
    node.hands.event(&NodeEvent::CommandFinished(done(1, "hello"))).await;
    assert_eq!(node.hands.commands_left(), 0, "the command came twice and was executed twice");
}

#[tokio::test]
async fn a_command_that_the_program_drops_without_a_result_is_reported_as_failed() {
    let server = Server::start().await;
    let mut node = working(&server, None).await;
    node.results().await;
    node.held.push(echo(1)).await;
    drop(node.hands.command().await);
    assert_eq!(node.results().await, [failed(1, "the program gave no result")]);
    node.held.push(echo(2)).await;
    node.hands.command().await.failed("no voice");
    assert_eq!(node.results().await, [failed(2, "no voice")]);
}

struct Idle;

impl Handler for Idle {
    fn report(&mut self) -> Report {
        Report::default()
    }
}

#[tokio::test]
async fn a_program_without_commands_and_firmware_reports_them_as_failed() {
    let server = Server::start().await;
    let _node = Node::start(server.config(quick()), Idle);
    let mut held = server.held().await;
    held.push(echo(1)).await;
    assert_eq!(held.check_in().await.results, [failed(1, "this node knows no command echo")]);
    held.ack(2).await;
    held.push(json!({"type": "firmware", "version": "2.5"})).await;
    let update = held.check_in().await.update.expect("an update");
    assert_eq!(update.detail.as_deref(), Some("this node takes no firmware"));
}

#[tokio::test]
async fn a_command_that_ran_while_the_node_restarted_is_reported_as_failed_and_not_executed_again() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().expect("a folder"));
    let mut node = working(&server, Some(folder.path())).await;
    node.results().await;
    node.held.push(echo(7)).await;
    let _unfinished = node.hands.command().await;
    node.stop().await;
    let mut node = working(&server, Some(folder.path())).await;
    assert_eq!(node.results().await, [failed(7, "the node restarted while it ran")]);
    for command in [7, 8] {
        node.held.push(echo(command)).await;
    }
    assert_eq!(node.hands.command().await.number(), 8);
}

#[tokio::test]
async fn a_result_that_was_not_acknowledged_is_reported_after_a_restart() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().expect("a folder"));
    let mut node = working(&server, Some(folder.path())).await;
    node.results().await;
    node.held.push(echo(7)).await;
    node.hands.command().await.done("hello");
    assert_eq!(node.held.check_in().await.results, [done(7, "hello")]);
    node.stop().await;
    let mut node = working(&server, Some(folder.path())).await;
    assert_eq!(node.results().await, [done(7, "hello")]);
}

#[tokio::test]
async fn a_node_that_can_not_write_its_record_executes_nothing() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().expect("a folder"));
    let state = folder.path().join("state");
    fs::write(&state, "no folder").expect("written");
    let mut node = working(&server, Some(&state)).await;
    node.results().await;
    node.held.push(echo(1)).await;
    let results = node.results().await;
    assert_eq!(results[0].status, CommandStatus::Failed);
    let why = results[0].output.clone().expect("a reason");
    assert!(why.starts_with("not executed: its start could not be recorded: "), "{why}");
    assert_eq!(node.hands.commands_left(), 0);
}

#[tokio::test]
async fn a_command_that_is_still_held_does_not_keep_the_node_running() {
    let server = Server::start().await;
    let mut node = working(&server, None).await;
    node.results().await;
    node.held.push(echo(1)).await;
    let command = node.hands.command().await;
    drop(node.node);
    assert_eq!(node.held.closing().await, Some(1000), "the node keeps running");
    command.done("late");
}

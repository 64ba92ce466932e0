//! Commands: at most once, and their results until they are acknowledged.

use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandResult, CommandStatus, MESSAGE_LIMIT_BYTES, NodeMessage, RESULTS};

use super::*;

fn told(command: u64) -> serde_json::Value {
    json!({"command": command, "name": "echo", "args": "hello", "expires_in_s": 60})
}

fn pushed(command: u64) -> serde_json::Value {
    let mut message = told(command);
    message["type"] = json!("command");
    message
}

fn done(command: u64, output: &str) -> CommandResult {
    CommandResult { command, status: CommandStatus::Done, output: Some(output.to_owned()) }
}

fn failed(command: u64, why: &str) -> CommandResult {
    CommandResult { command, status: CommandStatus::Failed, output: Some(why.to_owned()) }
}

impl Bench {
    /// The server pushes a command over the newest connection.
    fn tell(&mut self, command: u64) {
        self.receive(self.link(), &pushed(command));
    }

    fn finish(&mut self, command: u64, output: &str) {
        self.machine.finished(self.now, command, CommandStatus::Done, output);
        self.settle();
    }

    fn executed(&self) -> Vec<u64> {
        self.executed.iter().map(|news| news.command).collect()
    }

    /// What the last check-in said of commands.
    fn results(&self) -> Vec<CommandResult> {
        self.said.last().expect("a check-in").1.results.clone()
    }

    fn ack_last(&mut self) {
        let (link, seq) = self.said.last().map(|(link, said)| (*link, said.seq)).expect("a check-in");
        self.ack(link, seq);
    }

    /// Lets time pass until the next check-in.
    fn check_in(&mut self) -> CheckIn {
        let said = self.said.len();
        self.pass_until(|bench| bench.said.len() > said);
        self.said.last().expect("a check-in").1.clone()
    }

    fn reconnected(&mut self) {
        self.restart();
        self.opened();
    }
}

#[test]
fn a_command_is_executed_once_however_often_and_wherever_it_is_told() {
    let (mut bench, old, new) = Bench::replacing();
    bench.opened();
    for link in [old, new, old] {
        bench.receive(link, &pushed(3));
    }
    bench.finish(3, "hello");
    for link in [old, new] {
        bench.receive(link, &pushed(3));
    }
    assert_eq!(bench.executed(), [3]);
    assert!(matches!(&bench.pushed[..], [Pushed::Command(first), ..] if first.command == 3));
}

#[test]
fn a_command_comes_in_an_ack_as_well() {
    let mut bench = Bench::new();
    bench.opened();
    let mut ack = json!({"type":"ack","seq":1,"next_check_in_s":60,"reconnect_within_s":LIFE_S,"spread_s":20});
    ack["command"] = told(3);
    bench.receive(bench.link(), &ack);
    assert_eq!((bench.executed(), bench.pushed.len()), (vec![3], 0));
}

#[test]
fn what_became_of_a_command_is_said_at_once_and_until_it_is_acknowledged() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(1, "hello");
    let said = bench.said.last().expect("a check-in").1.clone();
    assert_eq!((said.ack, said.results), (true, vec![done(1, "hello")]));
    assert!(bench.events.contains(&NodeEvent::CommandFinished(done(1, "hello"))));
    assert_eq!(bench.check_in().results, [done(1, "hello")], "that was not acknowledged");
    bench.ack_last();
    assert_eq!(bench.check_in().results, []);
}

#[test]
fn a_result_is_said_on_every_connection_and_one_ack_is_enough() {
    let (mut bench, old, new) = Bench::replacing();
    bench.receive(old, &pushed(1));
    bench.opened();
    bench.finish(1, "hello");
    let said = |link| bench.said.iter().rev().find(|(on, _)| *on == link).expect("a check-in").1.clone();
    assert_eq!(said(old).results, [done(1, "hello")]);
    assert_eq!(said(new).results, [done(1, "hello")]);
    let seq = said(old).seq;
    bench.ack(old, seq);
    assert_eq!(bench.check_in().results, []);
}

#[test]
fn an_ack_for_a_check_in_that_did_not_say_it_settles_no_result() {
    let mut bench = Bench::connected();
    bench.machine.check_in_now(bench.now);
    bench.settle();
    let before = bench.said.last().expect("a check-in").1.seq;
    bench.tell(1);
    bench.finish(1, "hello");
    bench.ack(bench.link(), before);
    assert_eq!(bench.check_in().results, [done(1, "hello")]);
    let seq = bench.said.last().expect("a check-in").1.seq;
    bench.receive(bench.link(), &json!({"type": "error", "code": "stale-seq", "message": "", "seq": seq}));
    assert_eq!(bench.check_in().results, [done(1, "hello")], "another check-in is stored, whatever it said");
}

#[test]
fn a_command_that_is_told_while_another_runs_waits_for_its_end_and_not_longer_than_it_may() {
    for (waits, executed) in [(59, vec![1, 2]), (60, vec![1])] {
        let mut bench = Bench::connected();
        bench.tell(1);
        bench.tell(2);
        assert_eq!(bench.executed(), [1]);
        bench.now += s(waits);
        bench.finish(1, "");
        assert_eq!(bench.executed(), executed, "after {waits} s");
    }
}

#[test]
fn told_again_a_command_may_wait_anew() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.tell(2);
    bench.now += s(30);
    bench.tell(2);
    bench.now += s(59);
    bench.finish(1, "");
    assert_eq!(bench.executed(), [1, 2]);
}

#[test]
fn a_command_that_has_no_time_left_is_neither_executed_nor_reported() {
    let mut bench = Bench::connected();
    let mut expired = pushed(1);
    expired["expires_in_s"] = json!(0);
    bench.receive(bench.link(), &expired);
    assert_eq!((bench.executed(), bench.check_in().results), (vec![], vec![]));
    bench.tell(1);
    assert_eq!(bench.executed(), [1], "the server gave it more time");
}

#[test]
fn an_earlier_command_that_comes_late_is_not_executed_and_fails_with_the_next_check_in() {
    let mut bench = Bench::connected();
    bench.tell(2);
    bench.finish(2, "hello");
    bench.ack_last();
    let said = bench.said.len();
    bench.tell(1);
    assert_eq!((bench.executed(), bench.said.len()), (vec![2], said), "an answer to everything would never end");
    let late = failed(1, "not executed: 2 was begun before, and numbers only rise");
    assert_eq!(bench.check_in().results, [late]);
    bench.ack_last();
    assert_eq!(bench.check_in().results, []);
}

#[test]
fn a_command_whose_result_was_acknowledged_is_answered_with_it_again() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(1, "hello");
    bench.ack_last();
    bench.tell(1);
    assert_eq!((bench.executed(), bench.check_in().results), (vec![1], vec![done(1, "hello")]));
}

#[test]
fn a_command_that_ran_while_the_node_restarted_has_failed_and_is_not_executed_again() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.reconnected();
    assert_eq!(bench.results(), [failed(1, "the node restarted while it ran")]);
    bench.tell(1);
    bench.finish(1, "late");
    bench.tell(2);
    assert_eq!(bench.executed(), [1, 2]);
}

#[test]
fn a_node_that_goes_down_before_the_program_has_the_command_does_not_execute_it() {
    let mut bench = Bench::connected();
    bench.crashes_once_it_is_kept = true;
    bench.tell(1);
    bench.opened();
    assert_eq!(bench.results(), [failed(1, "the node restarted while it ran")]);
    bench.tell(1);
    assert_eq!(bench.executed(), Vec::<u64>::new());
}

#[test]
fn a_result_outlives_a_restart_until_it_is_acknowledged() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(1, "hello");
    bench.reconnected();
    assert_eq!(bench.results(), [done(1, "hello")]);
    bench.ack_last();
    bench.reconnected();
    assert_eq!(bench.results(), []);
    bench.tell(1);
    assert_eq!((bench.executed(), bench.check_in().results), (vec![1], vec![done(1, "hello")]));
}

#[test]
fn what_can_not_be_recorded_is_not_executed() {
    let mut bench = Bench::connected();
    bench.disk = Err("no space".to_owned());
    bench.tell(1);
    let why = failed(1, "not executed, for that could not be recorded: no space");
    assert_eq!((bench.executed(), bench.results()), (vec![], vec![why]));
    bench.tell(1);
    bench.disk = Ok(Record::default());
    bench.tell(1);
    bench.tell(2);
    assert_eq!(bench.executed(), [2]);
}

#[test]
fn results_are_clipped_at_a_character() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(1, &format!("x{}", "é".repeat(COMMAND_OUTPUT_BYTES)));
    let output = bench.results()[0].output.clone().expect("output");
    assert_eq!(output, format!("x{}", "é".repeat(COMMAND_OUTPUT_BYTES / 2 - 1)));
}

#[test]
fn a_check_in_fits_a_message_and_what_it_has_no_room_for_is_said_later() {
    let mut bench = Bench::connected();
    for command in 1..=3 {
        bench.tell(command);
        // Six bytes of JSON each.
        bench.finish(command, &"\u{1}".repeat(COMMAND_OUTPUT_BYTES));
    }
    let said = |bench: &Bench| bench.results().iter().map(|result| result.command).collect::<Vec<_>>();
    assert_eq!(said(&bench), [1, 2]);
    let message = NodeMessage::CheckIn(bench.said.last().expect("a check-in").1.clone());
    assert!(serde_json::to_string(&message).expect("JSON").len() <= MESSAGE_LIMIT_BYTES);
    bench.ack_last();
    bench.check_in();
    assert_eq!(said(&bench), [3]);
}

#[test]
fn while_nobody_acknowledges_results_no_more_commands_are_begun() {
    let mut bench = Bench::connected();
    let most = RESULTS as u64;
    for command in 1..=most + 1 {
        bench.tell(command);
        bench.finish(command, "");
    }
    assert_eq!(bench.executed(), (1..=most).collect::<Vec<_>>());
    assert_eq!(bench.results().len(), RESULTS);
    bench.ack_last();
    assert_eq!(bench.executed.last().map(|news| news.command), Some(most + 1));
}

#[test]
fn what_is_finished_after_the_end_or_was_never_begun_changes_nothing() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(2, "another");
    assert_eq!(bench.check_in().results, []);
    bench.machine.stop();
    bench.settle();
    bench.finish(1, "late");
    bench.end = None;
    bench.reconnected();
    assert_eq!(bench.results(), [failed(1, "the node restarted while it ran")]);
}

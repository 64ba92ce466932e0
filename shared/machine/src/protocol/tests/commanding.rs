//! Commands: at most once, and their results until they are acknowledged.

use rollcall_wire::{COMMAND_OUTPUT_BYTES, CommandResult, CommandStatus, MESSAGE_LIMIT_BYTES, NodeMessage, RESULTS};

use super::*;

fn news(command: u64) -> serde_json::Value {
    json!({"command": command, "name": "echo", "args": "hello", "expires_in_s": 60})
}

fn pushed(command: u64) -> serde_json::Value {
    let mut message = news(command);
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

    /// The command results of the last check-in.
    fn results(&self) -> Vec<CommandResult> {
        self.said.last().expect("a check-in").1.results.clone()
    }

    fn ack_last(&mut self) {
        let (link, seq) = self.said.last().map(|(link, check_in)| (*link, check_in.seq)).expect("a check-in");
        self.ack(link, seq);
    }

    /// Lets time pass until the next check-in.
    fn check_in(&mut self) -> CheckIn {
        let before = self.said.len();
        self.pass_until(|bench| bench.said.len() > before);
        self.said.last().expect("a check-in").1.clone()
    }

    fn reconnected(&mut self) {
        self.restart();
        self.opened();
    }
}

#[test]
fn a_command_is_executed_once_however_often_and_on_whichever_connection_it_comes() {
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
fn a_command_in_an_ack_is_executed() {
    let mut bench = Bench::new();
    bench.opened();
    let mut ack = json!({"type":"ack","seq":1,"next_check_in_s":60,"reconnect_within_s":LIFE_S,"spread_s":20});
    ack["command"] = news(3);
    bench.receive(bench.link(), &ack);
    assert_eq!((bench.executed(), bench.pushed.len()), (vec![3], 0));
}

#[test]
fn a_result_is_reported_at_once_and_until_it_is_acknowledged() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(1, "hello");
    let check_in = bench.said.last().expect("a check-in").1.clone();
    assert_eq!((check_in.ack, check_in.results), (true, vec![done(1, "hello")]));
    assert!(bench.events.contains(&NodeEvent::CommandFinished(done(1, "hello"))));
    assert_eq!(bench.check_in().results, [done(1, "hello")], "the check-in was not acknowledged");
    bench.ack_last();
    assert_eq!(bench.check_in().results, []);
}

#[test]
fn a_result_is_reported_on_every_connection_and_one_ack_is_enough() {
    let (mut bench, old, new) = Bench::replacing();
    bench.receive(old, &pushed(1));
    bench.opened();
    bench.finish(1, "hello");
    let last = |link| bench.said.iter().rev().find(|(on, _)| *on == link).expect("a check-in").1.clone();
    assert_eq!(last(old).results, [done(1, "hello")]);
    assert_eq!(last(new).results, [done(1, "hello")]);
    let seq = last(old).seq;
    bench.ack(old, seq);
    assert_eq!(bench.check_in().results, []);
}

#[test]
fn an_ack_for_a_check_in_without_the_result_does_not_acknowledge_the_result() {
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
    assert_eq!(bench.check_in().results, [done(1, "hello")], "the stored check-in may be another one");
}

#[test]
fn a_command_that_comes_while_another_runs_waits_for_its_end_but_not_past_its_expiry() {
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
fn a_command_that_comes_again_has_the_whole_time_again() {
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
fn an_earlier_command_that_comes_late_is_not_executed_and_is_reported_as_failed() {
    let mut bench = Bench::connected();
    bench.tell(2);
    bench.finish(2, "hello");
    bench.ack_last();
    let before = bench.said.len();
    bench.tell(1);
    assert_eq!((bench.executed(), bench.said.len()), (vec![2], before), "a check-in at once would be answered again");
    let late = failed(1, "not executed: command 2 was begun before, and command numbers only rise");
    assert_eq!(bench.check_in().results, [late]);
    bench.ack_last();
    assert_eq!(bench.check_in().results, []);
}

#[test]
fn a_command_that_comes_again_after_its_result_was_acknowledged_is_answered_with_the_result_again() {
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
fn a_node_that_restarts_before_the_program_has_the_command_does_not_execute_it() {
    let mut bench = Bench::connected();
    bench.crashes_once_it_is_kept = true;
    bench.tell(1);
    bench.opened();
    assert_eq!(bench.results(), [failed(1, "the node restarted while it ran")]);
    bench.tell(1);
    assert_eq!(bench.executed(), Vec::<u64>::new());
}

#[test]
fn a_result_is_kept_over_a_restart_until_it_is_acknowledged() {
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
fn a_command_whose_start_can_not_be_recorded_is_not_executed() {
    let mut bench = Bench::connected();
    bench.disk = Err("no space".to_owned());
    bench.tell(1);
    let why = failed(1, "not executed: its start could not be recorded: no space");
    assert_eq!((bench.executed(), bench.results()), (vec![], vec![why]));
    bench.tell(1);
    bench.disk = Ok(Record::default());
    bench.tell(1);
    bench.tell(2);
    assert_eq!(bench.executed(), [2]);
}

#[test]
fn results_are_clipped_between_characters() {
    let mut bench = Bench::connected();
    bench.tell(1);
    bench.finish(1, &format!("x{}", "é".repeat(COMMAND_OUTPUT_BYTES)));
    let output = bench.results()[0].output.clone().expect("output");
    assert_eq!(output, format!("x{}", "é".repeat(COMMAND_OUTPUT_BYTES / 2 - 1)));
}

#[test]
fn a_check_in_fits_a_message_and_results_without_room_are_reported_later() {
    let mut bench = Bench::connected();
    for command in 1..=3 {
        bench.tell(command);
        // Each of these characters takes six bytes of JSON.
        bench.finish(command, &"\u{1}".repeat(COMMAND_OUTPUT_BYTES));
    }
    let reported = |bench: &Bench| bench.results().iter().map(|result| result.command).collect::<Vec<_>>();
    assert_eq!(reported(&bench), [1, 2]);
    let message = NodeMessage::CheckIn(bench.said.last().expect("a check-in").1.clone());
    assert!(serde_json::to_string(&message).expect("JSON").len() <= MESSAGE_LIMIT_BYTES);
    bench.ack_last();
    bench.check_in();
    assert_eq!(reported(&bench), [3]);
}

#[test]
fn while_too_many_results_are_not_acknowledged_no_command_is_begun() {
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
fn a_result_after_the_end_or_of_a_command_that_was_never_begun_is_ignored() {
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

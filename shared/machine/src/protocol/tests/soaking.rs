//! The memory of a node that runs for long does not grow.

use rollcall_wire::CommandStatus;

use super::configuring::pushed;
use super::*;

/// Check-ins, over several weeks.
const CHECK_INS: usize = 100_000;

/// How much a machine may hold, as it is written down for debugging, in characters: its queues, its history, its
/// record. Two thirds of that are usual while 32 check-ins are not acknowledged.
const LARGEST: usize = 16_000;

/// After how many rounds the size is measured: measuring takes most of the time of this test.
const ROUNDS_PER_LOOK: u64 = 13;

impl Bench {
    /// Clears everything that was collected. Returns how many check-ins were among it.
    fn forget(&mut self) -> usize {
        let check_ins = self.said.len();
        let last = self.opened.split_off(self.opened.len() - 1);
        self.opened = last;
        self.events.clear();
        self.said.clear();
        self.closed.clear();
        self.dropped.clear();
        self.pushed.clear();
        self.asked.clear();
        self.fetches.clear();
        self.applied.clear();
        self.rolled_back.clear();
        self.executed.clear();
        self.offered.clear();
        self.located.clear();
        self.downloads.clear();
        self.installs.clear();
        check_ins
    }

    fn size(&self) -> usize {
        format!("{:?}", self.machine).len()
    }
}

/// One round: time passes, the server answers in one of several ways or not at all, and sends something by itself.
fn round(bench: &mut Bench, round: u64) {
    bench.now = bench.machine.deadline().expect("something to wait for").max(bench.now);
    bench.settle();
    bench.opened();
    let link = bench.link();
    let Some((on, CheckIn { seq, .. })) = bench.said.last().cloned() else { return };
    match round % 11 {
        0 => {}
        1 => bench.receive(on, &json!({"type":"error","code":"unavailable","message":"","seq":seq})),
        2 => bench.receive(on, &json!({"type":"error","code":"invalid-field","message":"","seq":seq})),
        3 => {
            let stale = json!({"type":"error","code":"stale-seq","message":"","seq":seq,"stored_seq":seq + 1});
            bench.receive(on, &stale);
        }
        4 => bench.receive(on, &json!({"type":"slow-down","retry_after_s":30,"seq":seq})),
        _ => bench.ack(on, seq),
    }
    match round % 17 {
        0 => bench.receive(link, &pushed(round)),
        1..=4 => {
            let news = json!({"type":"command","command":round,"name":"echo","args":"x".repeat(100),"expires_in_s":9});
            bench.receive(link, &news);
        }
        5 => bench.receive(link, &json!({"type":"command","command":round / 2,"name":"echo","expires_in_s":9})),
        6 => bench.receive(link, &json!({"type":"firmware","version":round.to_string()})),
        7 => bench.receive(link, &json!({"type":"reconnect","within_s":5})),
        8 if round.is_multiple_of(5) => bench.server_closes(link),
        9 if round.is_multiple_of(3) => bench.receive(link, &json!({"type":"bye","reason":"superseded"})),
        10 => bench.receive(link, &json!({"type":"unheard-of","round":round})),
        11 => bench.fail(),
        _ => bench.machine.check_in_now(bench.now),
    }
    // The program asks for many check-ins, whose answers are late.
    if round.is_multiple_of(10 * ROUNDS_PER_LOOK) {
        for _ in 0..100 {
            bench.machine.check_in_now(bench.now);
            bench.settle();
        }
    }
    if let Some(news) = bench.executed.last().cloned() {
        bench.machine.finished(bench.now, news.command, CommandStatus::Done, &"y".repeat(200));
    }
    bench.settle();
    bench.opened();
}

#[test]
fn after_a_hundred_thousand_check_ins_a_node_is_as_small_as_after_a_few_thousand() {
    let mut bench = Bench::connected();
    bench.accepts = Err("not for this board".to_owned());
    let (mut check_ins, mut rounds, mut early, mut late, mut record) = (0, 0, 0, 0, 0);
    while check_ins < CHECK_INS {
        rounds += 1;
        round(&mut bench, rounds);
        check_ins += bench.forget();
        if rounds % ROUNDS_PER_LOOK > 0 {
            continue;
        }
        let most = if check_ins < CHECK_INS / 10 { &mut early } else { &mut late };
        *most = bench.size().max(*most);
        record = serde_json::to_vec(&bench.machine.record()).expect("JSON").len().max(record);
        assert!(*most <= LARGEST, "{most} after {check_ins} check-ins: {:?}", bench.machine);
    }
    assert!(late <= early * 5 / 4, "the node grew from {early} to {late}");
    assert!(record <= 4096, "the record grew to {record} bytes");
    assert!(bench.now > s(14 * 24 * 3600), "only {:?}", bench.now);
}

use rollcall_wire::CheckIn;

use super::Story;
use super::story::device;
use crate::observation::{Device, Seen};

#[test]
fn what_no_longer_matters_is_forgotten() {
    let mut story = Story::with(&[], |settings| settings.budget = 0);
    story.at(1).registers(0);
    let mut remembered = [0; 3];
    for day in 0..300_u64 {
        let second = 10 + day * 86_400;
        let (who, connection) = (Device { run: u32::try_from(day).expect("few"), ..device(0) }, format!("A{day}"));
        story.at(second).connects(who, &connection);
        for seq in 1..10 {
            story.at(second + seq * 300).checks_in(who, &connection, &CheckIn::idle(seq));
        }
        let node = story.id(0);
        let connection = connection.parse().expect("an id");
        story.at(second + 4_000).sees(Seen::Stopped { who, crashed: true }).sees(Seen::Ended { node, connection });
        let most = story.remembered();
        remembered = std::array::from_fn(|of| remembered[of].max(most[of]));
    }
    story.is_right();
    assert!(remembered[0] <= 3 && remembered[1] <= 3, "sockets, links, commands: {remembered:?}");
}

#[test]
fn only_the_last_commands_of_a_node_are_remembered() {
    let mut story = Story::new();
    story.at(1).registers(0);
    for nth in 0..700_u64 {
        super::commands::queues(story.at(10 + nth * 60), &format!("k{nth}"), 30);
    }
    story.is_right();
    assert!(story.remembered()[2] <= 512, "{:?}", story.remembered());
}

//! A node: whatever its server, its network and its program do to it.

mod history;
mod network;
mod node;
mod program;

use rollcall_machine::Record;

use crate::Outcomes;
use history::History;
use node::Node;

/// How many events an input has at most.
const EVENTS: usize = 200;

/// Lines, of which each is an event. Connections are named by their place among those that were opened: `0` is the
/// newest one, `1` the one before it.
///
/// | line | event |
/// |---|---|
/// | `pass MS`, `due` | time passes; time passes until something is due |
/// | `opened`, `unreachable`, `refused STATUS [SECONDS]` | how the newest connection opened |
/// | `text N JSON` | a message comes; `SEQ` in it stands for the last sequence number that was sent on the connection |
/// | `heard N`, `closed N CODE`, `lost N`, `gone N` | on a connection |
/// | `fetched VERSION DOCUMENT`, `unfetched VERSION` | the end of a fetch |
/// | `downloaded VERSION HOW` | `complete`, `refused`, `broken`, `further`, `wrong` or `impossible` |
/// | `deliver`, `drop` | what the program kept is done; it is dropped |
/// | `check-in`, `cut`, `stop` | the program asks for a check-in, for the end of the connections, or of the run |
/// | `disk works`, `disk fails` | whether the record can be written |
/// | `restart` | the node starts again, with its record |
pub fn machine(data: &[u8]) -> Outcomes {
    let text = String::from_utf8_lossy(data);
    let history = History::default();
    let mut seed = data.len() as u64;
    let mut node = Node::start(&history, Record::default(), seed);
    for line in text.lines().take(EVENTS) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "restart" {
            seed += 1;
            let record = node.record();
            drop(node);
            history.restart();
            node = Node::start(&history, record, seed);
        } else {
            node.happens(word, rest);
        }
        node.check();
    }
    history.outcomes()
}

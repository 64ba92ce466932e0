//! A whole node: `ROLLCALL_URL=ws://127.0.0.1:4000/live ROLLCALL_TOKEN=… cargo run -p rollcall-node --example node`.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]
#![allow(clippy::disallowed_methods, reason = "a node has no other configuration than this")]

use std::{env, error::Error, time::Instant};

use rollcall_node::{Applied, Configuration, Handler, Node, NodeConfig, NodeEvent, Pushed, Report, wire::Health};
use serde_json::Value;

struct AccessPoint {
    booted: Instant,
    channel: u64,
    channel_before: u64,
}

impl Handler for AccessPoint {
    fn report(&mut self) -> Report {
        Report {
            firmware: Some("2.4.1".to_owned()),
            health: Some(Health { uptime_s: Some(self.booted.elapsed().as_secs()), ..Health::default() }),
            // The library reports what it applied. A device that restarts also says here what it still runs.
            config: None,
        }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let document: Value = serde_json::from_str(&configuration.document).unwrap_or_default();
        let Some(wanted) = document["channel"].as_u64() else { return Applied::Rejected("no channel".to_owned()) };
        self.channel_before = self.channel;
        self.channel = wanted.clamp(1, 13);
        if self.channel == wanted {
            Applied::Applied
        } else {
            Applied::Substituted(format!("channel {}", self.channel))
        }
    }

    /// The server could not be reached on that channel.
    fn roll_back(&mut self, _from: &Configuration) {
        self.channel = self.channel_before;
    }

    fn pushed(&mut self, message: Pushed) {
        // A type that the library does not know yet arrives as JSON, so that a node can be ahead of it.
        println!("pushed: {message:?}");
    }

    fn event(&mut self, event: NodeEvent) {
        println!("{event:?}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = NodeConfig::new(env::var("ROLLCALL_URL")?, env::var("ROLLCALL_TOKEN")?);
    config.http_url = env::var("ROLLCALL_HTTP_URL").ok();
    let access_point = AccessPoint { booted: Instant::now(), channel: 1, channel_before: 1 };
    let mut node = Node::start(config, access_point);
    tokio::select! {
        ended = node.ended() => return Ok(ended?),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(node.stop().await?)
}

//! A whole node: `ROLLCALL_URL=ws://127.0.0.1:4000/live ROLLCALL_TOKEN=… cargo run -p rollcall-node --example node`.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]
#![allow(clippy::disallowed_methods, reason = "a node has no other configuration than this")]

use std::{env, error::Error, time::Instant};

use rollcall_node::{
    Handler, Node, NodeConfig, NodeEvent, Pushed, Report,
    wire::{ConfigReport, ConfigStatus, Health},
};

struct AccessPoint {
    booted: Instant,
    config: Option<ConfigReport>,
}

impl Handler for AccessPoint {
    fn report(&mut self) -> Report {
        Report {
            firmware: Some("2.4.1".to_owned()),
            config: self.config.clone(),
            health: Some(Health { uptime_s: Some(self.booted.elapsed().as_secs()), ..Health::default() }),
        }
    }

    fn pushed(&mut self, message: Pushed) {
        println!("pushed: {message:?}");
        // A type that the library does not know yet arrives as JSON, so that a node can be ahead of it.
        if let Pushed::Other(message) = message
            && message["type"] == "config"
            && let Some(version) = message["version"].as_u64()
        {
            self.config = Some(ConfigReport { version, status: ConfigStatus::Applied, detail: None });
        }
    }

    fn event(&mut self, event: NodeEvent) {
        println!("{event:?}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = NodeConfig::new(env::var("ROLLCALL_URL")?, env::var("ROLLCALL_TOKEN")?);
    let mut node = Node::start(config, AccessPoint { booted: Instant::now(), config: None });
    tokio::select! {
        ended = node.ended() => return Ok(ended?),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(node.stop().await?)
}

//! A complete node: `ROLLCALL_URL=ws://127.0.0.1:4000/live ROLLCALL_TOKEN=… cargo run -p rollcall-node --example node`.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]
#![allow(clippy::disallowed_methods, reason = "a node has no other configuration than this")]

use std::{env, error::Error, path::PathBuf, time::Instant};

use rollcall_node::{
    Applied, Command, Configuration, Firmware, Handler, Node, NodeConfig, NodeEvent, Pushed, Report, wire::Health,
};
use serde_json::Value;

struct AccessPoint {
    booted: Instant,
    channel: u64,
    channel_before: u64,
    firmware: String,
}

impl Handler for AccessPoint {
    fn report(&mut self) -> Report {
        Report {
            firmware: Some(self.firmware.clone()),
            health: Some(Health { uptime_s: Some(self.booted.elapsed().as_secs()), ..Health::default() }),
            // The library reports what it applied in this run. A device that kept its configuration over a restart
            // would name it here.
            config: None,
        }
    }

    fn apply(&mut self, configuration: &Configuration) -> Applied {
        let document: Value = serde_json::from_str(&configuration.document).unwrap_or_default();
        let Some(desired) = document["channel"].as_u64() else { return Applied::Rejected("no channel".to_owned()) };
        self.channel_before = self.channel;
        self.channel = desired.clamp(1, 13);
        if self.channel == desired {
            Applied::Applied
        } else {
            Applied::Substituted(format!("channel {}", self.channel))
        }
    }

    /// The server could not be reached on that channel.
    fn roll_back(&mut self, _from: &Configuration) {
        self.channel = self.channel_before;
    }

    fn execute(&mut self, command: Command) {
        match command.name() {
            "channel" => command.done(self.channel.to_string()),
            // A command that takes long is moved to a task of its own, which finishes it.
            "scan" => drop(tokio::spawn(async move { command.done(scan().await) })),
            _ => command.unsupported(),
        }
    }

    fn accept_firmware(&mut self, version: &str) -> Result<(), String> {
        if version.starts_with("2.") { Ok(()) } else { Err("not for this board".to_owned()) }
    }

    /// A real device checks the signature, writes the image to its other slot, calls `restarts`, and then restarts. It
    /// keeps the old slot until `NodeEvent::UpdateApplied`.
    fn install(&mut self, firmware: Firmware) {
        if firmware.signature().is_empty() {
            return firmware.failed("not signed");
        }
        firmware.version().clone_into(&mut self.firmware);
        firmware.runs();
    }

    fn pushed(&mut self, message: Pushed) {
        // A message of a type that the library does not know arrives as JSON, so that a program can handle it.
        println!("pushed: {message:?}");
    }

    fn event(&mut self, event: NodeEvent) {
        println!("{event:?}");
    }
}

async fn scan() -> String {
    tokio::task::yield_now().await;
    "2 neighbours".to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = NodeConfig::new(env::var("ROLLCALL_URL")?, env::var("ROLLCALL_TOKEN")?);
    config.http_url = env::var("ROLLCALL_HTTP_URL").ok();
    config.state = env::var("ROLLCALL_STATE").ok().map(PathBuf::from);
    let firmware = "2.4.1".to_owned();
    let access_point = AccessPoint { booted: Instant::now(), channel: 1, channel_before: 1, firmware };
    let mut node = Node::start(config, access_point);
    tokio::select! {
        ended = node.ended() => return Ok(ended?),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(node.stop().await?)
}

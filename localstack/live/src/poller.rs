//! Nodes that poll: they check in by HTTP, at the time that the last answer named.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use rollcall_core::NodeId;
use rollcall_fleet::{Device, FIRST_FIRMWARE, Seen};
use rollcall_token::Signer;
use rollcall_wire::{CheckIn, NodeMessage, ServerMessage};

use crate::application::Http;
use crate::device::token;
use crate::witness::Witness;

/// When to poll again if the answer names no time, or there is none.
const AGAIN_S: u64 = 5;

/// A node that polls.
pub(crate) struct Poller {
    pub(crate) node: usize,
    pub(crate) id: NodeId,
    pub(crate) http: Http,
    pub(crate) signer: Arc<Signer>,
    pub(crate) witness: Witness,
    pub(crate) seed: u64,
}

impl Poller {
    /// Polls until it is dropped.
    pub(crate) async fn live(self) {
        let who = Device { node: self.node, device: 0, run: 0 };
        self.witness.see(Seen::Started { who, record_was_lost: false });
        self.witness.see(Seen::Token { who, credentials: 1 });
        self.witness.see(Seen::Runs { who, firmware: FIRST_FIRMWARE.to_owned() });
        let Some(token) = token(&self.signer, &self.id, 1) else { return };
        let headers = [("authorization", format!("Bearer {token}"))];
        let mut random = SmallRng::seed_from_u64(self.seed);
        let mut seq = 0;
        loop {
            seq += 1;
            let check_in = CheckIn { firmware: Some(FIRST_FIRMWARE.to_owned()), ..CheckIn::idle(seq) };
            let message = NodeMessage::CheckIn(check_in);
            let body = serde_json::to_string(&message).ok();
            self.witness.see(Seen::Sent { who, link: None, message });
            let reply = self.http.send("POST", "/v1/check-in", &headers, body).await;
            let status = reply.as_ref().map_or(0, |reply| reply.status);
            self.witness.see(Seen::PollAnswered { who, status });
            let mut again = AGAIN_S;
            if let Some(reply) = reply {
                if let Ok(message) = serde_json::from_slice::<ServerMessage>(&reply.body) {
                    self.witness.see(Seen::Received { who, link: None, message });
                }
                let named = reply.headers.get("retry-after").and_then(|seconds| seconds.to_str().ok()?.parse().ok());
                again = named.unwrap_or(AGAIN_S);
            }
            let jitter = random.random_range(0..500);
            tokio::time::sleep(Duration::from_secs(again) + Duration::from_millis(jitter)).await;
        }
    }
}

//! The write that a check-in is, without a function around it.

use std::time::Instant;

use aws_sdk_dynamodb::Client;

use crate::event::Direct;
use crate::table::{Figures, Times};

/// `UpdateItem` by the SDK, from this process.
pub(crate) struct Bare {
    direct: Direct,
    seq: u64,
    answers: Times,
}

impl Bare {
    pub(crate) async fn new(client: Client) -> Self {
        let direct = Direct::new(client, "bench-bare");
        direct.connect().await;
        Self { direct, seq: 0, answers: Times::default() }
    }

    /// Calls this often.
    pub(crate) async fn call(&mut self, calls: usize, measured: bool) {
        for _ in 0..calls {
            self.seq += 1;
            let sent = Instant::now();
            self.direct.check_in(self.seq).await;
            self.answers.add(sent, measured);
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            name: "bare UpdateItem",
            versions: "the SDK alone, from this process".to_owned(),
            zip_mb: None,
            cold_ms: None,
            warm_ms: self.answers.ms(0.50),
            warm_p99_ms: self.answers.ms(0.99),
            rss_mb: None,
        }
    }
}

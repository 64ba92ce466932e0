//! The health of the server. Anybody may ask for it, without being able to cause load.

use std::sync::Mutex;

use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents, Store as _, chain};
use rollcall_core::Timestamp;
use rollcall_wire::console::{HealthView, PartHealth, Problem, ProblemCode};

use crate::console::handle::{Admitted, Answered, Console, parse};
use crate::console::keys::Scope;

/// How long the last result is told to senders without a key, in milliseconds: if it was good, and if it was bad, which
/// should be over soon.
const GOOD_MS: u64 = 10_000;
const BAD_MS: u64 = 1_000;

/// The last result, and when it was found.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<(Timestamp, bool)>>);

impl Health {
    /// The last result, if it is recent enough to be told to senders without a key.
    fn recent(&self, now: Timestamp) -> Option<bool> {
        let (at, is_well) = (*self.0.lock().ok()?)?;
        let valid_ms = if is_well { GOOD_MS } else { BAD_MS };
        // A result from later than now was found by another clock.
        now.0.checked_sub(at.0).is_some_and(|age| age < valid_ms).then_some(is_well)
    }

    fn note(&self, now: Timestamp, is_well: bool) {
        if let Ok(mut last) = self.0.lock() {
            *last = Some((now, is_well));
        }
    }
}

impl<S: Store, C: Connections, K: Clock> Console<S, C, K> {
    /// Whether the parts that every request needs answer. A sender with a key is told the present result.
    pub(crate) async fn health(&self, admitted: &Admitted<'_>) -> Answered {
        let is_known = self.keys.admit(admitted.request, Scope::Read).is_ok();
        let recent = self.health.recent(admitted.now).filter(|_| !is_known);
        let is_well = if let Some(is_well) = recent {
            is_well
        } else {
            let is_well = self.table_answers().await?;
            self.health.note(admitted.now, is_well);
            is_well
        };
        if is_well {
            return Ok(HttpAnswer::json(200, &HealthView { table: PartHealth::Ok }));
        }
        Err(Problem::new(ProblemCode::Unavailable, "the table does not answer"))
    }

    async fn table_answers(&self) -> Result<bool, Problem> {
        // Any node will do: it only matters whether there is an answer.
        let answer = self.store.read(&parse("health-check", "node")?).await;
        Ok(answer.inspect_err(|error| tracing::error!(outcome = "failed", error = chain(error), "health")).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_result_is_told_for_a_while_and_a_bad_one_for_a_shorter_time() {
        let health = Health::default();
        assert_eq!(health.recent(Timestamp(0)), None);
        health.note(Timestamp(5_000), true);
        assert_eq!(
            [5_000, 14_999, 15_000, 4_999].map(|at| health.recent(Timestamp(at))),
            [Some(true), Some(true), None, None]
        );
        health.note(Timestamp(15_000), false);
        assert_eq!([15_999, 16_000].map(|at| health.recent(Timestamp(at))), [Some(false), None]);
    }
}

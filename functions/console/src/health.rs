//! Whether the server is well: anybody may ask, and nobody can make it work for that.

use std::sync::Mutex;

use rollcall_aws::http::HttpAnswer;
use rollcall_aws::{Connections, Documents, Store as _, chain};
use rollcall_core::Timestamp;
use rollcall_wire::console::{Problem, ProblemCode};

use crate::handle::{Answered, Asked, Console, parse};
use crate::keys::Scope;

/// How long what was found is told to strangers, in milliseconds: the good, and the bad, which should be over soon.
const GOOD_MS: u64 = 10_000;
const BAD_MS: u64 = 1_000;

/// What was found last, and when.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<(Timestamp, bool)>>);

impl Health {
    /// What a stranger is told, if that is known.
    fn recent(&self, now: Timestamp) -> Option<bool> {
        let (at, is_well) = (*self.0.lock().ok()?)?;
        let kept = if is_well { GOOD_MS } else { BAD_MS };
        // What was found later than now was found by another clock.
        now.0.checked_sub(at.0).is_some_and(|age| age < kept).then_some(is_well)
    }

    fn found(&self, now: Timestamp, is_well: bool) {
        if let Ok(mut found) = self.0.lock() {
            *found = Some((now, is_well));
        }
    }
}

impl<D: Documents, C: Connections> Console<D, C> {
    /// Whether the parts that every request needs answer. Who has a key is told what is so now.
    pub(crate) async fn health(&self, asked: &Asked<'_>) -> Answered {
        let is_known = self.keys.admit(asked.request, Scope::Read).is_ok();
        let recent = self.health.recent(asked.now).filter(|_| !is_known);
        let is_well = if let Some(is_well) = recent {
            is_well
        } else {
            let is_well = self.table_answers().await?;
            self.health.found(asked.now, is_well);
            is_well
        };
        if is_well {
            return Ok(HttpAnswer::body(200, "application/json", r#"{"table":"ok"}"#.to_owned()));
        }
        Err(Problem::new(ProblemCode::Unavailable, "the table does not answer"))
    }

    async fn table_answers(&self) -> Result<bool, Problem> {
        // Any node will do: what is asked is whether there is an answer.
        let answer = self.store.read(&parse("health-check", "node")?).await;
        Ok(answer.inspect_err(|error| tracing::error!(outcome = "failed", error = chain(error), "health")).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_for_a_while_and_a_failure_not_for_long() {
        let health = Health::default();
        assert_eq!(health.recent(Timestamp(0)), None);
        health.found(Timestamp(5_000), true);
        assert_eq!(
            [5_000, 14_999, 15_000, 4_999].map(|at| health.recent(Timestamp(at))),
            [Some(true), Some(true), None, None]
        );
        health.found(Timestamp(15_000), false);
        assert_eq!([15_999, 16_000].map(|at| health.recent(Timestamp(at))), [Some(false), None]);
    }
}

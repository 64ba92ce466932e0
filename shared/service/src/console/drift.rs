//! The application says that its database and this one differ.

use rollcall_wire::EventData;
use rollcall_wire::console::{DriftReport, DriftTold, Problem, ProblemCode};
use rollcall_wire::events::Drift;

use crate::clock::Clock;
use crate::connections::Connections;
use crate::console::audit::Changed;
use crate::console::handle::{Admitted, Answered, Console, object};
use crate::http::HttpAnswer;
use crate::queue::Queue;
use crate::store::Store;

/// The largest number that every reader of JSON keeps exactly (RFC 8259, section 6).
const MOST: u64 = (1 << 53) - 1;

impl<S: Store, C: Connections, K: Clock, Q: Queue> Console<S, C, K, Q> {
    /// Tells of a difference: `drift.found`.
    pub(crate) async fn drift(&self, admitted: &Admitted<'_>) -> Answered {
        let DriftReport { compared, missing, unknown, changed, stale } = object(&admitted.body()?)?;
        if [compared, missing, unknown, changed, stale].into_iter().any(|count| count > MOST) {
            return Err(Problem::new(ProblemCode::InvalidBody, format!("a number must be at most {MOST}")));
        }
        let data = EventData::DriftFound(Drift { compared, missing, unknown, changed, stale });
        let event = self.log_and_tell(admitted, &Changed::Nothing, &data).await?;
        Ok(HttpAnswer::json(202, &DriftTold { event }))
    }
}

//! A schedule: a rule of Amazon `EventBridge` with a rate.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rollcall_gateway::Invoke;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

/// Invokes a function at a rate. Dropping it ends it; an invocation that is under way then may go on.
#[derive(Debug)]
pub struct Schedule(AbortHandle);

impl Schedule {
    /// Invokes this function after each period, and never twice at a time: while an invocation takes longer than a
    /// period, none is begun. An invocation that fails is not repeated; the next one comes soon.
    ///
    /// `rule` is the name of the rule, and `now` the clock by which the event says its time, in milliseconds since 1970.
    pub fn every(period: Duration, rule: &str, function: &str, invoke: Arc<dyn Invoke>, now: fn() -> u64) -> Self {
        let (rule, function) = (rule.to_owned(), function.to_owned());
        let invoking = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick is at once.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                if let Err(error) = invoke.invoke(&function, event(&rule, now())).await {
                    tracing::warn!(%error, function, "a scheduled invocation failed");
                }
            }
        });
        Self(invoking.abort_handle())
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The event of a rule (Amazon `EventBridge`, "Scheduled events").
fn event(rule: &str, now: u64) -> Bytes {
    let seconds = i64::try_from(now / 1000).unwrap_or_default();
    let second = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let event = json!({
        "version": "0",
        "id": format!("{now:032x}"),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": second.format(&Rfc3339).unwrap_or_default(),
        "region": "us-east-1",
        "resources": [format!("arn:aws:events:us-east-1:123456789012:rule/{rule}")],
        "detail": {}
    });
    Bytes::from(event.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use rollcall_gateway::InvokeError;
    use serde_json::Value;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    /// Fails the first invocation, and passes every payload on.
    struct Failing(Mutex<u32>, UnboundedSender<Bytes>);

    impl Invoke for Failing {
        fn invoke(
            &self,
            function: &str,
            payload: Bytes,
        ) -> futures_util::future::BoxFuture<'static, Result<Bytes, InvokeError>> {
            assert_eq!(function, "sweep");
            let mut count = self.0.lock().expect("nobody panics with it");
            *count += 1;
            let failed = (*count == 1).then_some(InvokeError::TimedOut);
            self.1.send(payload).expect("somebody receives");
            Box::pin(async move { failed.map_or(Ok(Bytes::new()), Err) })
        }
    }

    #[tokio::test]
    async fn a_schedule_invokes_its_function_again_and_again_whether_it_fails_or_not() {
        let (sender, mut payloads) = unbounded_channel();
        let invoke = Arc::new(Failing(Mutex::default(), sender));
        let schedule = Schedule::every(Duration::from_millis(1), "minutely", "sweep", invoke, || 1_500);
        for _ in 0..3 {
            let event: Value = serde_json::from_slice(&payloads.recv().await.expect("an event")).expect("JSON");
            assert_eq!((&event["source"], &event["time"]), (&json!("aws.events"), &json!("1970-01-01T00:00:01Z")));
        }
        drop(schedule);
        while payloads.recv().await.is_some() {}
    }
}

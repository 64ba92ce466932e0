//! Reads the records of a stream.

use lambda_runtime::Diagnostic;
use rollcall_aws::{BatchReply, StreamEvent, now};
use rollcall_service::{Feed, Queue, Store, chain};

/// Handles the records of an invocation. The answer names the first one that failed, if one did; it and those behind it
/// come again.
pub(crate) async fn handle(event: StreamEvent, feed: &Feed<impl Store, impl Queue>) -> Result<BatchReply, Diagnostic> {
    let (mut changes, mut failed) = (vec![], None);
    for change in event.changes() {
        match change {
            Ok(change) => changes.push(change),
            Err(unreadable) => {
                if let Err(error) = feed.discard(&unreadable).await {
                    tracing::error!(outcome = "failed", error = chain(&error), Failures = 1, "feed");
                    failed = Some(unreadable.sequence);
                    break;
                }
            }
        }
    }
    if let Err(place) = feed.run(&changes, now()).await {
        failed = changes.get(place).map(|change| change.sequence.clone());
    }
    Ok(StreamEvent::reply(failed.as_deref()))
}

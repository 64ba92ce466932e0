//! The one flow of a check-in, however it came: by a WebSocket or by polling.

use rollcall_core::{AckTerms, Event, Policy, Refusal, Reply};
use rollcall_wire::{CommandResult, ErrorCode, ServerMessage};

use crate::commands::{Times, end_commands};
use crate::connections::Connections;
use crate::documents::Documents;
use crate::firmware::Images;
use crate::news::News;
use crate::record::{RecordError, carry_out, record};
use crate::reply::{About, error_frame};
use crate::store::{Store, Units};

/// Handles what nodes send, with all that it needs.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CheckIns<S, G> {
    pub store: S,
    pub documents: Documents,
    pub images: Images<G>,
    pub policy: Policy,
}

/// A check-in that was stored or refused.
pub(crate) struct CheckedIn {
    pub(crate) said: Said,
    /// What the writes cost.
    pub(crate) units: Units,
    /// 1 if the check-in changed the node's presence.
    pub(crate) presence_changes: Option<u64>,
}

/// What the node is told.
pub(crate) enum Said {
    /// The check-in is stored, and this is the acknowledgement.
    Ack(Box<ServerMessage>, AckTerms),
    /// The check-in is stored, and the node asked for no answer.
    Nothing,
    /// The check-in is refused.
    Refused(Refusal),
}

/// Why a check-in may not be stored whole.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: RecordError,
    /// What is known of the check-in.
    known: String,
}

impl<S: Store, G> CheckIns<S, G> {
    /// Records a check-in, carries out its effects, stores the results that came with it, and reads what the node is to
    /// be told, in this order.
    ///
    /// # Errors
    /// If it is not known whether all of it is stored.
    pub(crate) async fn check_in(
        &self,
        connections: &impl Connections,
        seq: u64,
        event: Event,
        results: &[CommandResult],
    ) -> Result<CheckedIn, Failure> {
        let (node, at, times) = (event.node.clone(), event.at, Times::of(event.at, event.now));
        let recorded = record(&self.store, event, &self.policy).await.map_err(Failure::of_check_in)?;
        carry_out(&self.store, connections, &recorded.effects, &self.policy).await;
        let ended = end_commands(&self.store, &node, results, recorded.results, at).await;
        ended.map_err(|error| Failure::of_results(error.into(), &recorded.reply))?;
        let (units, presence_changes) = (recorded.units, recorded.presence_changes());
        let said = match recorded.reply {
            Reply::Refused(refusal) => Said::Refused(refusal),
            Reply::Ack(terms) => {
                let news = News::read(&terms, &node, times, &self.store, &self.documents).await;
                Said::Ack(Box::new(news.ack(seq, &terms)), terms)
            }
            Reply::Stored | Reply::Known(_) => Said::Nothing,
        };
        Ok(CheckedIn { said, units, presence_changes })
    }
}

impl Failure {
    fn of_check_in(error: RecordError) -> Self {
        let known = match error {
            RecordError::Contended => "the check-in is not stored",
            RecordError::Store(_) | RecordError::Settle(_) => "it is not known whether the check-in is stored",
        };
        Self { error, known: known.to_owned() }
    }

    /// The writes of the results failed. The check-in itself has this reply.
    fn of_results(error: RecordError, reply: &Reply) -> Self {
        let known = if let Reply::Refused(Refusal::StaleSeq { stored }) = reply {
            let stale = format!("a check-in with the higher sequence number {stored} is stored already");
            format!("{stale}; it is not known whether all results of this one are stored, and the rest of it is not")
        } else {
            "the check-in is stored, and it is not known whether all of its results are".to_owned()
        };
        Self { error, known }
    }

    /// The frame for the node. It says what is known of the check-in, and no more.
    pub(crate) fn frame(&self, seq: u64) -> ServerMessage {
        let (code, advice) = if self.error.is_passing() {
            (ErrorCode::Unavailable, "send it again a little later")
        } else {
            (ErrorCode::Internal, "the server's log says why")
        };
        error_frame(code, format!("{}: {advice}", self.known), About::CheckIn(seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_failure_says_what_is_known_and_no_more() {
        let throttled = || RecordError::from(StoreError::Throttled("slow".into()));
        let rejected = RecordError::from(StoreError::Rejected("denied".into()));
        let said = |failure: Failure| match failure.frame(4) {
            ServerMessage::Error(error) => (error.code, error.message),
            other => panic!("no error: {other:?}"),
        };
        let unknown = "it is not known whether the check-in is stored";
        assert_eq!(
            said(Failure::of_check_in(throttled())),
            (ErrorCode::Unavailable, format!("{unknown}: send it again a little later"))
        );
        assert_eq!(
            said(Failure::of_check_in(rejected)),
            (ErrorCode::Internal, format!("{unknown}: the server's log says why"))
        );
        assert!(said(Failure::of_check_in(RecordError::Contended)).1.starts_with("the check-in is not stored: "));
        let results = said(Failure::of_results(throttled(), &Reply::Stored)).1;
        assert!(results.starts_with("the check-in is stored, and it is not known whether all of its"), "{results}");
        let stale = Reply::Refused(Refusal::StaleSeq { stored: 7 });
        let stale = said(Failure::of_results(throttled(), &stale)).1;
        assert!(stale.contains("number 7 is stored") && stale.contains("the rest of it is not: send"), "{stale}");
    }
}

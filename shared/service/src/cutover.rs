//! Stands in front of a legacy polling endpoint: passes requests on, learns the fleet from them, compares what Rollcall
//! would have answered, and answers itself.
//!
//! Whoever answers must not wait for the other one. While the endpoint answers, all that Rollcall does is done beside it, and
//! is given up shortly after. While Rollcall answers, the endpoint is asked only if Rollcall can't.

mod forwarding;
mod noting;
mod passed;
mod settings;

use std::pin::pin;

use futures_util::future::{Either, FusedFuture, FutureExt as _, join, ready, select};
use rollcall_core::{About, CutoverMode, Key, Legacy, Node, NodeId, Polled, Selectable, Timestamp, note_polled};
use rollcall_cutover::{Answer, Heard, compare};
use rollcall_wire::console::AnswerDifference;
use subtle::ConstantTimeEq as _;

use crate::check_in::CheckIns;
use crate::error::chain;
use crate::firmware::Signer;
use crate::http::Request;
use crate::store::{Store, StoreError};
pub use forwarding::{Deadline, Forwarded, Upstream, UpstreamError};
pub use passed::Passed;
use settings::{Cached, Settings};

/// How long a request that the endpoint answers waits for Rollcall at most, in milliseconds: for the settings, and for who
/// is meant by a selector.
const SETTINGS_MS: u64 = 5;
const SELECT_MS: u64 = 10;
/// How long it waits when the endpoint has answered, in milliseconds, if nothing else is said. With the others, it is 45:
/// the way to Rollcall and late timers may add five.
pub const CUTOVER_WAIT_MS: u32 = 30;
/// How long Rollcall has for its own answer, in milliseconds, before the endpoint is asked.
const SERVE_MS: u64 = 2_000;

/// Handles polls of a legacy endpoint, with all that it needs.
#[derive(Debug)]
pub struct Cutovers<S, G, U> {
    check_ins: CheckIns<S, G>,
    upstream: U,
    settings: Cached,
    /// How long a request waits until it is noted, in milliseconds.
    wait: u64,
}

/// A poll: the request, what the node says with it, and who is to answer.
struct Poll<'a> {
    request: &'a Request,
    forwarded: &'a Forwarded,
    settings: &'a Settings,
    heard: &'a Heard,
    mode: CutoverMode,
}

/// What is known of a node.
#[derive(Debug, Default)]
struct Known {
    /// Its item; `None` if there is none.
    node: Option<Node>,
    /// What is kept of it because it polls.
    legacy: Legacy,
}

/// What Rollcall makes of a poll.
#[derive(Debug)]
enum Own {
    /// It is noted, and this is Rollcall's answer.
    Answer(Answer),
    /// It is noted, and there is no answer to it.
    Noted,
    /// The node is not registered, or comes with another credential than the endpoint has accepted.
    Untrusted(Box<Known>),
    /// The node's credentials are revoked.
    Revoked,
    /// It is not known whether it is noted, or it was refused.
    Nothing,
}

impl<S: Store, G: Signer, U: Upstream + Deadline> Cutovers<S, G, U> {
    /// Handles polls. `wait`: how long an answer waits until its poll is noted, in milliseconds; what is not noted then is
    /// dropped.
    pub fn new(check_ins: CheckIns<S, G>, upstream: U, wait: u32) -> Self {
        Self { check_ins, upstream, settings: Cached::default(), wait: wait.into() }
    }

    /// Reads the settings, so that the first request need not wait for them.
    pub async fn prepare(&self, now: Timestamp) {
        self.settings.refresh(&self.check_ins.store, now).await;
    }

    /// Has a request answered, by the endpoint or by Rollcall.
    pub async fn handle(&self, request: &Request) -> Passed {
        let mut refreshing = pin!(self.settings.refresh(&self.check_ins.store, request.now).fuse());
        // The settings that were read last will do, if the store is slow. Without a mapping, nobody knows where the endpoint is.
        let patience = if self.settings.get().is_some() { SETTINGS_MS } else { SERVE_MS };
        self.upstream.within(patience, refreshing.as_mut()).await;
        if !self.settings.is_known() {
            tracing::error!(outcome = "failed", reason = "the settings can't be read", Failures = 1, "cut-over");
            return Passed::status(503);
        }
        let Some(settings) = self.settings.get() else {
            tracing::info!(outcome = "refused", reason = "there is no mapping", "cut-over");
            return Passed::nothing_here();
        };
        let Some(body) = forwarding::body(request) else { return Passed::status(400) };
        let forwarded = Forwarded::of(request, body, settings.dialect.mapping());
        let Some(heard) = hear(&settings, request, &forwarded) else {
            return self.beside(self.pass(&forwarded), refreshing, self.wait).await.1;
        };
        let mode = self.mode(&settings, &heard.node, request.at).await;
        let poll = Poll { request, forwarded: &forwarded, settings: &settings, heard: &heard, mode };
        match mode {
            CutoverMode::Off => self.beside(self.pass(&forwarded), refreshing, self.wait).await.1,
            // Noting has had the same time.
            CutoverMode::Observe | CutoverMode::Compare => self.beside(self.watch(&poll), refreshing, 0).await,
            CutoverMode::Serve => self.beside(self.serve(&poll), refreshing, 0).await,
        }
    }

    /// An answer, while newer settings are read. They have so many milliseconds more: who comes next has them then.
    async fn beside<A: Future>(
        &self,
        answering: A,
        refreshing: impl FusedFuture<Output = ()> + Unpin,
        more: u64,
    ) -> A::Output {
        match select(pin!(answering), refreshing).await {
            Either::Left((answered, refreshing)) => {
                if !refreshing.is_terminated() {
                    self.upstream.within(more, refreshing).await;
                }
                answered
            }
            Either::Right(((), answering)) => answering.await,
        }
    }

    /// Lets the endpoint answer.
    async fn pass(&self, forwarded: &Forwarded) -> (Option<Answer>, Passed) {
        match self.upstream.forward(forwarded).await {
            Ok(answer) => {
                let passed = Passed::from(&answer);
                (Some(answer), passed)
            }
            Err(error) => {
                tracing::error!(error = chain(&error), outcome = "failed", Unanswered = 1, "the legacy endpoint");
                (None, Passed::status(error.status()))
            }
        }
    }

    /// Who answers a node. If a selector can't be tried in time, the endpoint does, and the node is observed.
    async fn mode(&self, settings: &Settings, node: &NodeId, now: Timestamp) -> CutoverMode {
        let by_id = Selectable { node: node.as_str(), ..Selectable::default() };
        if settings.modes.rules().iter().all(|rule| rule.selector.is_none()) {
            return settings.modes.of(node, &by_id);
        }
        let store = &self.check_ins.store;
        let selecting = async {
            let (item, about) = join(store.read(&Key::Node(node.clone())), store.read(&Key::About(node.clone()))).await;
            let stored = item?.as_ref().map(Node::read).transpose()?;
            let about = about?.as_ref().map(About::read).transpose()?.unwrap_or_default();
            let policy = &self.check_ins.policy;
            let known = stored.as_ref().map(|stored| Selectable::of(node, stored, &about, now, policy));
            Ok::<_, StoreError>(settings.modes.of(node, &known.unwrap_or(by_id)))
        };
        self.upstream.within(SELECT_MS, selecting).await.and_then(Result::ok).unwrap_or(CutoverMode::Observe)
    }

    /// The endpoint answers, and Rollcall notes what it sees beside it.
    async fn watch(&self, poll: &Poll<'_>) -> Passed {
        let (answering, making) = (pin!(self.pass(poll.forwarded)), pin!(self.own(poll, false)));
        let ((legacy, passed), made) = match select(answering, making).await {
            Either::Left((answered, own)) => (answered, Either::Left(own)),
            Either::Right((own, answered)) => (answered.await, Either::Right(ready(own))),
        };
        match legacy.filter(|legacy| !is_failed(Some(legacy))) {
            Some(legacy) => {
                let noted = async { self.note_answered(poll, &legacy, made.await).await };
                if self.upstream.within(self.wait, noted).await.is_none() {
                    tracing::warn!(node = %poll.heard.node, outcome = "not noted in time", NotNoted = 1, "cut-over");
                }
                passed
            }
            // An answer is worth waiting for.
            None => match self.upstream.within(SERVE_MS, made).await {
                Some(Own::Answer(own)) => {
                    tracing::warn!(node = %poll.heard.node, outcome = "rescued", Rescued = 1, "cut-over");
                    self.upstream.within(self.wait, self.count(poll, Polled::Rescued, None, None)).await;
                    Passed::from(&own)
                }
                _ => passed,
            },
        }
    }

    /// Notes what became of a poll that the endpoint has answered.
    async fn note_answered(&self, poll: &Poll<'_>, legacy: &Answer, own: Own) {
        match own {
            Own::Answer(own) if poll.mode == CutoverMode::Compare => {
                let found = compare(legacy, &own);
                let polled = if found.is_empty() { Polled::Same } else { Polled::Different };
                self.count(poll, polled, Some(&found[..]).filter(|found| !found.is_empty()), None).await;
            }
            Own::Answer(_) | Own::Noted => self.count(poll, Polled::Observed, None, None).await,
            Own::Untrusted(known) => self.learn(poll, &known, legacy, Polled::Observed).await,
            Own::Revoked | Own::Nothing => {}
        }
    }

    /// Rollcall answers, or else the endpoint.
    async fn serve(&self, poll: &Poll<'_>) -> Passed {
        let own = self.upstream.within(SERVE_MS, self.own(poll, true)).await.unwrap_or(Own::Nothing);
        match own {
            Own::Answer(own) => {
                self.upstream.within(self.wait, self.count(poll, Polled::Served, None, None)).await;
                Passed::from(&own)
            }
            Own::Revoked => {
                let node = &poll.heard.node;
                tracing::info!(%node, outcome = "refused", reason = "revoked", Refusals = 1, "cut-over");
                Passed::status(403)
            }
            Own::Noted | Own::Nothing | Own::Untrusted(_) => {
                tracing::warn!(node = %poll.heard.node, outcome = "fell back", FellBack = 1, "cut-over");
                let (legacy, passed) = self.pass(poll.forwarded).await;
                let noted = async {
                    match (&own, legacy) {
                        (Own::Untrusted(known), Some(legacy)) => {
                            self.learn(poll, known, &legacy, Polled::FellBack).await;
                        }
                        (Own::Untrusted(_), None) => {}
                        _ => self.count(poll, Polled::FellBack, None, None).await,
                    }
                };
                self.upstream.within(self.wait, noted).await;
                passed
            }
        }
    }

    /// What Rollcall makes of a poll: it notes it, and makes its own answer. `in_earnest`: the node gets that.
    async fn own(&self, poll: &Poll<'_>, in_earnest: bool) -> Own {
        let known = match self.known(&poll.heard.node).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(node = %poll.heard.node, error = chain(&error), "the node can't be read now");
                return Own::Nothing;
            }
        };
        if known.node.as_ref().is_some_and(|node| node.revoked) {
            return Own::Revoked;
        }
        if !known.is_trusted(poll.heard) {
            return Own::Untrusted(Box::new(known));
        }
        let Some(noted) = self.note(poll, &known, false).await else { return Own::Nothing };
        self.answer(poll, &known, &noted, in_earnest).await.map_or(Own::Noted, Own::Answer)
    }

    async fn known(&self, node: &NodeId) -> Result<Known, StoreError> {
        let store = &self.check_ins.store;
        let (item, legacy) = join(store.read(&Key::Node(node.clone())), store.read(&Key::Legacy(node.clone()))).await;
        let legacy = legacy?.as_ref().map(Legacy::read).transpose()?.unwrap_or_default();
        Ok(Known { node: item?.as_ref().map(Node::read).transpose()?, legacy })
    }

    /// If the endpoint has accepted a node that Rollcall did not know with this credential, Rollcall knows it now.
    async fn learn(&self, poll: &Poll<'_>, known: &Known, legacy: &Answer, polled: Polled) {
        let is_accepted = matches!(legacy.status, 200..=299 | 304);
        if is_accepted && self.note(poll, known, true).await.is_some() {
            self.count(poll, polled, None, known.news_of_credential(poll.heard).as_deref()).await;
        }
    }

    /// Counts what became of a poll. `credential`: the hash of the one that the endpoint has accepted now.
    async fn count(
        &self,
        poll: &Poll<'_>,
        polled: Polled,
        difference: Option<&[AnswerDifference]>,
        credential: Option<&str>,
    ) {
        tracing::info!(node = %poll.heard.node, mode = %poll.mode, outcome = ?polled, "cut-over");
        let difference = difference.map(|found| serde_json::to_string(found).unwrap_or_default());
        let count = note_polled(&poll.heard.node, polled, credential, difference.as_deref(), poll.request.at);
        if let Err(error) = self.check_ins.store.write(&count).await {
            tracing::warn!(node = %poll.heard.node, error = chain(&error), "a poll is not counted");
        }
    }
}

/// What a node says, if the request is a check-in and somebody is to note it.
fn hear(settings: &Settings, request: &Request, forwarded: &Forwarded) -> Option<Heard> {
    let heard = settings.dialect.hear(&forwarding::incoming(request, forwarded));
    let heard = heard.inspect_err(|error| {
        tracing::info!(reason = chain(error), outcome = "not understood", "cut-over");
    });
    heard.ok().flatten().filter(|_| !settings.modes.is_off())
}

/// Whether the endpoint has no answer for the node.
fn is_failed(legacy: Option<&Answer>) -> bool {
    legacy.is_none_or(|legacy| legacy.status >= 500)
}

impl Known {
    /// Whether the node is registered, and comes with a credential that the endpoint has accepted from it before.
    fn is_trusted(&self, heard: &Heard) -> bool {
        let is_registered = self.node.as_ref().is_some_and(|node| node.credentials.is_some());
        is_registered && self.news_of_credential(heard).is_none()
    }

    /// The hash of the node's credential, if it is another one than is kept.
    fn news_of_credential(&self, heard: &Heard) -> Option<String> {
        let credential = heard.credential.as_ref()?;
        let hash = rollcall_wire::sha256(&format!("rollcall cut-over\n{}\n{credential}", heard.node));
        let kept = self.legacy.credential.as_deref().unwrap_or_default();
        let is_kept: bool = kept.as_bytes().ct_eq(hash.as_bytes()).into();
        (!is_kept).then_some(hash)
    }
}

#[cfg(test)]
#[path = "cutover_tests.rs"]
mod tests;

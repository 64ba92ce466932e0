//! Handles a node's requests by HTTP: check-ins by polling, documents, and URLs of firmware.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use rollcall_core::{Clipped, Event, EventKind, Key, Node, NodeId, Refusal};
use rollcall_token::{Claims, Verifier};
use rollcall_wire::{CheckIn, CommandResult, ErrorCode, ErrorMessage, NodeMessage, ServerMessage, parse_node_message};

use crate::check_in::{CheckIns, Failure, Said};
use crate::connections::NoConnections;
use crate::error::chain;
use crate::firmware::Signer;
use crate::http::{HttpAnswer, Request};
use crate::reply::{About, refusal_frame, status, text};
use crate::report::report;
use crate::store::Store;

/// After how many seconds a node is to repeat a request that failed.
const AGAIN_S: u32 = 10;

/// Handles requests of nodes, with all that they need.
#[derive(Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Polls<S, G> {
    pub verifier: Verifier,
    pub check_ins: CheckIns<S, G>,
}

impl<S: Store, G: Signer> Polls<S, G> {
    /// Checks the token, and handles the request.
    pub async fn handle(&self, request: &Request) -> HttpAnswer {
        let claims = match self.claims(request) {
            Ok(claims) => claims,
            Err(reason) => {
                let source_ip = request.source_ip.as_deref().map(|ip| Clipped(ip).to_string());
                tracing::warn!(outcome = "refused", reason, source_ip, Unauthorized = 1, "poll");
                return HttpAnswer::status(401).with("www-authenticate", "Bearer".to_owned());
            }
        };
        match (request.path.strip_prefix("/v1/configs/"), request.path.strip_prefix("/v1/firmware/")) {
            (Some(sha256), _) => self.document(&claims, sha256).await,
            (None, Some(version)) => self.firmware(&claims, request, version).await,
            (None, None) => self.check_in(&claims, request).await,
        }
    }

    fn claims(&self, request: &Request) -> Result<Claims, String> {
        let token = request.bearer().ok_or("there is no bearer token")?;
        // Without the sources of the error, which may quote the token.
        self.verifier.verify(token, request.at).map_err(|error| error.to_string())
    }

    async fn check_in(&self, claims: &Claims, request: &Request) -> HttpAnswer {
        let node = &claims.node;
        let (seq, event, results) = match read(claims, request) {
            Ok(read) => read,
            Err(error) => {
                tracing::info!(%node, outcome = "refused", reason = %error.code, Refusals = 1, "poll");
                return answer(400, &ServerMessage::Error(error));
            }
        };
        let dropped = event.dropped();
        let checked_in = match self.check_ins.check_in(&NoConnections, seq, event, &results).await {
            Ok(checked_in) => checked_in,
            Err(failure) => return failed(node, &failure, seq),
        };
        let units = checked_in.units;
        match checked_in.said {
            Said::Refused(refusal) => {
                tracing::info!(%node, outcome = "refused", reason = refusal.code(), Refusals = 1, "poll");
                let answer = answer(status(refusal), &refusal_frame(refusal, About::CheckIn(seq)));
                match refusal {
                    Refusal::SlowDown { retry_after, .. } => come_again(retry_after, answer),
                    _ => answer,
                }
            }
            Said::Ack(ack, terms) => {
                tracing::info!(
                    %node, outcome = "stored",
                    CheckIns = 1, FieldsDropped = dropped, PresenceChanges = checked_in.presence_changes,
                    WriteUnits = units.write, ReadUnits = units.some_read(), "poll"
                );
                come_again(terms.next_check_in, answer(200, &ack))
            }
            Said::Nothing => HttpAnswer::status(204),
        }
    }

    /// The node that sent the request; `None` if it was revoked or its token is outdated.
    async fn stored(&self, claims: &Claims) -> Result<Option<Node>, String> {
        let item = self.check_ins.store.read(&Key::Node(claims.node.clone())).await.map_err(|error| chain(&error))?;
        let stored = Node::read(&item.unwrap_or_default()).map_err(|error| chain(&error))?;
        Ok(Some(stored).filter(|stored| stored.accepts(claims.credentials)))
    }

    /// The document of the configuration that this node is to run. No other document is served.
    async fn document(&self, claims: &Claims, sha256: &str) -> HttpAnswer {
        let node = &claims.node;
        let document = async {
            let desired = self.stored(claims).await?.and_then(|stored| stored.desired);
            if desired.is_none_or(|desired| desired.sha256 != sha256) {
                return Ok(None);
            }
            self.check_ins.documents.get(&self.check_ins.store, sha256).await.map_err(|error| chain(&error))
        };
        let document: Result<_, String> = document.await;
        match document {
            Ok(Some(document)) => {
                tracing::info!(%node, outcome = "served", "config");
                let cached = "private, max-age=31536000, immutable".to_owned();
                HttpAnswer::body(200, "application/json", document.text().to_owned()).with("cache-control", cached)
            }
            Ok(None) => {
                tracing::info!(%node, outcome = "refused", reason = "not for this node", "config");
                HttpAnswer::status(404)
            }
            Err(error) => {
                tracing::error!(%node, outcome = "failed", error, Failures = 1, "config");
                come_again(AGAIN_S, HttpAnswer::status(503))
            }
        }
    }

    /// The URL of the firmware that this node is to run, and of the delta from the version that it names. No other image
    /// is served.
    async fn firmware(&self, claims: &Claims, request: &Request, version: &str) -> HttpAnswer {
        let node = &claims.node;
        let from = parameter(&request.query, "from");
        let image = async {
            let Some(stored) = self.stored(claims).await? else { return Ok(None) };
            let images = &self.check_ins.images;
            let asked = (version, from.as_deref());
            images.of(&self.check_ins.store, &stored, asked, request.at).await.map_err(|error| chain(&error))
        };
        let image: Result<_, String> = image.await;
        match image {
            Ok(Some(image)) => {
                tracing::info!(%node, version, outcome = "served", "firmware");
                answer(200, &ServerMessage::FirmwareUrl(image)).with("cache-control", "no-store".to_owned())
            }
            Ok(None) => {
                tracing::info!(%node, outcome = "refused", reason = "not for this node", "firmware");
                HttpAnswer::status(404)
            }
            Err(error) => {
                tracing::error!(%node, outcome = "failed", error, Failures = 1, "firmware");
                come_again(AGAIN_S, HttpAnswer::status(503))
            }
        }
    }
}

/// The first value of a parameter in a query; `None` if it is not there or no text. A node's request is not refused for
/// what only describes the node.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(found, _)| *found == name)?;
    percent_decode_str(value).decode_utf8().ok()
}

/// A check-in that was read: its sequence number, the event, and the results of commands.
type Read = (u64, Event, Vec<CommandResult>);

fn read(claims: &Claims, request: &Request) -> Result<Read, ErrorMessage> {
    let wrong = |code, message: String, seq| ErrorMessage { code, message, seq, about: None, stored_seq: None };
    let body = request.text();
    let body = body.map_err(|error| wrong(ErrorCode::NotJson, format!("the message {error}"), None))?;
    let mut check_in: CheckIn = match parse_node_message(&body)? {
        NodeMessage::CheckIn(check_in) => check_in,
        _ => return Err(wrong(ErrorCode::UnknownType, "only check-ins can be sent by polling".to_owned(), None)),
    };
    let (seq, results) = (check_in.seq, std::mem::take(&mut check_in.results));
    let kind = EventKind::Poll {
        credentials: claims.credentials,
        report: report(check_in),
        results: u32::try_from(results.len()).unwrap_or(u32::MAX),
    };
    let token_ends = Some(claims.expires_at);
    let event = Event { now: request.now, token_ends, ..Event::new(claims.node.clone(), request.at, kind) };
    Ok((seq, event, results))
}

fn answer(status: u16, message: &ServerMessage) -> HttpAnswer {
    HttpAnswer::body(status, "application/json", text(message))
}

/// Adds when the node is to send its next request (RFC 9110, section 10.2.3).
fn come_again(seconds: u32, answer: HttpAnswer) -> HttpAnswer {
    answer.with("retry-after", seconds.to_string())
}

fn failed(node: &NodeId, failure: &Failure, seq: u64) -> HttpAnswer {
    tracing::error!(%node, outcome = "failed", error = chain(&failure.error), Failures = 1, "poll");
    let frame = failure.frame(seq);
    if failure.error.is_passing() { come_again(AGAIN_S, answer(503, &frame)) } else { answer(500, &frame) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_the_first_of_its_name_decoded_and_nothing_that_is_no_text() {
        for (query, from) in [
            ("", None),
            ("from", None),
            ("form=2.4", None),
            ("from=2.4", Some("2.4")),
            ("a=b&from=2%3A4&from=2.3", Some("2:4")),
            ("from=%ff", None),
        ] {
            assert_eq!(parameter(query, "from").as_deref(), from, "{query}");
        }
    }
}

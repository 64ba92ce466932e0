//! Handles a request of a node.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::Diagnostic;
use rollcall_aws::http::{self, HttpAnswer};
use rollcall_aws::{
    About, Documents, DynamoStore, Failed, Images, News, RecordError, Store as _, ack, chain, failure_frame, now, poll,
    record, refusal_frame, status, text,
};
use rollcall_core::{Clipped, Node, NodeId, Policy, Refusal, Reply};
use rollcall_token::{Claims, Verifier};
use rollcall_wire::{CheckIn, CommandResult, ErrorCode, ErrorMessage, NodeMessage, ServerMessage, parse_node_message};

/// After how many seconds a node is to repeat a request that failed.
const AGAIN_S: u32 = 10;

/// Handles requests, with all that they need.
pub(crate) struct Poll<D> {
    pub(crate) verifier: Verifier,
    pub(crate) store: DynamoStore,
    pub(crate) documents: D,
    pub(crate) images: Images,
    pub(crate) policy: Policy,
}

impl<D: Documents> Poll<D> {
    /// Checks the token, and handles the request.
    pub(crate) async fn handle(&self, request: &ApiGatewayV2httpRequest) -> Result<HttpAnswer, Diagnostic> {
        let claims = match self.claims(request) {
            Ok(claims) => claims,
            Err(reason) => {
                let source_ip = request.request_context.http.source_ip.as_deref().map(|ip| Clipped(ip).to_string());
                tracing::warn!(outcome = "refused", reason, source_ip, Unauthorized = 1, "poll");
                return Ok(HttpAnswer::status(401).with("www-authenticate", "Bearer".to_owned()));
            }
        };
        let path = request.raw_path.as_deref().unwrap_or_default();
        Ok(match (path.strip_prefix("/v1/configs/"), path.strip_prefix("/v1/firmware/")) {
            (Some(sha256), _) => self.document(&claims, sha256).await,
            (None, Some(version)) => self.firmware(&claims, request, version).await,
            (None, None) => self.check_in(&claims, request).await,
        })
    }

    fn claims(&self, request: &ApiGatewayV2httpRequest) -> Result<Claims, String> {
        let token = http::bearer(&request.headers).ok_or("there is no bearer token")?;
        let now = http::time(request).map_err(|error| error.to_string())?;
        // Without the sources of the error, which may quote the token.
        self.verifier.verify(token, now).map_err(|error| error.to_string())
    }

    async fn check_in(&self, claims: &Claims, request: &ApiGatewayV2httpRequest) -> HttpAnswer {
        let node = &claims.node;
        let (seq, event, results) = match Self::read(claims, request) {
            Ok(read) => read,
            Err(error) => {
                tracing::info!(%node, outcome = "refused", reason = %error.code, Refusals = 1, "poll");
                return answer(400, &ServerMessage::Error(error));
            }
        };
        let (at, dropped) = (event.at, event.dropped());
        let recorded = match record(&self.store, event, &self.policy).await {
            Ok(recorded) => recorded,
            Err(error) => return failed(node, &error, Failed::CheckIn, seq),
        };
        let (units, changes) = (recorded.units, recorded.presence_changes());
        // The answer is sent only after the results that came with the check-in are stored.
        if let Err(error) = self.store.end_commands(node, &results, recorded.results, at).await {
            return failed(node, &error.into(), Failed::Results(&recorded.reply), seq);
        }
        match recorded.reply {
            Reply::Refused(refusal) => {
                tracing::info!(%node, outcome = "refused", reason = refusal.code(), Refusals = 1, "poll");
                let answer = answer(status(refusal), &refusal_frame(refusal, About::CheckIn(seq)));
                match refusal {
                    Refusal::SlowDown { retry_after, .. } => come_again(retry_after, answer),
                    _ => answer,
                }
            }
            Reply::Ack(terms) => {
                let news = News::read(&terms, node, at, &self.store, &self.documents).await;
                tracing::info!(
                    %node, outcome = "stored",
                    CheckIns = 1, FieldsDropped = dropped, PresenceChanges = changes,
                    WriteUnits = units.write, ReadUnits = units.some_read(), "poll"
                );
                come_again(terms.next_check_in, answer(200, &ack(seq, &terms, news)))
            }
            Reply::Stored | Reply::Known(_) => HttpAnswer::status(204),
        }
    }

    fn read(claims: &Claims, request: &ApiGatewayV2httpRequest) -> Result<Read, ErrorMessage> {
        let wrong = |code, message: String, seq| ErrorMessage { code, message, seq, about: None, stored_seq: None };
        let body = http::body(request);
        let body = body.map_err(|error| wrong(ErrorCode::NotJson, format!("the message {error}"), None))?;
        let mut check_in: CheckIn = match parse_node_message(&body)? {
            NodeMessage::CheckIn(check_in) => check_in,
            _ => return Err(wrong(ErrorCode::UnknownType, "only check-ins can be sent by polling".to_owned(), None)),
        };
        let (seq, results) = (check_in.seq, std::mem::take(&mut check_in.results));
        let invalid = |error: String| wrong(ErrorCode::InvalidField, error, Some(seq));
        let report = rollcall_aws::report(check_in);
        let at = http::time(request).map_err(|error| invalid(error.to_string()))?;
        let event = poll((claims.node.clone(), claims.credentials), (at, now()), report, &results);
        Ok((seq, event, results))
    }

    /// The node that sent the request; `None` if it was revoked or its token is outdated.
    async fn stored(&self, claims: &Claims) -> Result<Option<Node>, String> {
        let item = self.store.read(&claims.node).await.map_err(|error| chain(&error))?.unwrap_or_default();
        let stored = Node::read(&item).map_err(|error| chain(&error))?;
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
            self.documents.get(sha256).await.map_err(|error| chain(&error))
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

    /// The URL of the firmware that this node is to run. No other image is served.
    async fn firmware(&self, claims: &Claims, request: &ApiGatewayV2httpRequest, version: &str) -> HttpAnswer {
        let node = &claims.node;
        let image = async {
            let now = http::time(request).map_err(|error| chain(&error))?;
            let Some(stored) = self.stored(claims).await? else { return Ok(None) };
            self.images.of(&stored, version, now).await.map_err(|error| chain(&error))
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

/// A check-in that was read: its sequence number, the event, and the results of commands.
type Read = (u64, rollcall_core::Event, Vec<CommandResult>);

fn answer(status: u16, message: &ServerMessage) -> HttpAnswer {
    HttpAnswer::body(status, "application/json", text(message))
}

/// Adds when the node is to send its next request (RFC 9110, section 10.2.3).
fn come_again(seconds: u32, answer: HttpAnswer) -> HttpAnswer {
    answer.with("retry-after", seconds.to_string())
}

fn failed(node: &NodeId, error: &RecordError, failed: Failed<'_>, seq: u64) -> HttpAnswer {
    tracing::error!(%node, outcome = "failed", error = chain(error), Failures = 1, "poll");
    let frame = failure_frame(error, failed, seq);
    if error.is_passing() { come_again(AGAIN_S, answer(503, &frame)) } else { answer(500, &frame) }
}

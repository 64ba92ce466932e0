//! Turns problems into answers.

use crate::error::chain;
use crate::http::{HttpAnswer, Request};
use crate::store::StoreError;
use rollcall_core::Denied;
use rollcall_wire::console::{Problem, ProblemCode};

use crate::console::keys::Keys;
use crate::console::routes::{NoRoute, Route};

/// After how many seconds to try again if the table can't be reached.
const AGAIN_S: u32 = 5;

/// The answer with a problem document (RFC 9457), and with the headers that its status demands (RFC 9110, sections
/// 10.2, 11.6.1 and 15.5).
pub(crate) fn refuse(
    problem: &Problem,
    request: &Request,
    route: Result<&Route<'_>, &NoRoute>,
    keys: &Keys,
) -> HttpAnswer {
    let body = serde_json::to_string(problem).unwrap_or_default();
    let answer = HttpAnswer::body(problem.status, "application/problem+json", body);
    match (problem.code, route) {
        (ProblemCode::MethodNotAllowed, Err(NoRoute::Method(methods))) => answer.with("allow", methods.allow()),
        (ProblemCode::Unauthenticated, _) => answer.with("www-authenticate", keys.challenge(request)),
        (ProblemCode::Forbidden, _) => answer.with("www-authenticate", Keys::insufficient_scope()),
        (ProblemCode::Unavailable, _) => answer.with("retry-after", AGAIN_S.to_string()),
        (ProblemCode::UnsupportedMediaType, Ok(route)) => {
            let types = route.content().types();
            let name = if matches!(types, [_]) { "accept" } else { "accept-patch" };
            answer.with(name, types.join(", ")).with("accept-encoding", "identity".to_owned())
        }
        _ => answer,
    }
}

pub(crate) fn denied(denied: Denied) -> Problem {
    let code = match denied {
        Denied::Unknown => ProblemCode::UnknownNode,
        Denied::Revoked => ProblemCode::RevokedNode,
        Denied::CredentialsGoBack { .. } => ProblemCode::CredentialsGoBack,
        Denied::Stale { .. } => ProblemCode::VersionMismatch,
        Denied::OwnConfig => ProblemCode::OwnConfig,
        Denied::Changed => ProblemCode::NodeChanged,
        Denied::OtherModel => ProblemCode::OtherModel,
        Denied::QueueFull => ProblemCode::QueueFull,
    };
    let mut problem = Problem::new(code, denied.to_string());
    if let Denied::Stale { current } = denied {
        problem.current_version = Some(current);
    }
    problem
}

/// The problem of a request for which the store failed. The store's error goes to the log, and not into the answer.
pub(crate) fn failed(error: &StoreError) -> Problem {
    tracing::error!(outcome = "failed", error = chain(error), "console");
    match error {
        StoreError::Throttled(_) | StoreError::Unavailable(_) => {
            Problem::new(ProblemCode::Unavailable, "the table can't be reached now: try again a little later")
        }
        StoreError::Rejected(_) | StoreError::Malformed(_) => {
            Problem::new(ProblemCode::Internal, "the server failed: its log has the details")
        }
    }
}

pub(crate) fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(outcome = "failed", error = chain(error), "console");
    Problem::new(ProblemCode::Internal, "the server failed: its log has the details")
}

//! What a console refuses, in one sentence that says what to do next.

use http::StatusCode;
use rollcall_core::NodeId;
use rollcall_wire::console::{Problem as Refused, ProblemCode};

use super::table::clean;
use super::url::{ConsoleUrl, KEY, KeyOf};
use crate::problem::Problem;

/// What an answer says that is not a success. `node`: whom it was about, if about one.
pub(super) fn problem(url: &ConsoleUrl, key: KeyOf, node: Option<&NodeId>, status: StatusCode, body: &[u8]) -> Problem {
    let Ok(refused) = serde_json::from_slice::<Refused>(body) else {
        let text = format!("{url} answers with HTTP {status}, as no console does: is it the right one? (--url)");
        // API Gateway itself answers with 429 if there are more requests than its throttle lets pass.
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Problem::passing(format!("{url} takes no more requests at the moment (HTTP {status})"));
        }
        return if status.is_server_error() { Problem::passing(text) } else { Problem::new(text) };
    };
    let node = node.map_or("NODE", NodeId::as_str);
    let detail = clean(&refused.detail);
    let with_code = |text: String| Problem::refused(refused.code, text);
    with_code(match refused.code {
        ProblemCode::Unauthenticated => unauthenticated(url, key),
        ProblemCode::Forbidden => format!("{detail}: set {KEY} to a key that may write at {url}"),
        ProblemCode::UnknownNode => format!("{node} is not registered: `rollcall nodes register {node}` registers it"),
        ProblemCode::RevokedNode => format!(
            "the credentials of {node} were revoked: `rollcall nodes register {node} --credential-version N`, with a \
             version above the one that `rollcall nodes show {node}` shows, lets it back in"
        ),
        ProblemCode::CredentialsGoBack => {
            format!("{detail}, and versions never go back: give it or a higher one with --credential-version")
        }
        ProblemCode::UnknownCommand => {
            format!("{detail}: `rollcall command list {node}` shows those that it has")
        }
        ProblemCode::UnknownVersion | ProblemCode::DocumentGone | ProblemCode::NoEarlierVersion => {
            let detail = detail.split_once(": ").map_or(&*detail, |(what, _)| what);
            format!("{detail}: `rollcall config history {node}` shows those that there are")
        }
        ProblemCode::OwnConfig => format!("{detail}: --replace replaces it"),
        ProblemCode::UnknownFirmware => format!("{detail}: `rollcall firmware add` makes one known"),
        ProblemCode::UnknownEndpoint => format!("{detail}: `rollcall endpoint list` shows those that there are"),
        ProblemCode::EndpointDisabled => format!("{detail} (`rollcall endpoint add`)"),
        ProblemCode::TooManyEndpoints => format!("{detail} with `rollcall endpoint remove`"),
        ProblemCode::UnknownRollout => format!("{detail}: `rollcall rollout list` shows those that there are"),
        ProblemCode::RolloutTaken | ProblemCode::RolloutState | ProblemCode::TooManyRollouts => detail,
        ProblemCode::KeyReused => format!("{detail}: give another --key, or none"),
        ProblemCode::QueueFull => format!(
            "{detail}: `rollcall command list {node}` shows them, `rollcall command cancel {node} NUMBER` takes one back, \
             and each goes when it is done or expires"
        ),
        ProblemCode::CommandNotQueued => format!("{detail}: `rollcall command list {node}` shows what became of it"),
        ProblemCode::FirmwareDiffers => format!("{detail} (`rollcall firmware show` shows what is known)"),
        ProblemCode::BelowMinimum => {
            format!("{detail}: `rollcall firmware model show MODEL` shows what holds for a model")
        }
        ProblemCode::UnprovenSignature => {
            format!("{detail}: sign what docs/application.md says, or ask whoever has set the key")
        }
        ProblemCode::OtherModel => {
            format!("{detail}: `rollcall nodes register {node} --model MODEL` says what it is")
        }
        ProblemCode::NodeChanged | ProblemCode::OtherStack => format!("{detail}: `rollcall reconcile` compares again"),
        ProblemCode::VersionMismatch => mismatch(node, refused.current_version.unwrap_or_default()),
        ProblemCode::Unavailable => {
            let detail = detail.trim_end_matches(": try again a little later");
            let text = format!("{url} can't do it now ({detail}): try again a little later");
            return Problem::passing(text);
        }
        ProblemCode::Internal => format!("{url} failed ({detail}): its log says why"),
        ProblemCode::NoRoute | ProblemCode::MethodNotAllowed => {
            format!("{url} does not know this request ({detail}): is it the right address, and as new as this? (--url)")
        }
        ProblemCode::InvalidCursor => format!("the list can't be gone on with ({detail}): run the command again"),
        ProblemCode::InvalidParameter
        | ProblemCode::InvalidBody
        | ProblemCode::UnsupportedMediaType
        | ProblemCode::TooLarge => {
            format!("{url} does not take it: {detail}")
        }
    })
}

/// Whether a refusal has this code.
pub(super) fn is(code: ProblemCode, body: &[u8]) -> bool {
    serde_json::from_slice::<Refused>(body).is_ok_and(|refused| refused.code == code)
}

fn unauthenticated(url: &ConsoleUrl, key: KeyOf) -> String {
    match key {
        KeyOf::File => format!(
            "{url} does not take the key of --key-file: give it another, or for a `rollcall up` on this machine what \
             `rollcall key` prints"
        ),
        KeyOf::Environment => format!(
            "{url} does not take the key in {KEY}: set it to another, or for a `rollcall up` on this machine to what \
             `rollcall key` prints"
        ),
        KeyOf::Machine => format!(
            "{url} does not take this machine's key, which `rollcall key` prints: set {KEY} to the key of the console \
             there"
        ),
    }
}

fn mismatch(node: &str, current: u64) -> String {
    match current {
        0 => format!("no configuration is desired of {node} now: --if-match 0 sets the first"),
        version => format!(
            "the configuration of {node} is at version {version}: `rollcall config get {node}` shows it, --if-match \
             {version} replaces it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(key: KeyOf, refused: &Refused) -> String {
        let url = "http://127.0.0.1:8788".parse().expect("a URL");
        let node = "ap-1".parse().expect("an id");
        let status = StatusCode::from_u16(refused.status).expect("a status");
        let body = serde_json::to_vec(refused).expect("JSON");
        problem(&url, key, Some(&node), status, &body).to_string()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (code, advice) in [
            (ProblemCode::UnknownNode, "`rollcall nodes register ap-1`"),
            (ProblemCode::RevokedNode, "--credential-version N"),
            (ProblemCode::CredentialsGoBack, "--credential-version"),
            (ProblemCode::Unauthenticated, "`rollcall key`"),
            (ProblemCode::Forbidden, "ROLLCALL_CONSOLE_KEY"),
            (ProblemCode::Unavailable, "try again"),
            (ProblemCode::Internal, "log"),
            (ProblemCode::InvalidBody, "as it is"),
            (ProblemCode::UnknownCommand, "`rollcall command list ap-1`"),
            (ProblemCode::CommandNotQueued, "`rollcall command list ap-1`"),
            (ProblemCode::QueueFull, "`rollcall command cancel ap-1 NUMBER`"),
            (ProblemCode::KeyReused, "--key"),
            (ProblemCode::UnknownVersion, "`rollcall config history ap-1`"),
            (ProblemCode::DocumentGone, "`rollcall config history ap-1`"),
            (ProblemCode::NoEarlierVersion, "`rollcall config history ap-1`"),
            (ProblemCode::OwnConfig, "--replace"),
            (ProblemCode::UnknownFirmware, "`rollcall firmware add`"),
            (ProblemCode::UnknownEndpoint, "`rollcall endpoint list`"),
            (ProblemCode::EndpointDisabled, "`rollcall endpoint add`"),
            (ProblemCode::TooManyEndpoints, "`rollcall endpoint remove`"),
            (ProblemCode::FirmwareDiffers, "`rollcall firmware show`"),
            (ProblemCode::BelowMinimum, "`rollcall firmware model show MODEL`"),
            (ProblemCode::UnprovenSignature, "docs/application.md"),
            (ProblemCode::NodeChanged, "`rollcall reconcile`"),
            (ProblemCode::OtherStack, "`rollcall reconcile`"),
            (ProblemCode::OtherModel, "`rollcall nodes register ap-1 --model MODEL`"),
        ] {
            let sentence = sentence(KeyOf::Machine, &Refused::new(code, "as it is"));
            assert!(sentence.contains(advice) && !sentence.contains('\n'), "{code:?}: {sentence}");
        }
        let mut stale = Refused::new(ProblemCode::VersionMismatch, "");
        stale.current_version = Some(7);
        let expected = "the configuration of ap-1 is at version 7: `rollcall config get ap-1` shows it, --if-match 7 \
             replaces it";
        assert_eq!(sentence(KeyOf::Environment, &stale), expected);
    }

    #[test]
    fn what_is_no_problem_document_is_no_console_s() {
        let url = "http://127.0.0.1:8788".parse().expect("a URL");
        for body in ["", "<html>", r#"{"message":"Not Found"}"#] {
            let sentence = problem(&url, KeyOf::Machine, None, StatusCode::BAD_GATEWAY, body.as_bytes()).to_string();
            assert!(sentence.contains("502") && sentence.contains("--url"), "{sentence}");
        }
    }
}

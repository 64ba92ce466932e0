//! `rollcall token`.

use rollcall_core::CredentialVersion;
use rollcall_token::Limits;

use crate::args::{Key, Token};
use crate::out::print;
use crate::problem::Problem;
use crate::{clock, key};

/// Seconds of a day.
const DAY: u32 = 24 * 60 * 60;

/// Prints a token and nothing else.
pub(crate) fn run(args: &Token) -> Result<(), Problem> {
    let now = clock::now();
    let expires_at = now.plus_seconds(args.days.saturating_mul(DAY));
    let not_before = args.not_before.map(|seconds| now.plus_seconds(seconds));
    if not_before.is_some_and(|not_before| not_before >= expires_at) {
        return Err(Problem::misuse(
            "the token would never be valid: it ends (--days) before it begins (--not-before)",
        ));
    }
    let limits = Limits { not_before, audience: args.audience.as_deref() };
    let token = key::development()?
        .sign_limited(&args.node, CredentialVersion(args.credential_version), expires_at, limits)
        .map_err(|error| Problem::plain(&error))?;
    print(&format!("{token}\n"))
}

/// Prints the console's key, or what a stack on this machine is deployed with, and nothing else.
pub(crate) fn console(args: &Key) -> Result<(), Problem> {
    if args.deploy {
        return print(&format!("{}\n", key::deployed()?));
    }
    print(&format!("{}\n", key::console()?))
}

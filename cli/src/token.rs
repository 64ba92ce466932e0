//! `rollcall token`.

use rollcall_core::CredentialVersion;

use crate::args::{Key, Token};
use crate::out::print;
use crate::problem::Problem;
use crate::{clock, key};

/// Seconds of a day.
const DAY: u32 = 24 * 60 * 60;

/// Prints a token and nothing else.
pub(crate) fn run(args: &Token) -> Result<(), Problem> {
    let expires_at = clock::now().plus_seconds(args.days.saturating_mul(DAY));
    let token = key::development()?
        .sign(&args.node, CredentialVersion(args.credential_version), expires_at)
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

//! The result of checking an invariant.

/// The invariant that does not hold, in words.
pub type Check = Result<(), String>;

pub fn hold(condition: bool, invariant: &str) -> Check {
    if condition { Ok(()) } else { Err(invariant.to_owned()) }
}

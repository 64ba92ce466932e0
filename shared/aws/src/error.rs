//! The error that ends a program.

use std::error::Error;
use std::fmt;

use rollcall_service::chain;

/// An error that ends a program. `main` returns it, so that a person can read its text.
pub struct Fatal(String);

impl<E: Error> From<E> for Fatal {
    fn from(error: E) -> Self {
        Self(chain(&error))
    }
}

impl Fatal {
    /// Makes one from a boxed error.
    #[expect(clippy::needless_pass_by_value, reason = "the caller has no more use for the error")]
    pub fn new(error: Box<dyn Error + Send + Sync>) -> Self {
        Self(chain(&*error))
    }
}

impl fmt::Debug for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

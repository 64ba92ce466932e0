//! Errors with their causes, for people.

use std::error::Error;
use std::fmt::{self, Write as _};

/// An error and its sources in one line, outermost first.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their source in their own text.
        if !text.ends_with(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

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

//! How many files a process may have open: a socket is one, too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::problem::Problem;

/// What a process needs beside its nodes' sockets: requests, the engine, the functions' processes.
const BESIDE: u64 = 500;

/// Lets this process have this many sockets: raises its limit of open files as far as it may (getrlimit(2)).
///
/// # Errors
/// If that is not enough for so many sockets.
pub(crate) fn allow(sockets: u64) -> Result<(), Problem> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    is_enough(sockets, limit)
}

fn is_enough(sockets: u64, limit: Option<u64>) -> Result<(), Problem> {
    match limit {
        Some(limit) if limit < sockets + BESIDE => Err(Problem::new(format!(
            "{} open files are needed for so many nodes, and this process may have {limit}: raise the hard limit (`ulimit \
             -Hn` shows it), or run fewer nodes",
            sockets + BESIDE
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_named_with_what_is_needed() {
        assert!(is_enough(1_000_000, None).is_ok());
        assert!(is_enough(500, Some(1_000)).is_ok());
        let error = is_enough(501, Some(1_000)).expect_err("too many").to_string();
        assert!(error.contains("1001 open files") && error.contains("may have 1000"), "{error}");
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_may_be() {
        allow(0).expect("enough");
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}

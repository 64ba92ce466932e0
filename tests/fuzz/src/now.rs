//! Futures that never wait for anything outside.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// How often a future is polled at most. One over many others yields now and then.
const POLLS: usize = 10_000;

/// The output of a future that waits for nothing.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("a future without IO waits");
}

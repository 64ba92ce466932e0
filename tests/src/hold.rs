//! Invocations that are held back: a gateway that is slow to tell.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Invoke, InvokeError};
use rollcall_stack::Interceptor;
use tokio::sync::Semaphore;

struct Hold {
    function: &'static str,
    gate: Arc<Semaphore>,
    /// Whether the function is invoked at once, and its answer is held back.
    answers: bool,
    invoke: Arc<dyn Invoke>,
}

impl Invoke for Hold {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let invocation = self.invoke.invoke(function, payload);
        if function != self.function {
            return invocation;
        }
        let (gate, answers) = (Arc::clone(&self.gate), self.answers);
        let permit = async move { gate.acquire().await.expect("the gate stays").forget() };
        Box::pin(async move {
            if answers {
                let answer = invocation.await;
                permit.await;
                return answer;
            }
            permit.await;
            invocation.await
        })
    }
}

/// Holds back every invocation of a function until the gate gets a permit for it.
pub fn hold(function: &'static str, gate: &Arc<Semaphore>) -> Interceptor {
    let gate = Arc::clone(gate);
    Box::new(move |invoke| Arc::new(Hold { function, gate, answers: false, invoke }))
}

/// Holds back every answer of a function until the gate gets a permit for it: what it stores is stored meanwhile.
pub fn hold_answers(function: &'static str, gate: &Arc<Semaphore>) -> Interceptor {
    let gate = Arc::clone(gate);
    Box::new(move |invoke| Arc::new(Hold { function, gate, answers: true, invoke }))
}

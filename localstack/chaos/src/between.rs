//! Faults between the gateway and the functions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rollcall_gateway::{Invoke, InvokeError};

use crate::chaos::Chaos;
use crate::troubles::Disconnects;

/// How long after the begin of an invocation its process is killed, in milliseconds, at most.
const KILLED_WITHIN_MS: u64 = 8;

/// The functions that a fault is about, by their names.
#[derive(Clone, Copy)]
struct Names {
    connect: &'static str,
    messages: &'static str,
    disconnect: &'static str,
}

const NAMES: Names = Names { connect: "connect", messages: "check-in", disconnect: "disconnect" };

struct Between {
    chaos: Chaos,
    invoke: Arc<dyn Invoke>,
}

impl Chaos {
    /// Functions whose invocations suffer the faults that are switched on.
    pub fn between(&self, invoke: Arc<dyn Invoke>) -> Arc<dyn Invoke> {
        Arc::new(Between { chaos: self.clone(), invoke })
    }
}

impl Invoke for Between {
    fn invoke(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let troubles = self.chaos.troubles();
        if self.chaos.happens(troubles.lambda_throttled, "lambda-throttled") {
            return futures_util::future::err(InvokeError::Throttled).boxed();
        }
        if function == NAMES.disconnect {
            return self.disconnect(troubles.disconnects, payload);
        }
        if function == NAMES.connect && troubles.connects_retried {
            self.chaos.hit("connects-retried");
            return self.twice(function, payload);
        }
        if function == NAMES.messages && troubles.messages_doubled {
            self.chaos.hit("messages-doubled");
            return self.at_once(function, payload);
        }
        self.once(function, payload)
    }
}

impl Between {
    fn once(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let invocation = self.invoke.invoke(function, payload);
        if !self.chaos.happens(self.chaos.troubles().instances_killed, "instances-killed") {
            return invocation;
        }
        let (chaos, function) = (self.chaos.clone(), function.to_owned());
        let after = Duration::from_millis(chaos.below(KILLED_WITHIN_MS));
        async move {
            let kill = async {
                tokio::time::sleep(after).await;
                chaos.kill(&function);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                answer = invocation => answer,
                () = kill => Err(InvokeError::TimedOut),
            }
        }
        .boxed()
    }

    /// The second delivery follows the first one, as a retry does. The gateway gets the second answer.
    fn twice(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let (first, second) = (self.once(function, payload.clone()), self.once(function, payload));
        async move {
            let _ = first.await;
            second.await
        }
        .boxed()
    }

    /// Both deliveries are handled at the same time. The gateway gets the first answer.
    fn at_once(&self, function: &str, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let (one, other) = (self.once(function, payload.clone()), self.once(function, payload));
        async move { futures_util::future::join(one, other).await.0 }.boxed()
    }

    fn disconnect(&self, how: Disconnects, payload: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
        let function = NAMES.disconnect;
        match how {
            Disconnects::Delivered => self.once(function, payload),
            Disconnects::Lost => {
                self.chaos.hit("disconnects-lost");
                futures_util::future::ok(Bytes::new()).boxed()
            }
            Disconnects::Doubled => {
                self.chaos.hit("disconnects-doubled");
                self.twice(function, payload)
            }
            Disconnects::Late(by) => {
                self.chaos.hit("disconnects-late");
                let invocation = self.once(function, payload);
                // Not waited for: the gateway would give up, and AWS does not wait either.
                tokio::spawn(async move {
                    tokio::time::sleep(by).await;
                    let _ = invocation.await;
                });
                futures_util::future::ok(Bytes::new()).boxed()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Notes what is invoked, and answers with its number.
    #[derive(Default)]
    struct Noted(Mutex<Vec<String>>);

    impl Invoke for Noted {
        fn invoke(&self, function: &str, _: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
            let mut noted = self.0.lock().expect("no panic");
            noted.push(function.to_owned());
            let number = u8::try_from(noted.len()).expect("few");
            futures_util::future::ok(Bytes::from(vec![number])).boxed()
        }
    }

    fn noted(change: impl FnOnce(&mut crate::Troubles)) -> (Arc<Noted>, Arc<dyn Invoke>, Chaos) {
        let (noted, chaos) = (Arc::new(Noted::default()), Chaos::new(1));
        chaos.change(change);
        let between = chaos.between(Arc::clone(&noted) as _);
        (noted, between, chaos)
    }

    async fn invoked(change: impl FnOnce(&mut crate::Troubles)) -> (Vec<String>, Chaos) {
        let (noted, between, chaos) = noted(change);
        for function in ["connect", "check-in", "disconnect", "console"] {
            let _ = between.invoke(function, Bytes::new()).await;
        }
        let invoked = noted.0.lock().expect("no panic").clone();
        (invoked, chaos)
    }

    #[tokio::test]
    async fn without_trouble_each_event_is_delivered_once() {
        let (invoked, chaos) = invoked(|_| {}).await;
        assert_eq!(invoked, ["connect", "check-in", "disconnect", "console"]);
        assert!(chaos.hits().is_empty());
    }

    #[tokio::test]
    async fn each_trouble_meets_its_own_events_and_is_counted() {
        let (lost, chaos) = invoked(|troubles| troubles.disconnects = Disconnects::Lost).await;
        assert_eq!(lost, ["connect", "check-in", "console"]);
        assert_eq!(chaos.hits().into_iter().collect::<Vec<_>>(), [("disconnects-lost", 1)]);
        let (doubled, _) = invoked(|troubles| troubles.disconnects = Disconnects::Doubled).await;
        assert_eq!(doubled, ["connect", "check-in", "disconnect", "disconnect", "console"]);
        let (retried, _) = invoked(|troubles| troubles.connects_retried = true).await;
        assert_eq!(retried, ["connect", "connect", "check-in", "disconnect", "console"]);
        let (messages, _) = invoked(|troubles| troubles.messages_doubled = true).await;
        assert_eq!(messages, ["connect", "check-in", "check-in", "disconnect", "console"]);
        let (throttled, chaos) = invoked(|troubles| troubles.lambda_throttled = 100).await;
        assert_eq!((throttled.len(), chaos.hits()["lambda-throttled"]), (0, 4));
    }

    /// Never answers.
    struct Never;

    impl Invoke for Never {
        fn invoke(&self, _: &str, _: Bytes) -> BoxFuture<'static, Result<Bytes, InvokeError>> {
            futures_util::future::pending().boxed()
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_late_disconnect() {
        let chaos = Chaos::new(1);
        chaos.change(|troubles| troubles.disconnects = Disconnects::Late(Duration::ZERO));
        let answer = chaos.between(Arc::new(Never)).invoke("disconnect", Bytes::new()).await;
        assert_eq!((answer, chaos.hits()["disconnects-late"]), (Ok(Bytes::new()), 1));
    }

    #[tokio::test]
    async fn the_process_of_an_invocation_is_killed_while_it_is_under_way() {
        let (chaos, (killing, mut killed)) = (Chaos::new(1), tokio::sync::mpsc::unbounded_channel());
        chaos.kills_with(Box::new(move |function| killing.send(function.to_owned()).expect("heard")));
        chaos.change(|troubles| troubles.instances_killed = 100);
        let under_way = tokio::spawn(chaos.between(Arc::new(Never)).invoke("check-in", Bytes::new()));
        assert_eq!(killed.recv().await.as_deref(), Some("check-in"));
        assert!(!under_way.is_finished(), "the host says that the process has ended, not the killer");
        under_way.abort();
    }
}

//! Every function, with one process for all that it handles.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use futures_util::future::join_all;
use rollcall_stack::FUNCTIONS;
use rollcall_tests::{Cloud, Options, now};
use serde_json::{Value, json};

use super::life::{Answered, Call, Life, node};
use super::memory::{ALONE, Growth, ROUNDS, assert_bounded, folder, times};

/// Lives until everything is warm: caches are full, and every buffer has had its largest value.
const WARM: usize = 80;
/// Lives that are measured.
const LIVES: usize = 160;
/// Lives at once.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_function_grows_with_what_it_handles() {
    let _alone = ALONE.lock().await;
    let options = Options { processes: 1, faults: false, functions: folder(), ..Options::default() };
    let cloud = Arc::new(Cloud::with(options).await);
    let lives = LIVES * times();
    let soak = Soak { cloud: Arc::clone(&cloud), began: now().0 - 1_000 * (WARM + ROUNDS * lives) as u64 };
    let console = cloud.console();
    let mapping = json!({
        "application": {"url": "http://127.0.0.1:9"}, "request": {"path": "/checkin", "node": "query:id"},
        "answer": {"body": "{{ node }}"},
    });
    assert_eq!(console.put("/v1/cutover/mapping", mapping.to_string()).await.status, 204);
    assert_eq!(console.put("/v1/cutover/mode", r#"{"mode": "serve"}"#).await.status, 200);
    // A process reads the settings again in a while: now the endpoint is asked, which is dead.
    while cloud.http("").get("/checkin?id=nobody").await.status != 502 {}
    soak.live(0..WARM).await;
    let processes = FUNCTIONS.map(|function| cloud.processes(function));
    assert_bounded(async |round| {
        let before = FUNCTIONS.map(|function| Growth::of(function, cloud.processes(function)[0]));
        let first = WARM + round * lives;
        let handled = soak.live(first..first + lives).await;
        FUNCTIONS.iter().zip(before).map(|(function, growth)| growth.after(handled[function])).collect()
    })
    .await;
    assert_eq!(FUNCTIONS.map(|function| cloud.processes(function)), processes, "they are the same processes");
    drop(soak);
    Arc::into_inner(cloud).expect("nobody else has it").stop().await;
}

struct Soak {
    cloud: Arc<Cloud>,
    began: u64,
}

impl Soak {
    /// Goes through these lives, and says how many events each function handled.
    async fn live(&self, lives: Range<usize>) -> BTreeMap<&'static str, usize> {
        let shares = (0..AT_ONCE).map(|share| lives.clone().skip(share).step_by(AT_ONCE));
        let shares = shares.map(|share| {
            let (cloud, began) = (Arc::clone(&self.cloud), self.began);
            tokio::spawn(async move { Self { cloud, began }.share(share).await })
        });
        let mut handled = BTreeMap::new();
        for share in join_all(shares).await {
            for (function, count) in share.expect("it goes well") {
                *handled.entry(function).or_default() += count;
            }
        }
        handled
    }

    async fn share(&self, lives: impl Iterator<Item = usize>) -> BTreeMap<&'static str, usize> {
        let mut handled = BTreeMap::new();
        for number in lives {
            let node = node(number);
            let at = self.began + 1_000 * number as u64;
            let life = Life { token: self.cloud.token(&node), connection: format!("soak{number:08}="), node, at };
            for call in life.calls() {
                *handled.entry(call.function).or_default() += 1;
                self.call(call).await;
            }
        }
        handled
    }

    async fn call(&self, call: Call) {
        let answer = self.cloud.stack.functions().invoke(call.function, call.event.to_string().into()).await;
        let Answered::Well(status, with) = call.answered else { return };
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}: {}", call.function, call.event));
        let json: Value = serde_json::from_slice(&answer).expect("JSON");
        let is_well = status == 0 || json["statusCode"] == status;
        assert!(is_well && json.to_string().contains(with), "{}: {json} to {}", call.function, call.event);
    }
}

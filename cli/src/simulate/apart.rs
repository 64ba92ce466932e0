//! A simulation's local cloud in a process of its own, so that the two do not share the limit of open files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rollcall_chaos::Troubles;
use rollcall_fleet::Plan;
use rollcall_live::{Cloud, Server};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::orders::{Answer, Order};
use crate::key;
use crate::out::say;
use crate::problem::Problem;

/// The fewest processes that a function may have, and how many nodes there are to another one. If DynamoDB is slow, each
/// invocation takes long, and Lambda would start as many environments as there are invocations at a time.
const PROCESSES: usize = 4;
const NODES_PER_PROCESS: usize = 150;

/// A local cloud in a process of its own, whose faults can be switched. It ends with this.
pub(crate) struct Apart {
    troubles: Mutex<Troubles>,
    orders: Mutex<Option<UnboundedSender<Asked>>>,
    child: tokio::sync::Mutex<Child>,
}

/// An order, and who waits for its answer.
struct Asked {
    order: Order,
    answer: Option<oneshot::Sender<Answer>>,
}

impl Apart {
    /// Starts one on free ports, with the functions in this folder.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn start(plan: &Plan, functions: &Path) -> Result<(Self, Server), Problem> {
        let cannot = |error: std::io::Error| Problem::plain(&error);
        let settings = serde_json::to_string(&plan.settings).map_err(|error| Problem::plain(&error))?;
        let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
        command.args(["simulate-cloud", "--seed", &plan.seed.to_string(), "--settings", &settings]);
        command.args(["--processes", &processes(plan.nodes.len()).to_string(), "--functions"]);
        command.arg(functions).stdin(Stdio::piped()).stdout(Stdio::piped());
        // Ctrl-C is for the simulation, which then ends this process in order.
        let mut child = command.process_group(0).spawn().map_err(cannot)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Problem::new("the local cloud's process has no standard streams"));
        };
        let mut answers = BufReader::new(stdout).lines();
        let (ws_url, http_url) = match next(&mut answers).await {
            Some(Answer::Ready { ws_url, http_url }) => (ws_url, http_url),
            Some(Answer::NotStarted(why)) => return Err(Problem::new(why)),
            _ => return Err(Problem::new("the local cloud's process ended before it was ready")),
        };
        let (orders, asked) = unbounded_channel();
        tokio::spawn(pass_on(asked, stdin, answers));
        let (troubles, orders, child) = (Mutex::default(), Mutex::new(Some(orders)), tokio::sync::Mutex::new(child));
        Ok((Self { troubles, orders, child }, Server { ws_url, http_url, console_key: key::console()? }))
    }

    /// Ends it in order.
    pub(crate) async fn shutdown(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(error) = self.child.lock().await.wait().await {
            say(&format!("warning: the local cloud's process does not end: {error}"));
        }
    }

    fn order(&self, order: Order, answer: Option<oneshot::Sender<Answer>>) {
        if let Some(orders) = &*self.orders.lock().unwrap_or_else(PoisonError::into_inner) {
            // A process that has ended does nothing any more, and the fleet sees that.
            let _ = orders.send(Asked { order, answer });
        }
    }

    async fn ask(&self, order: Order) -> Option<Answer> {
        let (answer, answered) = oneshot::channel();
        self.order(order, Some(answer));
        answered.await.ok()
    }
}

impl Cloud for Apart {
    fn change(&self, change: &mut dyn FnMut(&mut Troubles)) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut troubles);
        // Told while the lock is held: the last change is the last that is told.
        self.order(Order::Troubles(*troubles), None);
    }

    fn cut_all(&self) {
        self.order(Order::CutAll, None);
    }

    fn restart_gateway(&self) -> BoxFuture<'_, ()> {
        self.ask(Order::RestartGateway).map(|_| ()).boxed()
    }

    fn hits(&self) -> BoxFuture<'_, BTreeMap<String, u64>> {
        let hits = self.ask(Order::CountHits).map(|answer| match answer {
            Some(Answer::Hits(hits)) => hits,
            _ => BTreeMap::new(),
        });
        hits.boxed()
    }
}

/// How many processes a function may have for so many nodes.
fn processes(nodes: usize) -> usize {
    PROCESSES.max(nodes / NODES_PER_PROCESS)
}

/// Passes orders on, one after the other, until there will be none any more.
async fn pass_on(
    mut orders: UnboundedReceiver<Asked>,
    mut stdin: ChildStdin,
    mut answers: Lines<BufReader<ChildStdout>>,
) {
    while let Some(Asked { order, answer }) = orders.recv().await {
        let Ok(mut line) = serde_json::to_vec(&order) else { continue };
        line.push(b'\n');
        if stdin.write_all(&line).await.is_err() {
            return;
        }
        if let Some(answer) = answer {
            match next(&mut answers).await {
                Some(said) => drop(answer.send(said)),
                None => return,
            }
        }
    }
}

async fn next(answers: &mut Lines<BufReader<ChildStdout>>) -> Option<Answer> {
    serde_json::from_str(&answers.next_line().await.ok()??).ok()
}

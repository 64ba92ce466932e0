//! Programs that run beside the tests, and all that they say.

use std::fmt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Far longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_mins(5);

/// A program that runs, and all that it says. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    said: Arc<watch::Sender<Said>>,
}

/// What a program has said so far.
#[derive(Clone, Debug, Default)]
struct Said {
    out: Vec<String>,
    err: Vec<String>,
    closed: usize,
}

/// How a program ended.
#[derive(Clone)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Program {
    /// Starts it, with pipes for its input and its output.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.as_std()));
        let said = Arc::new(watch::Sender::new(Said::default()));
        let out = child.stdout.take().expect("a pipe");
        tokio::spawn(listen(out, Arc::clone(&said), |said, line| said.out.push(line)));
        let err = child.stderr.take().expect("a pipe");
        tokio::spawn(listen(err, Arc::clone(&said), |said, line| said.err.push(line)));
        Self { child, said }
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Waits for the first line with this in it, on standard output or standard error.
    pub async fn says(&self, what: &str) -> String {
        let find = |said: &Said| said.out.iter().chain(&said.err).find(|line| line.contains(what)).cloned();
        let mut said = self.said.subscribe();
        let heard = said.wait_for(|said| said.closed == 2 || find(said).is_some());
        let heard = tokio::time::timeout(PATIENCE, heard).await.map(|heard| find(&heard.expect("it is kept here")));
        heard.ok().flatten().unwrap_or_else(|| panic!("it does not say {what:?}; it said {:#?}", self.said.borrow()))
    }

    /// Writes a line to its standard input.
    pub async fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("it listens");
    }

    /// Writes all that comes on its standard input.
    pub async fn tell_all(&mut self, text: &str) {
        let mut stdin = self.child.stdin.take().expect("a pipe");
        // It may have seen enough before its end.
        let _ = stdin.write_all(text.as_bytes()).await;
    }

    /// Sends it a signal, such as `INT`.
    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.pid());
        let status = std::process::Command::new("sh").args(["-c", &kill]).status().expect("a shell");
        assert!(status.success(), "{kill}");
    }

    /// Waits until it has ended, and nobody else holds its output.
    pub async fn ended(&mut self) -> Ended {
        self.ended_within(PATIENCE).await
    }

    /// The same, of a program that has much to do.
    pub async fn ended_within(&mut self, patience: Duration) -> Ended {
        let mut said = self.said.subscribe();
        let ended = async {
            let status = self.child.wait().await.expect("a child");
            said.wait_for(|said| said.closed == 2).await.expect("it is kept here");
            status
        };
        let Ok(status) = tokio::time::timeout(patience, ended).await else {
            panic!("it does not end; it said {:#?}", self.said.borrow())
        };
        let said = self.said.borrow();
        Ended { code: status.code(), stdout: said.out.concat(), stderr: said.err.concat() }
    }
}

/// Kills a process. It may be gone by now.
pub fn kill(process: u32) {
    let _ = std::process::Command::new("kill").args(["-9", &process.to_string()]).status().expect("kill runs");
}

/// Keeps every line, with its end.
async fn listen(from: impl AsyncRead + Unpin, said: Arc<watch::Sender<Said>>, keep: fn(&mut Said, String)) {
    let mut lines = BufReader::new(from);
    let mut line = String::new();
    while lines.read_line(&mut line).await.expect("text") > 0 {
        said.send_modify(|said| keep(said, std::mem::take(&mut line)));
    }
    said.send_modify(|said| said.closed += 1);
}

//! `rollcall import`.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use rollcall_nodefile::{Bad, Ids};
use serde_json::json;
use tokio::sync::mpsc;

use super::format::{Format, open};
use super::reading::{Batch, read};
use super::rejects::Rejects;
use super::resume::{Mark, Marks};
use super::sending::{Answered, send};
use super::tally::Tally;
use crate::args::{Import, OnError};
use crate::console::client::Client;
use crate::console::table::{clean, pairs};
use crate::out::{print, print_json, say};
use crate::problem::Problem;
use crate::progress::Progress;
use crate::up::stop_signal;

/// How many requests are under way at most.
const AT_ONCE: usize = 4;
/// How many batches wait at most for their turn: so much of the file is in memory.
const AHEAD: usize = 4;
/// How often it is kept how far the import has come.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How many examples a dry run shows.
const EXAMPLES: usize = 20;

/// An import that is under way.
struct Importing<'a> {
    args: &'a Import,
    rejects: Rejects,
    mark: Mark,
    marks: Marks,
    /// The size of the file in bytes.
    size: u64,
    began: Instant,
    /// What was done before, if this goes on with another import.
    before: Tally,
    progress: Progress,
    examples: Vec<String>,
    is_cut: bool,
}

/// Imports the nodes of a file.
///
/// # Errors
/// If a record is refused, the console does not take part, or the file can't be read.
pub(crate) async fn import(args: &Import) -> Result<(), Problem> {
    let format = Format::of(args.format, &args.file)?;
    let client = Client::open(&args.connection.address).await?;
    let stop = stop_signal()?;
    let marks = Marks::of(&args.file);
    let mark = if args.resume { marks.last(&args.file)? } else { Mark::default() };
    let ids = if args.mac_ids { Ids::Macs } else { Ids::AsTheyAre };
    let mut rows = open(&args.file, format, ids)?;
    let rejects = Rejects::of(&args.file, format, &rows.header, rows.delimiter(), mark.tally.refused);
    let size = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    let (began, before, progress) = (Instant::now(), mark.tally.clone(), Progress::start());
    let (examples, is_cut) = (vec![], false);
    let mut importing = Importing { args, rejects, mark, marks, size, began, before, progress, examples, is_cut };

    let (until, file) = (importing.mark.clone(), args.file.clone());
    let (send, receive) = mpsc::channel(AHEAD);
    let stops = args.stops();
    let reading = tokio::task::spawn_blocking(move || read(&mut rows, &until, &file, stops, &send));
    let outcome = {
        let work = importing.run(&client, receive);
        let (mut work, mut stop) = (pin!(work), pin!(stop));
        tokio::select! {
            outcome = &mut work => Some(outcome),
            () = &mut stop => None,
        }
    };
    match outcome {
        None => return Err(importing.interrupted()),
        Some(outcome) => outcome.map_err(|problem| importing.given_up(problem))?,
    }
    match reading.await {
        Ok(is_cut) => importing.is_cut = is_cut?,
        Err(error) => return Err(Problem::plain(&error)),
    }
    importing.finish()
}

impl Importing<'_> {
    /// Sends one batch after the other, several at a time, and takes their results in the order of the file.
    async fn run(&mut self, client: &Client, receive: mpsc::Receiver<Batch>) -> Result<(), Problem> {
        let is_dry = self.args.dry_run;
        let batches = stream::unfold(receive, async |mut receive| Some((receive.recv().await?, receive)));
        let answered = batches.map(|batch| send(client, batch, is_dry)).buffered(AT_ONCE);
        let mut answered = pin!(answered);
        let mut kept = Instant::now();
        while let Some(answered) = answered.next().await {
            let is_over = self.take(answered?)?;
            if !is_dry && (is_over || kept.elapsed() >= KEEP_EVERY) {
                self.keep()?;
                kept = Instant::now();
            }
            if is_over {
                return Ok(());
            }
            let (done, size, began, mark) = (self.mark.tally.total(), self.size, self.began, &self.mark);
            let since = done - self.before.total();
            self.progress.say(|| far(mark.end, size, done, since, began.elapsed()));
        }
        Ok(())
    }

    /// Takes the results of a batch. `true` if the import stops there.
    fn take(&mut self, Answered { batch, results }: Answered) -> Result<bool, Problem> {
        let mut results = results.into_iter();
        for row in batch.rows {
            let node = match row.node {
                Ok(node) => node,
                Err(bad) => {
                    self.refuse(row.record.line, &row.record.text, &bad)?;
                    continue;
                }
            };
            // There is one for each node that was sent.
            let Some(result) = results.next() else { continue };
            self.mark.tally.renamed += u64::from(row.renamed.is_some());
            if let Some(problem) = &result.problem {
                self.refuse(row.record.line, &row.record.text, &Bad::new(clean(&problem.detail)))?;
                continue;
            }
            self.mark.tally.count(&result);
            if self.args.dry_run && self.examples.len() < EXAMPLES && !result.changed.is_empty() {
                let changed: Vec<_> = result.changed.iter().map(ToString::to_string).collect();
                let was = row.renamed.map_or_else(String::new, |was| format!("  (in the file: {})", clean(&was)));
                self.examples.push(format!("{}  {}{was}\n", node.node, changed.join(" ")));
            }
        }
        (self.mark.line, self.mark.end, self.mark.sha256) = (batch.line, batch.end, batch.sha256);
        Ok(self.is_stopped())
    }

    /// Whether the import ends here because a record was refused.
    fn is_stopped(&self) -> bool {
        self.args.stops() && self.mark.tally.refused > self.before.refused
    }

    /// The problem that ends the import, and how to go on.
    fn given_up(&self, problem: Problem) -> Problem {
        let line = self.mark.line;
        if self.args.dry_run || line == 0 || self.keep().is_err() {
            return problem;
        }
        problem.and(&format!(
            " (everything up to line {line} is done: `{}` goes on there)",
            self.args.again(self.args.on_error)
        ))
    }

    fn refuse(&mut self, line: u64, text: &[u8], bad: &Bad) -> Result<(), Problem> {
        self.mark.tally.refused += 1;
        if self.args.dry_run {
            say(&format!("{}:{line}: {bad}", self.args.file.display()));
            return Ok(());
        }
        let file = self.rejects.file().display().to_string();
        let added = self.rejects.add(&self.args.file, line, text, bad);
        added.map_err(|error| Problem::new(format!("{file} can't be written: {error}")))
    }

    fn keep(&self) -> Result<(), Problem> {
        let file = self.args.file.display();
        let kept = self.marks.keep(&self.mark);
        kept.map_err(|error| Problem::new(format!("it can't be kept beside {file} how far this has come: {error}")))
    }

    fn interrupted(&self) -> Problem {
        let line = self.mark.line;
        if self.args.dry_run {
            return Problem::interrupted("stopped; nothing was changed");
        }
        match self.keep() {
            Ok(()) if line > 0 => Problem::interrupted(format!(
                "stopped after line {line}: `{}` goes on there",
                self.args.again(self.args.on_error)
            )),
            Ok(()) => Problem::interrupted("stopped"),
            Err(problem) => Problem::interrupted(format!("stopped after line {line}; {problem}")),
        }
    }

    fn finish(self) -> Result<(), Problem> {
        let Self { args, mark: Mark { line, tally, .. }, .. } = &self;
        let seconds = self.began.elapsed().as_secs_f64();
        let file = self.rejects.file().display();
        if args.connection.json {
            let rejects = Some(file.to_string()).filter(|_| tally.refused > 0 && !args.dry_run);
            print_json(
                &json!({"dry_run": args.dry_run, "line": line, "tally": tally, "rejects": rejects, "seconds": seconds}),
            )?;
        } else {
            let lines = tally.lines(args.dry_run);
            let examples = self.examples.concat();
            let more = tally.registered + tally.changed - self.examples.len() as u64;
            let more = if self.examples.is_empty() || more == 0 { String::new() } else { format!("and {more} more\n") };
            let total = tally.total() - self.before.total();
            print(&format!("{examples}{more}{}{total} nodes in {seconds:.1} s\n", pairs(&lines)))?;
        }
        if self.is_cut {
            say("the last line has no line break: if the file was cut off, its end is missing");
        }
        if tally.refused == 0 {
            self.marks.remove();
            return Ok(());
        }
        if args.dry_run {
            return Err(Problem::new(format!("wrong: {}", records(tally.refused))));
        }
        if self.is_stopped() {
            self.keep()?;
            let again = args.again(Some(OnError::Skip));
            return Err(Problem::new(format!(
                "stopped after line {line}: mend what is wrong and import the file again, or go on with `{again}`"
            )));
        }
        self.marks.remove();
        let refused = records(tally.refused);
        Err(Problem::new(format!("not imported: {refused}; mend what is wrong in {file}, and import that")))
    }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

/// How far the import has come.
fn far(end: u64, size: u64, done: u64, since: u64, took: Duration) -> String {
    let (ms, size) = (u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1), size.max(1));
    let left = ms.saturating_mul(size.saturating_sub(end)) / end.max(1) / 1000;
    let (percent, rate) = (end * 100 / size, since * 1000 / ms);
    format!("{percent:3} %  {done} nodes  {rate} a second  {left} s left")
}

//! `rollcall watch`.

mod changes;
mod told;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http::Method;
use rollcall_core::Site;
use rollcall_wire::console::NodePage;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::changes::{Change, Look, changes};
use self::told::Following;
use super::client::{Ask, Client};
use super::nodes::{NOTHING, PAGE};
use super::table::clean;
use crate::args::Watch;
use crate::clock;
use crate::out::{print_on, say};
use crate::problem::Problem;
use crate::up::stop_signal;

/// How wide a node's id is at least, so that most lines are aligned: a MAC address, or a short name.
const NODE: usize = 17;
/// How wide a change is: the longest one's text.
const CHANGE: usize = 16;

/// A line for a program.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    Summary {
        online: usize,
        nodes: usize,
    },
    #[serde(untagged)]
    Change(&'a Change),
}

/// Shows who is online, and then who comes and goes and what becomes of configurations, commands and firmware, until it is
/// told to stop or nobody reads on.
///
/// # Errors
/// If the console refuses to be asked.
pub(crate) async fn watch(args: &Watch) -> Result<(), Problem> {
    let client = Client::open(&args.address).await?;
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let (last, unreachable, looked) = (RefCell::default(), Cell::default(), Notify::new());
    let watching = Watching { args, client, last, unreachable, looked };
    tokio::select! {
        ended = watching.look_on() => ended,
        ended = watching.read_on() => ended,
        () = &mut stop => watching.summarise().map(|_| ()),
    }
}

/// The next look comes a whole interval after the last, however long that took: a slow console is not hurried.
fn looks(args: &Watch) -> Interval {
    let mut looks = interval(Duration::from_secs(args.every.into()));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// What has been seen so far.
struct Watching<'a> {
    args: &'a Watch,
    client: Client,
    last: RefCell<Option<Look>>,
    /// Whether it was said that the console is away.
    unreachable: Cell<bool>,
    /// After the first look.
    looked: Notify,
}

impl Watching<'_> {
    /// Looks again and again, until nobody reads on.
    async fn look_on(&self) -> Result<(), Problem> {
        let mut looks = looks(self.args);
        loop {
            looks.tick().await;
            if !self.look_once().await? {
                return Ok(());
            }
        }
    }

    /// Prints what the application is told, from the first look on, until nobody reads on.
    async fn read_on(&self) -> Result<(), Problem> {
        self.looked.notified().await;
        let mut following = Following::from_now(&self.client, self.args.site.as_ref().map(Site::as_str));
        loop {
            let events = following.next().await;
            let line =
                |event| if self.args.json { told::json(event) } else { Ok(told::text(event, NODE, CHANGE, NOTHING)) };
            if !print_on(&events.iter().map(line).collect::<Result<String, _>>()?)? {
                return Ok(());
            }
        }
    }

    /// Looks, and prints what has changed; says whether somebody reads on.
    async fn look_once(&self) -> Result<bool, Problem> {
        let look = match self.look().await {
            Ok(look) => look,
            Err(problem) if problem.is_passing() => {
                if !self.unreachable.replace(true) {
                    say(&format!("rollcall: {problem}; watching goes on when it answers"));
                }
                return Ok(true);
            }
            Err(problem) => return Err(problem),
        };
        if self.unreachable.take() {
            say("rollcall: the console answers");
        }
        let now = clock::now();
        let Some(last) = self.last.borrow_mut().replace(look) else {
            self.looked.notify_one();
            return self.summarise();
        };
        let changes = self.last.borrow().as_ref().map_or_else(Vec::new, |look| changes(&last, look, now));
        self.show(&changes)
    }

    /// Every node, a page at a time.
    async fn look(&self) -> Result<Look, Problem> {
        let site = self.args.site.as_ref().map_or_else(String::new, |site| format!("&site={}", site.as_str()));
        let first = format!("/v1/nodes?limit={PAGE}{site}");
        let (mut look, mut path) = (Look::default(), first.clone());
        loop {
            let page: NodePage = self.client.ask(Ask::new(Method::GET, path)).await?;
            look.extend(page.nodes);
            let Some(cursor) = page.cursor else { return Ok(look) };
            path = format!("{first}&cursor={cursor}");
        }
    }

    fn show(&self, changes: &[Change]) -> Result<bool, Problem> {
        let line = |change| if self.args.json { json(&Line::Change(change)) } else { Ok(text(change)) };
        let lines = changes.iter().map(line).collect::<Result<String, _>>()?;
        print_on(&lines)
    }

    /// How many are online, once that is known.
    fn summarise(&self) -> Result<bool, Problem> {
        let Some((online, nodes)) = self.last.borrow().as_ref().map(|look| (look.online(), look.nodes())) else {
            return Ok(true);
        };
        let text = || Ok(format!("{online} of {nodes} online\n"));
        print_on(&if self.args.json { json(&Line::Summary { online, nodes }) } else { text() }?)
    }
}

fn json(line: &Line<'_>) -> Result<String, Problem> {
    serde_json::to_string(line).map(|line| line + "\n").map_err(|error| Problem::plain(&error))
}

fn text(change: &Change) -> String {
    let (at, node) = (clock::utc(change.at()), clean(&change.node));
    let site = change.site.as_deref().map_or_else(|| NOTHING.to_owned(), clean);
    format!("{at}  {node:NODE$}  {:CHANGE$}  {site}\n", change.text())
}

#[cfg(test)]
mod tests {
    use super::changes::Event;
    use super::*;

    #[test]
    fn a_change_is_a_line_for_a_person_or_a_program() {
        let (node, site) = ("ap-1".to_owned(), Some("hq".to_owned()));
        let change = Change { event: Event::Online, at_ms: 1_707_503_008_941, node, online: true, site };
        assert_eq!(text(&change), "2024-02-09 18:23:28  ap-1               online            hq\n");
        let line = json(&Line::Change(&change)).unwrap_or_else(|problem| panic!("{problem}"));
        let expected =
            "{\"event\":\"online\",\"at_ms\":1707503008941,\"node\":\"ap-1\",\"online\":true,\"site\":\"hq\"}\n";
        assert_eq!(line, expected);
        let summary = json(&Line::Summary { online: 1, nodes: 2 }).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(summary, "{\"event\":\"summary\",\"online\":1,\"nodes\":2}\n");
    }
}

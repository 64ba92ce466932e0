//! `rollcall events`.

pub(crate) mod line;

use http::Method;
use rollcall_wire::{CloudEvent, EventPage};

use self::line::{data, to_the_second};
use super::client::{Ask, Client};
use super::table::clean;
use crate::args::Events;
use crate::out::{print_on, say};
use crate::problem::Problem;
use crate::up::stop_signal;

/// How wide columns are at least, so that most lines are aligned: a MAC address, the longest type, a key's name.
const NODE: usize = 17;
const KIND: usize = 20;
const ACTOR: usize = 12;
/// How much is shown of what an event says.
const DATA: usize = 120;
/// How many events a request reads, and how long it waits for one, in seconds.
const PAGE: u32 = 100;
const WAIT_S: u32 = 20;

/// Prints the events so far; with `--follow`, the events from now on, until it is told to stop or nobody reads on.
///
/// # Errors
/// If the console refuses to be asked.
pub(crate) async fn events(args: &Events) -> Result<(), Problem> {
    let client = Client::open(&args.address).await?;
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let wait = if args.follow { WAIT_S } else { 0 };
    let mut after = args.after.clone().or_else(|| args.follow.then(|| "now".to_owned()));
    let mut unreachable = false;
    loop {
        let asked = client.ask::<EventPage>(Ask::new(Method::GET, path(args, after.as_deref(), wait)));
        let page = tokio::select! {
            page = asked => page,
            () = &mut stop => return Ok(()),
        };
        let page = match page {
            Err(problem) if args.follow && problem.is_passing() => {
                if !std::mem::replace(&mut unreachable, true) {
                    say(&format!("rollcall: {problem}; following goes on when it answers"));
                }
                tokio::select! {
                    () = tokio::time::sleep(std::time::Duration::from_secs(2)) => continue,
                    () = &mut stop => return Ok(()),
                }
            }
            page => page?,
        };
        if std::mem::take(&mut unreachable) {
            say("rollcall: the console answers");
        }
        let is_last = !args.follow && after.as_ref() == Some(&page.cursor);
        let events = page.events.iter().filter(|event| is_by(args.actor.as_deref(), event));
        let lines = events.map(|event| if args.json { json(event) } else { Ok(text(event)) });
        if !print_on(&lines.collect::<Result<String, _>>()?)? || is_last {
            return Ok(());
        }
        after = Some(page.cursor);
    }
}

fn path(args: &Events, after: Option<&str>, wait: u32) -> String {
    let kind = args.kind.as_ref().map_or_else(String::new, |kind| format!("&type={}", kind.as_str()));
    let node = args.node.as_ref().map_or_else(String::new, |node| format!("&node={node}"));
    let after = after.map_or_else(String::new, |after| format!("&after={after}"));
    format!("/v1/events?limit={PAGE}&wait_s={wait}{kind}{node}{after}")
}

fn is_by(actor: Option<&str>, event: &CloudEvent) -> bool {
    actor.is_none_or(|actor| event.actor.as_deref() == Some(actor))
}

fn json(event: &CloudEvent) -> Result<String, Problem> {
    serde_json::to_string(event).map(|line| format!("{line}\n")).map_err(|error| Problem::plain(&error))
}

/// The time to the second, the node, what happened, by whom, and what is said of it.
fn text(event: &CloudEvent) -> String {
    let (time, data) = (to_the_second(event), data(event, DATA));
    let actor = event.actor.as_deref().unwrap_or("-");
    let (node, kind, actor) = (clean(&event.subject), clean(&event.kind), clean(actor));
    let line = format!("{time}  {node:NODE$}  {kind:KIND$}  {actor:ACTOR$}  {data}");
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::events::line::example;

    #[test]
    fn an_event_is_a_line_that_a_person_can_read() {
        let event = example();
        let expected = "2026-11-26 11:15:21  ap-1               config.desired        deploy        {\"version\":3}\n";
        assert_eq!(text(&event), expected);
        let plain = CloudEvent { actor: None, data: serde_json::json!({}).into(), ..event.clone() };
        assert!(text(&plain).ends_with("config.desired        -\n"), "{}", text(&plain));
        assert!(is_by(Some("deploy"), &event) && !is_by(Some("deploy"), &plain) && is_by(None, &plain));
    }
}

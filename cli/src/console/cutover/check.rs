//! `rollcall cutover check`: a mapping tried on a request, without asking anybody.

use rollcall_cutover::{Answer, Heard, Sample};
use rollcall_wire::CommandStatus;
use serde_json::{Value, json};

use super::dialect;
use crate::args::CheckMapping;
use crate::console::table::pairs;
use crate::out::{print, print_json};
use crate::problem::Problem;

/// What the answers of a check can't show.
const EMPTY: &str = "in these samples, what a template takes from a document or from arguments of yours is empty";

/// Checks a mapping, and shows what it hears and answers.
///
/// # Errors
/// If the mapping has a mistake, or hears no check-in in the request.
pub(super) fn check(args: &CheckMapping) -> Result<(), Problem> {
    let dialect = dialect(&args.file)?;
    let heard = match &args.sample {
        None => None,
        Some(file) => {
            let named = |why: String| Problem::misuse(format!("{}: {why}", file.display()));
            let bytes = std::fs::read(file).map_err(|error| named(error.to_string()))?;
            let sample = Sample::read(&bytes).map_err(|error| named(error.to_string()))?;
            let heard = dialect.hear(&sample.incoming()).map_err(|error| named(error.to_string()))?;
            let no_check_in = || {
                let map = &dialect.mapping().request;
                named(format!("it is no check-in: those have the path {} and {}", map.path, map.methods.join(" or ")))
            };
            Some(heard.ok_or_else(no_check_in)?)
        }
    };
    let answers: Vec<_> = dialect.samples().into_iter().filter_map(|(kind, made)| Some((kind, made.ok()?))).collect();
    if args.json {
        return print_json(&json!({
            "request": heard.as_ref().map(heard_json),
            "answers": answers.iter().map(|(kind, made)| answer_json(kind, made)).collect::<Vec<_>>(),
        }));
    }
    let heard = heard.map(|heard| format!("the request says\n{}\n", pairs(&said(&heard)))).unwrap_or_default();
    let answers: Vec<_> = answers.iter().map(|(kind, made)| shown(kind, made)).collect();
    print(&format!("the mapping has no mistakes\n\n{heard}{}\n{EMPTY}\n", answers.join("\n")))
}

/// What a request says. The credential is not shown.
fn said(heard: &Heard) -> Vec<(&'static str, String)> {
    let nothing = || "not said".to_owned();
    let health = heard.health.unwrap_or_default();
    let number = |number: Option<u64>| number.map_or_else(nothing, |number| number.to_string());
    let result = heard.result.as_ref().map(|result| {
        let ended = if result.status == CommandStatus::Done { "done" } else { "failed" };
        format!("command {} {ended}", result.command)
    });
    vec![
        ("  node", heard.node.to_string()),
        ("  credential", heard.credential.as_ref().map_or_else(nothing, |_| "said, and not shown".to_owned())),
        ("  firmware", heard.firmware.clone().unwrap_or_else(nothing)),
        ("  configuration", heard.config.clone().unwrap_or_else(nothing)),
        ("  uptime, seconds", number(health.uptime_s)),
        ("  load, percent", number(health.load_percent.map(Into::into))),
        ("  memory free, KiB", number(health.memory_free_kib)),
        ("  clients", number(health.clients.map(Into::into))),
        ("  result", result.unwrap_or_else(nothing)),
    ]
}

fn heard_json(heard: &Heard) -> Value {
    json!({
        "node": heard.node.to_string(),
        "has_credential": heard.credential.is_some(),
        "firmware": heard.firmware,
        "config": heard.config,
        "health": heard.health,
        "result": heard.result,
    })
}

fn answer_json(kind: &str, made: &Answer) -> Value {
    let headers: serde_json::Map<_, _> =
        made.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({"for": kind, "status": made.status, "headers": headers, "body": String::from_utf8_lossy(&made.body)})
}

fn shown(kind: &str, made: &Answer) -> String {
    let headers: Vec<_> = made.headers.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
    let body = String::from_utf8_lossy(&made.body);
    let body: Vec<_> = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("with {kind}, the answer is\n  {}\n{}{}", made.status, headers.concat(), body.concat())
}

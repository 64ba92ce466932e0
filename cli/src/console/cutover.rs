//! `rollcall cutover`.

mod check;
mod page;
mod report;

use std::path::Path;

use http::Method;
use rollcall_cutover::{Dialect, Mapping, schema};
use rollcall_wire::console::{CutoverMode, CutoverModeSpec, CutoverRule, CutoverView};

use super::client::{Ask, Client};
use super::nodes::NOTHING;
use super::table::Columns;
use crate::args::{CutoverCommand, CutoverShow, SetMapping, SetMode};
use crate::out::{print, print_json, say};
use crate::problem::Problem;

/// Does what is asked about the cut-over.
///
/// # Errors
/// Why it could not be done, and what to do about it.
pub(crate) async fn cutover(command: &CutoverCommand) -> Result<(), Problem> {
    match command {
        CutoverCommand::Check(args) => check::check(args),
        CutoverCommand::Mapping(args) => set_mapping(args).await,
        CutoverCommand::Set(args) => set_mode(args).await,
        CutoverCommand::Off(args) => off(args).await,
        CutoverCommand::Show(args) => show(args).await,
        CutoverCommand::Report(args) => report::report(args).await,
        CutoverCommand::Schema => print_json(&schema().map_err(|error| Problem::plain(&error))?),
    }
}

/// Reads a mapping file, and checks it.
fn dialect(file: &Path) -> Result<Dialect, Problem> {
    let named = |why: String| Problem::misuse(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| named(error.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mapping: Mapping = if file.extension().is_some_and(|end| end.eq_ignore_ascii_case("json")) {
        serde_json::from_str(text).map_err(|error| named(error.to_string()))?
    } else {
        toml::from_str(text).map_err(|error| named(error.to_string().trim_end().to_owned()))?
    };
    Dialect::new(mapping).map_err(|mistakes| named(format!("it has mistakes:\n  {}", mistakes.0.join("\n  "))))
}

async fn set_mapping(args: &SetMapping) -> Result<(), Problem> {
    let (path, said) = ("/v1/cutover/mapping", "it is in effect within five seconds");
    let Some(file) = &args.file else {
        Client::open(&args.connection.address).await?.send(Ask::new(Method::DELETE, path)).await?;
        say(&format!("the mapping is removed: {said}"));
        return Ok(());
    };
    let dialect = dialect(file)?;
    let body = serde_json::to_vec(dialect.mapping()).map_err(|error| Problem::plain(&error))?;
    Client::open(&args.connection.address).await?.send(Ask::new(Method::PUT, path).with_body(body)).await?;
    say(&format!("the mapping is set: {said}"));
    Ok(())
}

async fn set_mode(args: &SetMode) -> Result<(), Problem> {
    let spec = CutoverModeSpec {
        mode: args.mode,
        selector: args.select.as_ref().map(ToString::to_string),
        percent: args.percent.map(|percent| percent.to_string()),
    };
    put_mode(&spec, &args.connection).await
}

async fn off(args: &CutoverShow) -> Result<(), Problem> {
    put_mode(&CutoverModeSpec { mode: CutoverMode::Off, selector: None, percent: None }, &args.connection).await
}

async fn put_mode(spec: &CutoverModeSpec, connection: &crate::args::Connection) -> Result<(), Problem> {
    let body = serde_json::to_vec(spec).map_err(|error| Problem::plain(&error))?;
    let client = Client::open(&connection.address).await?;
    let set: CutoverView = client.ask(Ask::new(Method::PUT, "/v1/cutover/mode").with_body(body)).await?;
    if connection.json {
        return print_json(&set);
    }
    print(&rules(set.rules))?;
    say("it is in effect within five seconds");
    Ok(())
}

async fn show(args: &CutoverShow) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let set: CutoverView = client.ask(Ask::new(Method::GET, "/v1/cutover")).await?;
    if args.connection.json {
        return print_json(&set);
    }
    let Some(mapping) = set.mapping else {
        return print("there is no mapping yet: `rollcall cutover mapping FILE` sets one\n");
    };
    let mapping: Mapping = mapping.read().map_err(|error| Problem::plain(&error))?;
    print(&format!("{} {}\n\n{}", mapping.application.url, mapping.request.path, rules(set.rules)))
}

/// The modes, as a table.
fn rules(rules: Vec<CutoverRule>) -> String {
    if rules.is_empty() {
        return "the legacy endpoint answers every node, and nothing is noted\n".to_owned();
    }
    let row = |rule: CutoverRule| {
        let part = rule.percent.zip(rule.shifted).map(|(percent, mode)| format!("{percent} % {}", name(mode)));
        let nodes = rule.selector.unwrap_or_else(|| "all others".to_owned());
        [nodes, name(rule.mode).to_owned(), part.unwrap_or_else(|| NOTHING.to_owned())]
    };
    Columns::of_cells(48, ["NODES", "MODE", "OF THEM"]).rows(rules.into_iter().map(row))
}

fn name(mode: CutoverMode) -> &'static str {
    match mode {
        CutoverMode::Off => "off",
        CutoverMode::Observe => "observe",
        CutoverMode::Compare => "compare",
        CutoverMode::Serve => "serve",
    }
}

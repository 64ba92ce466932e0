//! `rollcall config diff`.

use std::process::ExitCode;

use http::Method;
use rollcall_core::NodeId;
use rollcall_wire::console::{AppliedView, ConfigVersionView, ConfigView, DesiredView, VersionDifference};
use rollcall_wire::{Document, Edit, Json, Step, difference, steps};
use serde::Serialize;

use super::client::{Ask, Client};
use super::configs::read;
use super::nodes::{NOTHING, desired, reported};
use super::table::{Columns, pairs};
use crate::args::DiffConfig;
use crate::out::{print, print_json};
use crate::problem::Problem;

/// How many characters an old and a new value have at most on a terminal.
const CELL: usize = 28;
/// What stands for the path of a whole document, which is empty.
const ALL: &str = "(all)";

/// One side of a comparison.
#[derive(Debug, PartialEq, Serialize)]
struct Side {
    /// The version; nothing for a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    sha256: String,
}

/// A comparison.
#[derive(Debug, Serialize)]
struct Comparison<'a> {
    node: &'a str,
    /// Nothing if nothing was desired.
    from: Option<Side>,
    to: Side,
    difference: Vec<Edit>,
    #[serde(skip)]
    old: Json,
}

/// Compares, and exits with 1 if there is a difference. An error says that nothing was compared.
///
/// # Errors
/// Why it could not be compared, and what to do about it.
pub(super) async fn diff(args: &DiffConfig) -> Result<ExitCode, Problem> {
    let file = args.file.as_deref().map(read).transpose()?;
    let client = Client::open(&args.connection.address).await?;
    let (head, comparison) = if let (Some(from), Some(to)) = (args.from, args.to) {
        of_versions(&client, &args.node, from, to).await?
    } else {
        let view: ConfigView = client.ask(Ask::node(Method::GET, &args.node, "/config")).await?;
        let head = head(&args.node, &view, file.as_ref());
        let comparison = match &file {
            Some(file) => with_file(&args.node, view, file)?,
            None => of_node(&args.node, view)?,
        };
        (head, comparison)
    };
    let code = if comparison.difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if args.connection.json {
        print_json(&comparison)?;
    } else {
        print(&(head + &table(comparison)))?;
    }
    Ok(code)
}

/// From one version to another, with what is compared.
async fn of_versions<'a>(
    client: &Client,
    node: &'a NodeId,
    from: u64,
    to: u64,
) -> Result<(String, Comparison<'a>), Problem> {
    let below = format!("/config/versions/{from}");
    let before: ConfigVersionView = client.ask(Ask::node(Method::GET, node, &below)).await?;
    let below = format!("/config/difference?from={from}&to={to}");
    let compared: VersionDifference = client.ask(Ask::node(Method::GET, node, &below)).await?;
    let said = |version: &ConfigVersionView| format!("version {} {}", version.version, version.state);
    let rows = [("node", node.to_string()), ("from", said(&compared.from)), ("to", said(&compared.to))];
    let side = |version: ConfigVersionView| {
        let sha256 = version.sha256.unwrap_or_default();
        Side { version: Some(version.version), sha256 }
    };
    let (from, to) = (side(compared.from), side(compared.to));
    let old = known(before.document, &from.sha256)?;
    let comparison = Comparison { node: node.as_str(), from: Some(from), to, difference: compared.difference, old };
    Ok((pairs(&rows), comparison))
}

/// From what the node runs to what it is to run.
fn of_node(node: &NodeId, view: ConfigView) -> Result<Comparison<'_>, Problem> {
    let Some(to) = view.desired else {
        return Err(Problem::new(format!("nothing is desired of {node}: `rollcall config set {node} FILE` sets it")));
    };
    let Some(AppliedView { version, sha256, document }) = view.applied else {
        return Err(Problem::new(format!(
            "{node} has not reported that it runs a configuration: `rollcall config get {node}` shows what is desired"
        )));
    };
    let Some(sha256) = sha256 else {
        return Err(Problem::new(format!(
            "{node} runs version {version}, and which document that was is not remembered: `rollcall config get {node}` \
             shows what is desired"
        )));
    };
    let difference = view.difference.ok_or_else(unknown)?;
    let old = known(document, &sha256)?;
    let from = Some(Side { version: Some(version), sha256 });
    Ok(Comparison { node: node.as_str(), from, to: side(to), difference, old })
}

/// From what the node is to run to what a file says.
fn with_file<'a>(node: &'a NodeId, view: ConfigView, file: &Document) -> Result<Comparison<'a>, Problem> {
    let to = Side { version: None, sha256: file.sha256().to_owned() };
    let new = file.json().map_err(|error| Problem::plain(&error))?;
    let Some(from) = view.desired.map(side) else {
        let difference = vec![Edit::Add { path: String::new(), value: new }];
        return Ok(Comparison { node: node.as_str(), from: None, to, difference, old: Json::default() });
    };
    let old = known(view.document, &from.sha256)?;
    let difference = if from.sha256 == to.sha256 { vec![] } else { difference(&old, &new) };
    Ok(Comparison { node: node.as_str(), from: Some(from), to, difference, old })
}

fn side(desired: DesiredView) -> Side {
    Side { version: Some(desired.version), sha256: desired.sha256 }
}

/// The document with this hash. JSON has one `null` for a document that says so and for none, and the hash tells which.
fn known(document: Option<Json>, sha256: &str) -> Result<Json, Problem> {
    let is_null = || sha256 == rollcall_wire::sha256("null");
    document.or_else(|| is_null().then(Json::default)).ok_or_else(unknown)
}

fn unknown() -> Problem {
    Problem::new("the console can't compare them: one of the documents is not remembered")
}

/// What is compared.
fn head(node: &NodeId, view: &ConfigView, file: Option<&Document>) -> String {
    let desired = desired(view.desired.as_ref(), view.status);
    let mut rows = vec![("node", node.to_string())];
    match (file, &view.applied) {
        (Some(file), _) => rows.extend([("desired", desired), ("file", file.sha256().to_owned())]),
        (None, Some(applied)) => {
            let report = view.reported.as_ref().filter(|report| report.version == applied.version);
            let runs = report.map_or_else(|| format!("version {}", applied.version), |report| reported(Some(report)));
            rows.extend([("runs", runs), ("desired", desired)]);
        }
        (None, None) => {}
    }
    pairs(&rows)
}

/// A line for each edit, or that there is none.
#[expect(clippy::needless_pass_by_value, reason = "it is a function of one value, as its sibling is")]
fn table(comparison: Comparison<'_>) -> String {
    if comparison.difference.is_empty() {
        return "no difference\n".to_owned();
    }
    let mut columns = Columns::of_cells(CELL, ["PATH", "OLD", "NEW"]);
    let value = |value: Option<Json>| value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string());
    let edited = comparison.from.is_some();
    let row = |Step { path, old, new }: Step| {
        [if path.is_empty() { ALL.to_owned() } else { path }, value(old.filter(|_| edited)), value(new)]
    };
    format!("\n{}", columns.rows(steps(&comparison.old, &comparison.difference).into_iter().map(row)))
}

#[cfg(test)]
mod tests {
    use rollcall_wire::console::{ConfigOrigin, ConfigProgress};
    use serde_json::{Value, json};

    use super::*;

    fn view(applied: Option<AppliedView>, desired: &Value) -> ConfigView {
        let desired = Json::from(desired.clone());
        let difference = applied.as_ref().and_then(|applied| Some(difference(applied.document.as_ref()?, &desired)));
        ConfigView {
            status: ConfigProgress::Pending,
            desired: Some(DesiredView { version: 2, sha256: "two".to_owned(), origin: ConfigOrigin::Node }),
            document: Some(desired),
            reported: None,
            applied,
            difference,
        }
    }

    fn applied(sha256: Option<&str>, document: &Value) -> AppliedView {
        let document = sha256.map(|_| document.clone().into());
        AppliedView { version: 1, sha256: sha256.map(str::to_owned), document }
    }

    #[test]
    fn each_edit_is_a_line_with_what_was_there_and_what_is_there_now() {
        let node = "ap-1".parse().expect("an id");
        let desired = json!({"channel": 40, "ssid": "a\u{1b}b", "tags": []});
        let before = applied(Some("one"), &json!({"channel": 36, "tags": ["x"]}));
        let view = view(Some(before), &desired);
        let head = head(&node, &view, None);
        let text = head + &table(of_node(&node, view).unwrap_or_else(|problem| panic!("{problem}")));
        let expected = "\
node     ap-1
runs     version 1
desired  version 2 pending

PATH      OLD  NEW
/channel  36   40
/ssid     -    \"a\\u001bb\"
/tags/0   \"x\"  -
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_not_known_is_not_called_the_same() {
        let node = "ap-1".parse().expect("an id");
        let problem = |view| of_node(&node, view).map(|_| ()).expect_err("not known").to_string();
        assert!(problem(view(None, &json!(1))).contains("has not reported"));
        assert!(problem(view(Some(applied(None, &json!(1))), &json!(2))).contains("not remembered"));
        let nothing = ConfigView { desired: None, ..view(None, &json!(1)) };
        assert!(problem(nothing).contains("`rollcall config set ap-1 FILE`"));
    }
}

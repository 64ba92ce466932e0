//! `rollcall config history`.

use http::Method;
use rollcall_core::Timestamp;
use rollcall_wire::console::{ConfigOrigin, ConfigVersionPage, ConfigVersionProgress, ConfigVersionView};

use super::client::{Ask, Client};
use super::nodes::NOTHING;
use super::table::Columns;
use crate::args::One;
use crate::clock;
use crate::out::{print, print_json};
use crate::problem::Problem;

/// How many characters a cell has at most on a terminal: a time fits.
const CELL: usize = 19;
/// How many digits of a document's hash are shown: enough to tell a node's documents apart.
const DIGITS: usize = 12;

/// Lists the last versions of a node's configuration, the newest first.
///
/// # Errors
/// If the console can't be asked, or does not know the node.
pub(super) async fn history(args: &One) -> Result<(), Problem> {
    let client = Client::open(&args.connection.address).await?;
    let page: ConfigVersionPage = client.ask(Ask::node(Method::GET, &args.node, "/config/versions")).await?;
    if args.connection.json {
        return print_json(&page.versions);
    }
    if page.versions.is_empty() {
        let node = &args.node;
        return print(&format!(
            "no configuration was set for {node} yet: `rollcall config set {node} FILE` sets one\n"
        ));
    }
    print(&table(&page.versions))
}

fn table(versions: &[ConfigVersionView]) -> String {
    let mut columns = Columns::of_cells(CELL, ["VERSION", "STATE", "RUNS", "SET", "BY", "FOR", "SHA256"]);
    columns.rows(versions.iter().map(row))
}

fn row(version: &ConfigVersionView) -> [String; 7] {
    let nothing = || NOTHING.to_owned();
    let set_for = match (version.state, version.origin) {
        (ConfigVersionProgress::Unset, _) => NOTHING,
        (_, ConfigOrigin::Node) => "node",
        (_, ConfigOrigin::Site) => "site",
    };
    [
        version.version.to_string(),
        version.state.to_string(),
        if version.runs { "yes" } else { NOTHING }.to_owned(),
        version.set_at_ms.map_or_else(nothing, |at| clock::utc(Timestamp(at))),
        version.actor.clone().unwrap_or_else(nothing),
        set_for.to_owned(),
        version.sha256.as_ref().map_or_else(nothing, |sha256| sha256.chars().take(DIGITS).collect()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_a_line_and_what_is_not_known_is_left_out() {
        let newest = ConfigVersionView {
            version: 2,
            sha256: None,
            state: ConfigVersionProgress::Unset,
            runs: false,
            origin: ConfigOrigin::Node,
            set_at_ms: Some(1_707_503_008_941),
            actor: Some("deploy".to_owned()),
            document: None,
        };
        let oldest = ConfigVersionView {
            version: 1,
            sha256: Some("71e44fb6f33a6a4ca512".to_owned()),
            state: ConfigVersionProgress::Applied,
            runs: true,
            origin: ConfigOrigin::Site,
            set_at_ms: None,
            actor: None,
            document: None,
        };
        let expected = "\
VERSION  STATE    RUNS  SET                  BY      FOR   SHA256
2        unset    -     2024-02-09 18:23:28  deploy  -     -
1        applied  yes   -                    -       site  71e44fb6f33a
";
        assert_eq!(table(&[newest, oldest]), expected);
    }
}

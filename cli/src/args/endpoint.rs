//! What can be asked of the console API about endpoints.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rollcall_core::{EndpointName, EventId, EventTypes, Selector, Site};
use rollcall_wire::console::SignatureScheme;

use super::console::Connection;

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointCommand {
    /// Send events to a URL from now on, or change where and which; prints the secret that they are signed with, once
    Add(AddEndpoint),
    /// List the endpoints
    List(ListEndpoints),
    /// Show an endpoint, and what became of the last events that were sent there
    Show(ShowEndpoint),
    /// Send an event that only shows that events arrive
    Test(OneEndpoint),
    /// Replace the secret; events are signed with the one before, too, for 24 hours
    Rotate(OneEndpoint),
    /// Send events that happened once more; without any option, all that are kept
    Replay(ReplayEvents),
    /// Send no more events there; what is on its way is dropped
    Remove(OneEndpoint),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddEndpoint {
    /// Its name, which you choose: lower-case letters, digits and `-`
    pub(crate) name: EndpointName,
    /// Where to send events: http or https, at a public address; on the local cloud, on this machine as well
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// Only events of these types, separated by commas: `node.offline`, or `node.*` for all that begin so
    #[arg(long, value_name = "TYPES")]
    pub(crate) types: Option<EventTypes>,
    /// Only events of nodes of this site
    #[arg(long)]
    pub(crate) site: Option<Site>,
    /// Only events of nodes that this selector means, such as 'model=ax-2 tag=roof' (docs/selectors.md)
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
    /// How events are signed: `v1` with a secret that you get, `v1a` with a key of which you get the public half
    /// [default: v1]
    #[arg(long, value_name = "SCHEME", value_parser = scheme())]
    pub(crate) signature: Option<SignatureScheme>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListEndpoints {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowEndpoint {
    /// Its name
    pub(crate) name: EndpointName,
    /// How many deliveries to show
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100), value_name = "N")]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayEvents {
    /// Its name
    pub(crate) name: EndpointName,
    /// Only events that happened at this instant or later, such as 2026-03-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only events that happened at this instant or earlier
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only the events with these ids, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) ids: Option<Vec<EventId>>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneEndpoint {
    /// Its name
    pub(crate) name: EndpointName,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn scheme() -> impl TypedValueParser<Value = SignatureScheme> {
    let schemes = ["v1", "v1a"];
    PossibleValuesParser::new(schemes)
        .map(move |named| if named == schemes[1] { SignatureScheme::V1a } else { SignatureScheme::V1 })
}

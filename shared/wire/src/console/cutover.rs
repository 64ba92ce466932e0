//! The console's types for the cut-over from a legacy polling endpoint.

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// Who answers a node's polls.
    pub enum CutoverMode {
        /// The legacy endpoint, and nothing is noted.
        Off,
        /// The legacy endpoint; that the node is there is noted.
        Observe,
        /// The legacy endpoint; how Rollcall's own answer differs is noted.
        Compare,
        /// Rollcall; the legacy endpoint only if Rollcall can't.
        Serve,
    }
}

/// The cut-over as it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CutoverView {
    /// The mapping of the legacy endpoint; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object, required = false))]
    pub mapping: Option<Json>,
    /// The modes. A node has that of the first rule that means it, and is off if none does.
    pub rules: Vec<CutoverRule>,
}

/// The mode of all nodes, or of those that a selector means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CutoverRule {
    /// The selector of the nodes that are meant, such as `site=hq tag=roof`; absent for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub selector: Option<String>,
    /// Their mode.
    pub mode: CutoverMode,
    /// A part of them has another mode: how many percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub percent: Option<String>,
    /// The mode of that part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = CutoverMode, required = false))]
    pub shifted: Option<CutoverMode>,
}

/// The body of `PUT /v1/cutover/mode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CutoverModeSpec {
    /// The mode. `off` without a selector and a percentage is off for all nodes.
    pub mode: CutoverMode,
    /// The selector of the nodes that get it, such as `site=hq tag=roof`; or else all that no selector means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^(site|model|tag|node)=[a-z0-9]{1,20}$"))]
    pub selector: Option<String>,
    /// Only this part of them gets it, by a hash of the node's id, and the others keep theirs: a number from 0 to 100, with
    /// at most two digits behind the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^(100|[0-9]{1,2}([.][0-9]{1,2})?)$"))]
    pub percent: Option<String>,
}

/// A page of nodes that have polled the legacy endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CutoverPage {
    /// The nodes. There may be none on a page that is not the last.
    pub nodes: Vec<CutoverNode>,
    /// Where the next page begins; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    pub cursor: Option<String>,
}

/// What became of a node's polls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CutoverNode {
    /// The node's id.
    pub node: String,
    /// How many polls the legacy endpoint answered while Rollcall observed.
    pub observed: u64,
    /// How many it answered as Rollcall would have.
    pub same: u64,
    /// How many it answered otherwise.
    pub different: u64,
    /// How many Rollcall answered.
    pub served: u64,
    /// How many Rollcall was to answer, and the legacy endpoint did.
    pub fell_back: u64,
    /// How many the legacy endpoint was to answer, and Rollcall did.
    pub rescued: u64,
    /// When the last poll came, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false))]
    pub last_poll_ms: Option<u64>,
    /// How the last two answers differed that did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<AnswerDifference>,
    /// When they did, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = u64, required = false))]
    pub differed_at_ms: Option<u64>,
}

/// A difference between the legacy endpoint's answer and Rollcall's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerDifference {
    /// What differs: `status`, `header NAME`, `body`, or `body POINTER`, where `*` stands for any place in a list.
    pub kind: String,
    /// What the legacy endpoint has answered there; empty if it has nothing there.
    pub legacy: String,
    /// What Rollcall would have answered there.
    pub rollcall: String,
}

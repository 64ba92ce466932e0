//! To which nodes something is done.

use rollcall_core::{NodeId, Selector};

/// One node, or those that a selector means.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// The node's id
    #[arg(value_name = "ID", conflicts_with_all = ["dry_run", "yes"])]
    pub(crate) node: Option<NodeId>,
    /// Every node that this selector means, such as 'site=hq firmware<2.5' (docs/selectors.md)
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) select: Option<Selector>,
}

/// How something is done to many nodes.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Many {
    /// Say which nodes are meant and what would become of them, and change nothing
    #[arg(long, requires = "select")]
    pub(crate) dry_run: bool,
    /// Do it to more than 10 nodes without asking
    #[arg(long, requires = "select")]
    pub(crate) yes: bool,
}

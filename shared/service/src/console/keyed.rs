//! The operations of the console that need a key.

use crate::console::keys::Scope;

/// An operation that needs a key, with the ids from its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyed<'a> {
    OpenApi,
    EventSchema,
    List,
    Fleet,
    Batch,
    Import,
    Export,
    Drift,
    Renumber,
    Cutover,
    SetMapping,
    RemoveMapping,
    SetMode,
    CutoverNodes,
    Register(&'a str),
    Amend(&'a str),
    Show(&'a str),
    Delete(&'a str),
    Revoke(&'a str),
    Disconnect(&'a str),
    SetConfig(&'a str),
    Config(&'a str),
    UnsetConfig(&'a str),
    ConfigVersions(&'a str),
    ConfigVersion(&'a str, &'a str),
    ConfigDifference(&'a str),
    RollBackConfig(&'a str),
    SetSiteConfig(&'a str),
    Queue(&'a str),
    Commands(&'a str),
    Cancel(&'a str, &'a str),
    AddFirmware(&'a str, &'a str),
    Firmware(&'a str, &'a str),
    AddDelta(&'a str, &'a str, &'a str),
    Delta(&'a str, &'a str, &'a str),
    SetFirmware(&'a str),
    Models,
    PutModel(&'a str),
    AmendModel(&'a str),
    Model(&'a str),
    Events,
    NodeEvents(&'a str),
    Endpoints,
    PutEndpoint(&'a str),
    Endpoint(&'a str),
    RemoveEndpoint(&'a str),
    TestEndpoint(&'a str),
    RotateEndpoint(&'a str),
    Deliveries(&'a str),
    Replay(&'a str),
    Rollouts,
    PutRollout(&'a str),
    Rollout(&'a str),
    PauseRollout(&'a str),
    ResumeRollout(&'a str),
    AbortRollout(&'a str),
    RollBackRollout(&'a str),
    ApproveRollout(&'a str),
    RolloutNodes(&'a str),
}

impl Keyed<'_> {
    /// What the key must be for.
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::OpenApi
            | Self::EventSchema
            | Self::List
            | Self::Fleet
            | Self::Export
            | Self::Cutover
            | Self::CutoverNodes
            | Self::Show(_)
            | Self::Config(_)
            | Self::ConfigVersions(_)
            | Self::ConfigVersion(..)
            | Self::ConfigDifference(_)
            | Self::Commands(_)
            | Self::Firmware(..)
            | Self::Delta(..)
            | Self::Models
            | Self::Model(_)
            | Self::Events
            | Self::NodeEvents(_)
            | Self::Endpoints
            | Self::Endpoint(_)
            | Self::Deliveries(_)
            | Self::Rollouts
            | Self::Rollout(_)
            | Self::RolloutNodes(_) => Scope::Read,
            Self::Batch
            | Self::Import
            | Self::Drift
            | Self::Renumber
            | Self::SetMapping
            | Self::RemoveMapping
            | Self::SetMode
            | Self::Register(_)
            | Self::Amend(_)
            | Self::Delete(_)
            | Self::Revoke(_)
            | Self::Disconnect(_)
            | Self::SetConfig(_)
            | Self::UnsetConfig(_)
            | Self::RollBackConfig(_)
            | Self::SetSiteConfig(_)
            | Self::Queue(_)
            | Self::Cancel(..)
            | Self::AddFirmware(..)
            | Self::AddDelta(..)
            | Self::SetFirmware(_)
            | Self::PutModel(_)
            | Self::AmendModel(_)
            | Self::PutEndpoint(_)
            | Self::RemoveEndpoint(_)
            | Self::TestEndpoint(_)
            | Self::Replay(_)
            | Self::RotateEndpoint(_)
            | Self::PutRollout(_)
            | Self::PauseRollout(_)
            | Self::ResumeRollout(_)
            | Self::AbortRollout(_)
            | Self::RollBackRollout(_)
            | Self::ApproveRollout(_) => Scope::Write,
        }
    }
}

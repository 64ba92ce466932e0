//! What happens to whom, and its name.

use super::{Ask, BadConfig, BadImage, What};

impl What {
    /// The [names](Self::name) of all faults.
    pub const NAMES: [&'static str; 38] = [
        "crash",
        "crash-torn",
        "restart",
        "cut",
        "partition",
        "half-open",
        "slow",
        "clone",
        "flood",
        "config-refused",
        "config-substituted",
        "config-cuts-off",
        "image-damaged",
        "image-broken-off",
        "image-not-installed",
        "image-does-not-start",
        "cut-all",
        "disconnects-lost",
        "disconnects-late",
        "disconnects-doubled",
        "connects-retried",
        "messages-doubled",
        "pushes-lost",
        "answers-lost",
        "throttled",
        "store-slow",
        "store-down",
        "instances-killed",
        "cold-starts",
        "lambda-throttled",
        "stream-late",
        "records-doubled",
        "sends-lost",
        "deletes-lost",
        "endpoint-refuses",
        "endpoint-silent",
        "endpoint-down",
        "clock-skew",
    ];

    /// The node that it happens to, if it happens to one.
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Crash { node, .. }
            | Self::Restart { node, .. }
            | Self::Cut { node }
            | Self::Partition { node, .. }
            | Self::Slow { node, .. }
            | Self::Clone { node, .. }
            | Self::Flood { node, .. }
            | Self::BadConfigs { node, .. }
            | Self::BadFirmware { node, .. } => Some(*node),
            Self::Ask(ask) => ask.node(),
            _ => None,
        }
    }

    /// Its name in reports and in [`Seen::Hit`](crate::Seen::Hit): in kebab case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash { torn: false, .. } => "crash",
            Self::Crash { torn: true, .. } => "crash-torn",
            Self::Restart { .. } => "restart",
            Self::Cut { .. } => "cut",
            Self::Partition { half_open: false, .. } => "partition",
            Self::Partition { half_open: true, .. } => "half-open",
            Self::Slow { .. } => "slow",
            Self::Clone { .. } => "clone",
            Self::Flood { .. } => "flood",
            Self::BadConfigs { how: BadConfig::Refused, .. } => "config-refused",
            Self::BadConfigs { how: BadConfig::Substituted, .. } => "config-substituted",
            Self::BadConfigs { how: BadConfig::CutsOff, .. } => "config-cuts-off",
            Self::BadFirmware { how: BadImage::Damaged, .. } => "image-damaged",
            Self::BadFirmware { how: BadImage::BrokenOff, .. } => "image-broken-off",
            Self::BadFirmware { how: BadImage::NotInstalled, .. } => "image-not-installed",
            Self::BadFirmware { how: BadImage::DoesNotStart, .. } => "image-does-not-start",
            Self::CutAll => "cut-all",
            Self::DisconnectsLost { .. } => "disconnects-lost",
            Self::DisconnectsLate { .. } => "disconnects-late",
            Self::DisconnectsDoubled { .. } => "disconnects-doubled",
            Self::ConnectsRetried { .. } => "connects-retried",
            Self::MessagesDoubled { .. } => "messages-doubled",
            Self::PushesLost { .. } => "pushes-lost",
            Self::AnswersLost { .. } => "answers-lost",
            Self::Throttled { .. } => "throttled",
            Self::StoreSlow { .. } => "store-slow",
            Self::StoreDown { .. } => "store-down",
            Self::InstancesKilled { .. } => "instances-killed",
            Self::ColdStarts { .. } => "cold-starts",
            Self::LambdaThrottled { .. } => "lambda-throttled",
            Self::StreamLate { .. } => "stream-late",
            Self::RecordsDoubled { .. } => "records-doubled",
            Self::SendsLost { .. } => "sends-lost",
            Self::DeletesLost { .. } => "deletes-lost",
            Self::EndpointRefuses { .. } => "endpoint-refuses",
            Self::EndpointSilent { .. } => "endpoint-silent",
            Self::EndpointDown { .. } => "endpoint-down",
            Self::ClockSkew { .. } => "clock-skew",
            Self::Ask(_) => "ask",
        }
    }
}

impl Ask {
    /// The node that it is about, if it is about one.
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Register { node }
            | Self::Amend { node, .. }
            | Self::SetConfig { node, .. }
            | Self::Import { node, .. }
            | Self::Queue { node, .. }
            | Self::Cancel { node, .. }
            | Self::SetFirmware { node, .. }
            | Self::Revoke { node }
            | Self::RaiseCredentials { node, .. }
            | Self::Disconnect { node, .. }
            | Self::Show { node } => Some(*node),
            Self::SetSiteConfig { .. }
            | Self::AddFirmware { .. }
            | Self::AddDelta { .. }
            | Self::SetMinimum { .. }
            | Self::ListSite { .. }
            | Self::StartRollout { .. }
            | Self::SteerRollout { .. }
            | Self::ShowRollout { .. } => None,
        }
    }
}

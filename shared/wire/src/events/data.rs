//! What the data of an event says. Each type of events has its own.

use serde::{Deserialize, Serialize};

use crate::console::{CutoverRule, RolloutCounts, RolloutProgress};
use crate::json::Json;

/// Declares types of data.
macro_rules! data {
    ($($(#[$about:meta])* $name:ident { $($(#[$note:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub struct $name {
            $($(#[$note])* pub $field: $type,)*
        }
    )*};
}

/// Declares the types of events, with the type of their data. A name is a `tt`: utoipa would not see through a `literal`.
macro_rules! events {
    ($($(#[$about:meta])* $name:ident($data:ty) = $kind:tt,)*) => {
        /// What happened, by the type of the event.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(tag = "type", content = "data")]
        pub enum EventData {
            $($(#[$about])* #[serde(rename = $kind)] $name($data),)*
        }

        impl EventData {
            /// The event's type, such as `node.online`.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $kind,)*
                }
            }
        }
    };
}

events! {
    /// A command ran out of time before it had ended.
    CommandExpired(ExpiredCommand) = "command.expired",
    /// A command has ended.
    CommandFinished(FinishedCommand) = "command.finished",
    /// A command was queued for a node.
    CommandQueued(QueuedCommand) = "command.queued",
    /// A node runs the configuration that is desired.
    ConfigApplied(ReportedConfig) = "config.applied",
    /// Another configuration is desired of a node.
    ConfigDesired(DesiredConfigs) = "config.desired",
    /// A node refuses the configuration that is desired.
    ConfigRejected(ReportedConfig) = "config.rejected",
    /// A node runs a configuration that it made of the one that is desired.
    ConfigSubstituted(ReportedConfig) = "config.substituted",
    /// No configuration is desired of a node any more.
    ConfigUnset(UnsetConfig) = "config.unset",
    /// The mapping of the legacy endpoint was set or removed.
    CutoverMapping(MappingChange) = "cutover.mapping",
    /// Other nodes than before are answered by Rollcall, or by the legacy endpoint.
    CutoverMode(CutoverModes) = "cutover.mode",
    /// The application's database and this one differ.
    DriftFound(Drift) = "drift.found",
    /// An endpoint is disabled: no events are sent there any more.
    EndpointDisabled(DisabledEndpoint) = "endpoint.disabled",
    /// An endpoint was removed.
    EndpointRemoved(RemovedEndpoint) = "endpoint.removed",
    /// An endpoint has got a new secret.
    EndpointRotated(Nothing) = "endpoint.rotated",
    /// An endpoint was made, changed or enabled again.
    EndpointSet(SetEndpoint) = "endpoint.set",
    /// An image of firmware was added.
    FirmwareAdded(AddedFirmware) = "firmware.added",
    /// A node runs the firmware that is desired.
    FirmwareApplied(ReportedFirmware) = "firmware.applied",
    /// A delta between two versions of firmware was added.
    FirmwareDeltaAdded(AddedDelta) = "firmware.delta_added",
    /// Another firmware version is desired of a node.
    FirmwareDesired(DesiredFirmware) = "firmware.desired",
    /// A node has failed to install a firmware version.
    FirmwareFailed(ReportedFirmware) = "firmware.failed",
    /// A node has gone back to the firmware that it ran before.
    FirmwareRolledBack(ReportedFirmware) = "firmware.rolled_back",
    /// Other settings than before hold for all firmware of a model.
    ModelChanged(ChangedModel) = "model.changed",
    /// What is stored of a node was deleted.
    NodeDeleted(Nothing) = "node.deleted",
    /// A node comes and goes again and again.
    NodeFlapping(Flaps) = "node.flapping",
    /// A node is offline.
    NodeOffline(Offline) = "node.offline",
    /// A node is online.
    NodeOnline(Online) = "node.online",
    /// A node was registered, or its registration was changed.
    NodeRegistered(Registrations) = "node.registered",
    /// A node's credentials were revoked.
    NodeRevoked(Nothing) = "node.revoked",
    /// Somebody wants to see whether events arrive at an endpoint.
    Test(TestedEndpoint) = "rollcall.test",
    /// Somebody has ended a rollout.
    RolloutAborted(RolloutChanged) = "rollout.aborted",
    /// The next wave of a rollout may begin.
    RolloutApproved(RolloutChanged) = "rollout.approved",
    /// Every wave of a rollout was successful.
    RolloutCompleted(RolloutChanged) = "rollout.completed",
    /// A wave of a rollout failed: nobody is told any more.
    RolloutFailed(RolloutChanged) = "rollout.failed",
    /// A rollout tells nobody until it is resumed.
    RolloutPaused(RolloutChanged) = "rollout.paused",
    /// A rollout goes on.
    RolloutResumed(RolloutChanged) = "rollout.resumed",
    /// The nodes that a rollout has told have got back what they had before.
    RolloutRolledBack(RolloutChanged) = "rollout.rolled_back",
    /// The nodes that a rollout has told get back what they had before.
    RolloutRollingBack(RolloutChanged) = "rollout.rolling_back",
    /// A rollout was made.
    RolloutStarted(RolloutChanged) = "rollout.started",
    /// The gate has let a wave of a rollout pass.
    RolloutWaveEnded(RolloutChanged) = "rollout.wave_ended",
    /// A wave of a rollout begins.
    RolloutWaveStarted(RolloutChanged) = "rollout.wave_started",
    /// The token that a node came with expires soon.
    TokenExpiring(ExpiringToken) = "token.expiring",
}

data! {
    /// The type of the event says it all.
    Nothing {}

    /// How a rollout is, and why.
    RolloutChanged {
        /// How it is.
        state: RolloutProgress,
        /// Why, in words.
        reason: String,
        /// The wave, counted from 1.
        wave: u64,
        /// How many nodes it is for; null until they are listed.
        nodes: Option<u64>,
        /// Where they are.
        counts: RolloutCounts,
        /// How often nodes were told again after a failure.
        retries: u64,
    }

    /// Since when a node is online, and why.
    Online {
        /// Since when, in milliseconds since 1970.
        since_ms: u64,
        /// Why: `connected` or `polling`.
        reason: String,
    }

    /// Since when a node is offline, and why.
    Offline {
        /// Since when, in milliseconds since 1970.
        since_ms: u64,
        /// Why, such as `closed 1001`, `lost` or `polls-missed`.
        reason: String,
        /// Since when it was online before, in milliseconds since 1970.
        online_since_ms: u64,
    }

    /// How often a node has come online lately.
    Flaps {
        /// How often.
        count: usize,
        /// Since when, in milliseconds since 1970.
        since_ms: u64,
    }

    /// A node's registration, before and after.
    Registrations {
        /// The registration before; null if there was none.
        was: Option<Registration>,
        /// The registration after.
        is: Registration,
    }

    /// A node's registration.
    Registration {
        /// The lowest version of credentials that is let in.
        credential_version: u32,
        /// The node's site.
        site: Option<String>,
        /// The node's model.
        model: Option<String>,
        /// The node's tags.
        tags: Vec<String>,
    }

    /// The configuration that is desired, before and after.
    DesiredConfigs {
        /// What was desired before; null if nothing was.
        was: Option<NamedConfig>,
        /// What is desired after.
        is: NamedConfig,
    }

    /// The configuration that is desired no more.
    UnsetConfig {
        /// What was desired before.
        was: NamedConfig,
        /// The version that counts that nothing is desired.
        version: u64,
    }

    /// Which configuration it is.
    NamedConfig {
        /// The version of the node's configuration.
        version: u64,
        /// The SHA-256 of the document, in hexadecimal.
        sha256: String,
    }

    /// What a node says of a configuration.
    ReportedConfig {
        /// The version of the configuration.
        version: u64,
        /// What the node says besides.
        detail: Option<String>,
    }

    /// A command that a node is to execute.
    QueuedCommand {
        /// The command's number.
        command: u64,
        /// The name, which says what to do.
        name: String,
        /// The arguments: any JSON.
        #[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
        args: Json,
        /// Until when the node may begin, in milliseconds since 1970.
        expires_at_ms: u64,
    }

    /// A command that has ended.
    FinishedCommand {
        /// The command's number.
        command: u64,
        /// The name, which says what to do.
        name: String,
        /// How it ended: `done`, `failed` or `cancelled`.
        outcome: String,
        /// What the node says of it.
        output: Option<String>,
    }

    /// A command that ran out of time.
    ExpiredCommand {
        /// The command's number.
        command: u64,
        /// The name, which says what to do.
        name: String,
        /// Whether it was handed out to the node.
        sent: bool,
    }

    /// The firmware version that is desired, before and after.
    DesiredFirmware {
        /// What was desired before; null if nothing was.
        was: Option<String>,
        /// What is desired after.
        is: String,
    }

    /// What a node says of an update.
    ReportedFirmware {
        /// The firmware version.
        version: String,
        /// What the node says besides.
        detail: Option<String>,
    }

    /// A token that expires soon.
    ExpiringToken {
        /// When it expires, in milliseconds since 1970.
        expires_at_ms: u64,
    }

    /// An endpoint that is disabled.
    DisabledEndpoint {
        /// The endpoint's name.
        endpoint: String,
        /// Why.
        reason: String,
    }

    /// The settings of an endpoint, before and after.
    SetEndpoint {
        /// The settings before; null if there was no such endpoint.
        was: Option<EndpointSettings>,
        /// The settings after.
        is: EndpointSettings,
    }

    /// The settings of an endpoint that was removed.
    RemovedEndpoint {
        /// The settings before.
        was: EndpointSettings,
    }

    /// Where events are sent, and which.
    EndpointSettings {
        /// The host of the URL. The rest of the URL may be a secret of the receiver.
        host: String,
        /// The SHA-256 of the URL, in hexadecimal: it shows whether the URL has changed.
        url_sha256: String,
        /// The types of events that are sent; all types if there are none.
        types: Vec<String>,
        /// The site whose events are sent; null for all sites.
        site: Option<String>,
        /// The selector of the nodes whose events are sent; null for all nodes.
        select: Option<String>,
        /// How events are signed: `v1` or `v1a`.
        signature: String,
    }

    /// An image of firmware.
    AddedFirmware {
        /// The version.
        version: String,
        /// The SHA-256 of the image, in hexadecimal.
        sha256: String,
        /// The size in bytes.
        size: u64,
    }

    /// A delta between two versions of firmware.
    AddedDelta {
        /// The version that it makes.
        version: String,
        /// The version whose image it is applied to.
        from: String,
        /// The SHA-256 of the delta, in hexadecimal.
        sha256: String,
        /// The size in bytes.
        size: u64,
    }

    /// What holds for all firmware of a model, before and after.
    ChangedModel {
        /// What held before.
        was: FirmwareRules,
        /// What holds after.
        is: FirmwareRules,
    }

    /// What holds for all firmware of a model.
    FirmwareRules {
        /// The oldest version that its nodes may be given; null for any.
        minimum_version: Option<String>,
        /// The public key that verifies the signatures of its images, in base64; null if there is none.
        public_key: Option<String>,
        /// Whether an image is refused if the public key does not verify its signature.
        signature_required: bool,
    }

    /// How many nodes of the application's database were compared with those here, and how many differ.
    Drift {
        /// How many were compared.
        compared: u64,
        /// How many are not registered here.
        missing: u64,
        /// How many are here, and unknown to the application's database.
        unknown: u64,
        /// How many are here and differ.
        changed: u64,
        /// How many of the application's database can't be brought here: their credentials are older, or were revoked.
        stale: u64,
    }

    /// The mapping of the legacy endpoint, as JSON.
    MappingChange {
        /// The SHA-256 of the mapping before; null if there was none.
        was_sha256: Option<String>,
        /// The SHA-256 of the mapping; null if there is none any more.
        is_sha256: Option<String>,
    }

    /// Who answers nodes that poll the legacy endpoint.
    CutoverModes {
        /// The rules before.
        was: Vec<CutoverRule>,
        /// The rules from now on.
        is: Vec<CutoverRule>,
    }

    /// An endpoint that is tested.
    TestedEndpoint {
        /// The endpoint's name.
        endpoint: String,
    }
}

impl EventData {
    /// The data, as the event says it.
    pub fn data(&self) -> Json {
        /// What is written of an event's type and data.
        #[derive(Default, Deserialize)]
        struct Written {
            data: Json,
        }
        // Text, numbers and JSON can always be written as JSON. It is not made a `Value`, which would round numbers.
        let written = serde_json::to_string(self).and_then(|text| serde_json::from_str::<Written>(&text));
        written.unwrap_or_default().data
    }
}

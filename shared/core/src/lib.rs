//! The rules of Rollcall: what an event does to a node, and what follows from it.
//!
//! The rules are pure and synchronous. They use no clock, no random numbers, no storage and no network: what they need
//! comes in as arguments, and what they decide goes out as values. An event takes two steps, with its one write between
//! them:
//!
//! ```text
//! plan(event)             -> Update { clauses, changes }  rendered to one conditional write
//! settle(event, outcome)  -> Settled { reply, effects }   outcome = what the write said
//! ```
//!
//! A condition that does not hold is not an error. It comes back as [`Outcome::Refused`] with the stored item, so that a
//! lost race costs no read either, and with the label of the clause that did not hold, which explains the refusal.

mod about;
mod actor;
mod address;
mod admission;
mod attribute;
mod budget;
mod clause;
mod clip;
mod clock;
mod collection;
mod command;
mod command_numbers;
mod commands;
mod counts;
mod cutover;
mod deletion;
mod delivery;
mod delta;
mod denied;
mod desired;
mod document;
mod endpoint;
mod endpoint_writes;
mod event;
mod event_log;
mod event_types;
mod expected;
mod explain;
mod firmware;
mod flapping;
mod guard;
mod history;
mod id;
mod item;
mod key;
mod limits;
mod model;
mod node;
mod notice;
mod numbering;
mod plan;
mod policy;
mod presence;
mod refusal;
mod registration;
mod remembered;
mod report;
mod rollout;
mod schedule;
mod selector;
mod settle;
mod settled;
mod sweep;
mod sweep_state;
mod tags;
mod timestamp;
mod token_end;
mod unchanged;
mod update;
mod version;

pub use about::{About, Describing, Labelling, Labels, Name, describe};
pub use actor::Actor;
pub use address::{LINK_LOCAL, refused_address};
pub use attribute::Attribute;
pub use budget::blocked_until;
pub use clause::{Because, Clause};
pub use clip::Clipped;
pub use clock::surely_past;
pub use collection::{
    JUDGED_AT_ONCE, NOTES_AT_ONCE, Noted as NotedUnused, Retired, Runs, SETTLED_S, STORED_FOR_S, delete_document,
    delete_note, is_behind, note_unused, noted, retire, runs,
};
pub use command::{Command, CommandState, Ended, Ending};
pub use command_numbers::{CommandNumbers, ResultOf};
pub use commands::{Queueing, Room, awaits_result, cancel, end, first_open, over, queue, queued_before, room, send};
pub use counts::{Counted, CountedBy, Kinds, Recount, count, delete_count, delete_counted, recount};
pub use cutover::{
    CutoverMode, CutoverModes, CutoverRule, CutoverSettings, InvalidRule, Legacy, Percent, Polled, note_polled,
    set_cutover,
};
pub use deletion::{Deletion, commands_of, delete_node, deletions_of_event, events_until, records_of};
pub use delivery::{Answer, Claim, DeliveryProgress, DeliveryRecord, EXCERPT_BYTES, Verdict, excerpt, verdict};
pub use delta::{Delta, InvalidDelta, put_delta};
pub use denied::{Denied, Unanswerable, granted};
pub use desired::{
    ConfigChange, config_set, config_unset, desire_config_again, roll_back_config, set_config, set_firmware,
    set_site_config, unset_config,
};
pub use document::{document_text, put_document};
pub use endpoint::{Disabled, Endpoint, Failing, ROTATING_S, Secret, SecretBefore};
pub use endpoint_writes::{
    EndpointSpec, Noted, add_endpoint, change_endpoint, disable_endpoint, note_failure, note_success, remove_endpoint,
    rotate_secret,
};
pub use event::{Connection, Event, EventKind, Found};
pub use event_log::{
    LOG_SHARDS, LOGGED_AT_ONCE, Logging, event_text, happened, last_logged, log_events, log_shard, place_of,
};
pub use event_types::{EVENT_TYPES, EventTypes, InvalidTypes, TypePattern, is_of_a_node};
pub use expected::{Expected, Versions};
pub use firmware::{FirmwareImage, put_firmware};
pub use flapping::{FLAPPING_S, Flapping, flapping};
pub use guard::Guard;
pub use history::{Became, History, Version, remember};
pub use id::{
    CommandName, ConnectionId, CredentialVersion, EndpointName, EventId, FirmwareVersion, IdempotencyKey, Instance,
    InvalidId, Model, NodeId, RolloutName, Site, mac_address,
};
pub use item::{Item, Malformed, Value};
pub use key::{
    DUE_SHARDS, INDEX_DUE, INDEX_SITE, Key, LAST_NUMBER, PARTITION_KEY, SORT_KEY, SORT_KEY_NODE, Table, due_shard,
};
pub use limits::{
    CLOSE_REASON_BYTES, COMMANDS_OPEN, CONNECTION_ID_BYTES, DETAIL_BYTES, FIRMWARE_BYTES, FIRMWARE_VERSION_BYTES,
    LABELS, MODEL_BYTES, NAME_BYTES, NODE_ID_BYTES, NODE_ITEM_BYTES, SITE_BYTES, TAGS_BYTES, UPDATE_DETAIL_BYTES,
};
pub use model::{ModelSettings, set_model};
pub use node::{
    Blocked, Closed, ConfigProgress, DesiredConfig, FirmwareState, Held, Node, Origin, Presence, Previous, Takeovers,
};
pub use notice::{Notice, Registered, notices};
pub use numbering::{RESTORED_AT_ONCE, above_all, raise_commands, raise_config, restore_commands, restore_config};
pub use plan::plan;
pub use policy::{Policy, PolicyError, Registration, Seconds};
pub use presence::{PresenceReason, PresenceState, ShownPresence, shown_presence};
pub use refusal::Refusal;
pub use registration::{Amended, Amending, Registering, amend, register, register_or_amend, revoke};
pub use remembered::{Remembered, Setting};
pub use report::{ConfigOutcome, ConfigState, Health, Report, UpdateOutcome, UpdateState};
pub use rollout::{
    Begun, ChangeKind, Counts, DELETED_LATER_S, Facts, Failure, Gate, InvalidGate, InvalidRetry, InvalidWaves,
    NotPossible, Observed, Phase, Place, Retries, Retry, Rollout, RolloutClaim, RolloutSchedule, RolloutState,
    SiteFacts, Sought, Target, TargetState, Verdict as GateVerdict, Wave, WaveTimes, Waves, add_rollout, claim,
    failure_code, fell, forget_rollout_spec, forget_target, keep_rollout, list_target, mark_under_way, move_target,
    observe, put_rollout_spec, rollout_spec, tell, unmark,
};
pub use schedule::{InvalidSchedule, Schedule};
pub use selector::{InvalidSelector, SELECTOR_BYTES, Selectable, Selector};
pub use settle::{SettleError, settle};
pub use settled::{AckTerms, Effect, Reply, Settled};
pub use sweep::{expired, gone, gone_for_good, lost, presence_at};
pub use sweep_state::{SCAN_SEGMENTS, SweepState};
pub use tags::Tags;
pub use timestamp::Timestamp;
pub use update::{Change, Outcome, Update};

//! What is fixed before the first step: the scenario, the rules, the policy, and the names.

use std::error::Error;
use std::sync::Arc;

use rollcall_core::{
    Attribute, ConfigOutcome, ConfigState, Connection, ConnectionId, CredentialVersion, DesiredConfig, Event,
    EventKind, Health, Item, NodeId, Policy, Registration, Report, Timestamp,
};

use crate::bounds::Bounds;
use crate::config::{Config, Configs};
use crate::fault::Faults;
use crate::reached::Reached;
use crate::rules::Rules;
use crate::socket::{Socket, Tick};
use crate::state::{Past, State};
use crate::stored::Stored;
use crate::task::{Name, TASKS, Task};

/// How long a tick is, in milliseconds: longer than two right clocks may differ.
const TICK_MS: u64 = 10_000;
/// How long after its tick something is handled, in milliseconds.
const HANDLED_MS: u64 = 500;
/// The instant of tick 0.
const BEGINNING_MS: u64 = 1_000_000;
/// The settings of the rules, in seconds. A connection is lost, a poll is outdated, and a grace period is over within
/// [`PATIENCE`].
const LIFETIME_S: u32 = 1;
const CHECK_IN_EVERY_S: u32 = 5;
const GRACE_S: u32 = 10;
/// After how many ticks without a sign of life a node must be offline. API Gateway closes a connection that is older.
pub(crate) const PATIENCE: Tick = 2;
/// The token's credential version.
const CREDENTIALS: CredentialVersion = CredentialVersion(1);
/// The hashes of the documents. They are no hashes, because the rules do not look into them.
const DOCUMENTS: [&str; 2] = ["x", "y"];

/// A model: a scenario and the rules that it runs.
pub struct World {
    pub(crate) bounds: Bounds,
    pub(crate) rules: Rules,
    pub(crate) policy: Policy,
    pub(crate) node: NodeId,
    connections: [ConnectionId; 2],
    /// The node as it is registered.
    registered: Arc<Stored>,
}

impl World {
    /// A model of these bounds and rules.
    ///
    /// # Errors
    /// If there are no tasks for all that the bounds allow, or if the rules do not accept the settings or the names.
    pub fn new(bounds: Bounds, rules: Rules) -> Result<Self, Box<dyn Error>> {
        if !bounds.are_modelled() {
            return Err(format!("the model has too few tasks for {bounds}").into());
        }
        let policy = Policy::new(Registration::Closed, LIFETIME_S, CHECK_IN_EVERY_S, GRACE_S, 0);
        let policy = policy.map_err(|errors| format!("the policy is out of range: {errors:?}"))?.with_budget(0);
        let connections = [Name::A.id().parse()?, Name::B.id().parse()?];
        let registered = Item::from([(Attribute::CredentialVersion, u64::from(CREDENTIALS.0).into())]);
        let registered = Arc::new(Stored::new(registered)?);
        Ok(Self { bounds, rules, policy, node: "node-1".parse()?, connections, registered })
    }

    fn instant(tick: Tick) -> Timestamp {
        Timestamp(BEGINNING_MS + u64::from(tick) * TICK_MS)
    }

    /// The instant at which a function reads its clock: a little later than anything that came at this tick.
    pub(crate) fn handled(tick: Tick) -> Timestamp {
        Timestamp(Self::instant(tick).0 + HANDLED_MS)
    }

    /// The tick of an instant; `None` if there was none.
    pub(crate) fn tick(instant: Timestamp) -> Option<Tick> {
        Tick::try_from(instant.0.checked_sub(BEGINNING_MS)? / TICK_MS).ok()
    }

    pub(crate) fn document(number: u8) -> &'static str {
        DOCUMENTS[usize::from(number) % DOCUMENTS.len()]
    }

    /// The configuration that a node is to run.
    pub(crate) fn config(desired: &DesiredConfig) -> Option<Config> {
        let document = DOCUMENTS.iter().position(|document| *document == desired.sha256)?;
        Some(Config { version: u8::try_from(desired.version).ok()?, document: u8::try_from(document).ok()? })
    }

    /// The event of a message that is handled now. It carries the instant at which API Gateway got it.
    pub(crate) fn event(&self, state: &State, task: Task, received: Tick, reports: bool) -> Option<Event> {
        // No two messages come within the same millisecond, unless they are one message.
        let at = Timestamp(Self::instant(received).0 + task.index() as u64);
        let credentials = CREDENTIALS;
        let connection = task.connection().and_then(|name| self.connection(state, name));
        let kind = match task {
            Task::Connect(_) => EventKind::Connect { connection: connection?, credentials, instance: None },
            Task::Disconnect(_) => EventKind::Disconnect { connection: connection?, code: None, reason: None },
            Task::CheckIn(_, seq) => EventKind::CheckIn {
                connection: connection?,
                credentials,
                received: at,
                seq: seq.into(),
                ack: true,
                report: Self::report(state, task, reports),
                results: 0,
            },
            Task::Question(_) => EventKind::Ask { connection: connection?, credentials },
            Task::Poll(_) => EventKind::Poll { credentials, report: Self::report(state, task, reports), results: 0 },
            Task::SetConfig(_) | Task::Revoke | Task::Sweep | Task::Scan => return None,
        };
        let mut event = Event::new(self.node.clone(), at, kind);
        event.now = Self::handled(state.now);
        Some(event)
    }

    fn connection(&self, state: &State, name: Name) -> Option<Connection> {
        let opened_at = Self::instant(state.socket(name).opened()?);
        Some(Connection { id: self.connections[name.index()].clone(), opened_at })
    }

    /// What the node says of itself: a figure by which this report is known, and the last configuration that it was
    /// told, if it was sent after the node was told.
    fn report(state: &State, task: Task, reports: bool) -> Report {
        let latest = state.told.latest().filter(|_| reports);
        let config = latest.map(|config| ConfigOutcome {
            version: config.version.into(),
            state: ConfigState::Applied,
            detail: None,
        });
        Report::new(None, config, Health { uptime_s: task.mark(), ..Health::default() })
    }

    /// The state before the first step.
    pub(crate) fn beginning(&self) -> State {
        State {
            stored: self.registered.clone(),
            now: 0,
            sockets: [Socket::Unopened; 2],
            begun: [0; TASKS],
            processes: vec![],
            answers_lost: 0,
            calls_lost: 0,
            told: Configs::default(),
            set: Configs::default(),
            past: Past::default(),
            faults: Faults::default(),
            just: Reached::default(),
        }
    }
}

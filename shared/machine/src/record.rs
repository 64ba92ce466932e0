//! The state that is kept over a restart.

use serde::{Deserialize, Serialize};

use crate::{commands::CommandRecord, updates::UpdateRecord};

/// The state that is kept over a restart: which commands were begun, results that the server does not have yet, and the
/// firmware version that is being installed. Storages write it with serde; its fields are of no concern to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub(crate) commands: CommandRecord,
    pub(crate) updates: UpdateRecord,
}

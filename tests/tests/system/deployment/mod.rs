//! What `infra/deploy` and `infra/destroy` do, seen on LocalStack: `cargo verify localstack` runs these tests.

mod faults;
pub(crate) mod infra;
pub(crate) mod rotation;

use tokio::sync::Mutex;

/// Whose turn it is: two deployments at once take LocalStack, which is one process, as long as one after the other.
static TURN: Mutex<()> = Mutex::const_new(());

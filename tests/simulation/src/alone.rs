//! Parts of the world by themselves. Tests hold them to the real ones: both go through the same histories, and what can
//! be observed must be the same.

mod gateway;
mod outbound;
mod store;

use rollcall_core::Timestamp;
use rollcall_fleet::{Oracle, Plan};

use crate::clocks::{Clocks, true_time};
use crate::faults::Faults;
use crate::ground::Ground;
use crate::kernel::Kernel;
use crate::witness::Witness;

pub use gateway::{Function, Gateway, Output, Saw};
pub use outbound::{Fate, Handed, Queue, Records};
pub use store::Store;

/// What a part stands on. Nobody looks at what the oracle says: there is no fleet.
fn ground(seed: u64) -> Ground {
    let start: Timestamp = true_time(0);
    Ground {
        kernel: Kernel::new(),
        faults: Faults::default(),
        clocks: Clocks::new(seed),
        witness: Witness::new(Oracle::new(&Plan::generate(seed, 1, 1), start), false),
        seed,
    }
}

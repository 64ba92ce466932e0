//! A simulated fleet on real sockets: the plans, the application and the oracle of `rollcall-fleet`, in real time.
//!
//! Every node is the reference node, with sockets and a state folder of its own. The application asks the console by
//! HTTP. Faults of nodes happen here; faults of the cloud are switched through [`Cloud`], if the cloud is ours.
//!
//! The oracle sees what nodes and the application do and are told. It does not see the table. `warden` looks at the
//! table through the console, and says if anybody changes it behind the fleet's back.

mod application;
mod brief;
mod device;
mod figures;
mod flash;
mod poller;
mod program;
mod run;
mod script;
mod tunnel;
mod waits;
mod warden;
mod wire;
mod witness;

pub use brief::{CLIENTS, CLOUDS, Unknown, brief, faults};
pub use figures::{Figures, Percentiles, Return};
pub use run::{Cloud, Fleet, Outcome, Progress, Server};

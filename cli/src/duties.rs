//! What nodes of this command do when they are told to.

use rollcall_node::{Command, Firmware};
use tokio::sync::Notify;

/// Executes `echo`, which says its arguments, and `reboot`, which only has the connection dropped; knows no others.
pub(crate) fn execute(command: Command, reboot: &Notify) {
    match command.name() {
        "echo" => {
            let args = command.args();
            let said = args.read::<Option<String>>().map_or_else(|_| args.to_string(), Option::unwrap_or_default);
            command.done(said);
        }
        "reboot" => {
            command.done("");
            reboot.notify_one();
        }
        _ => command.unsupported(),
    }
}

/// Installs firmware, which here is the version alone; returns that.
pub(crate) fn install(firmware: Firmware) -> String {
    let version = firmware.version().to_owned();
    firmware.runs();
    version
}

//! How a node's commands are numbered.

/// The numbers of a node's commands, as the node's own item has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandNumbers {
    /// How many commands were ever queued. It is the number of the last one.
    pub queued: u64,
    /// All commands up to this number are over: each ended or expired.
    pub over: u64,
}

/// What is known of the command that a result is about, before the command is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultOf {
    /// The command may be open: the write of [`end`](crate::end()) finds out.
    OpenCommand,
    /// The command is over. If it expired after it was handed out, its result counts. If not, the result is a
    /// repetition or an invention, which is to cost no write. So the command is read first
    /// ([`awaits_result`](crate::awaits_result())).
    OverCommand,
    /// There was never such a command.
    NoCommand,
}

impl CommandNumbers {
    /// What is known of the command with this number.
    pub fn result_of(self, command: u64) -> ResultOf {
        if command == 0 || command > self.queued {
            ResultOf::NoCommand
        } else if command <= self.over {
            ResultOf::OverCommand
        } else {
            ResultOf::OpenCommand
        }
    }
}

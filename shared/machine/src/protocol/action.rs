//! The actions that the state machine asks for.

use std::path::PathBuf;

use rollcall_wire::{CommandNews, FirmwareUrl};

use crate::{
    configuration::Configuration,
    delta::DeltaFile,
    event::{NodeError, NodeEvent},
    firmware::Image,
    handler::Pushed,
    link::LinkId,
    target::Target,
};

/// An action to carry out. Actions are carried out in the order in which they come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Open a connection, then call [`Machine::opened`](super::Machine::opened) or
    /// [`Machine::failed`](super::Machine::failed).
    Open(LinkId),
    /// Ask the program for its report, pass it to [`Machine::check_in`](super::Machine::check_in), and send the
    /// check-in.
    Report(LinkId),
    Ping(LinkId),
    /// Ask the server for the configuration.
    AskForConfig(LinkId),
    /// Fetch the document with this hash, then call [`Machine::fetched`](super::Machine::fetched). A fetch that is
    /// under way is cancelled.
    Fetch {
        version: u64,
        sha256: String,
    },
    /// Have the program apply the configuration, then call [`Machine::applied`](super::Machine::applied).
    Apply(Configuration),
    /// Have the program go back from this configuration to what it ran before.
    RollBack(Configuration),
    /// Write [`Machine::record`](super::Machine::record), then call [`Machine::kept`](super::Machine::kept).
    Keep,
    /// Have the program execute the command. When it has finished, call
    /// [`Machine::finished`](super::Machine::finished).
    Execute(CommandNews),
    /// Ask the program whether it takes this firmware version, then call
    /// [`Machine::accepted`](super::Machine::accepted).
    Offer {
        version: String,
    },
    /// Ask the server for the URL of this firmware version, and for the delta `from` another one.
    AskForFirmware {
        link: LinkId,
        version: String,
        from: Option<String>,
    },
    /// Download the target, which is this image or its delta, then call
    /// [`Machine::downloaded`](super::Machine::downloaded). A download that is under way is cancelled.
    Download {
        image: FirmwareUrl,
        target: Target,
    },
    /// Have the program make an image of the delta. When it has answered, call [`Machine::made`](super::Machine::made).
    Make(DeltaFile),
    /// Check whether the file is the target, then call [`Machine::downloaded`](super::Machine::downloaded).
    Check {
        target: Target,
        file: PathBuf,
    },
    /// Have the program install the image. When it has answered, call
    /// [`Machine::installed`](super::Machine::installed).
    Install(Image),
    /// Remove every image: none is needed any more.
    Discard,
    /// Close the connection with code 1000 (RFC 6455, section 7.4.1).
    Close(LinkId),
    /// Drop the connection without a closing handshake.
    Drop(LinkId),
    Event(NodeEvent),
    Pushed(Pushed),
    /// The run is over; no action follows.
    End(Result<(), NodeError>),
}

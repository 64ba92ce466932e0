//! What the protocol wants done.

use std::time::Duration;

use rollcall_wire::{CommandNews, FirmwareUrl};

use crate::{Configuration, NodeError, NodeEvent, Pushed, firmware::Image, session::LinkId};

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Open a connection; tell [`Machine::opened`](super::Machine::opened) or [`Machine::failed`](super::Machine::failed).
    Open(LinkId),
    /// Ask the program how it is and give that to [`Machine::check_in`](super::Machine::check_in).
    Report(LinkId),
    Ping(LinkId),
    /// Ask the server for its configuration.
    AskForConfig(LinkId),
    /// Fetch the document with this hash, instead of any other; tell [`Machine::fetched`](super::Machine::fetched).
    Fetch {
        version: u64,
        sha256: String,
    },
    /// Have the program apply it; tell [`Machine::applied`](super::Machine::applied).
    Apply(Configuration),
    /// Have the program go back to what it ran before it applied this.
    RollBack(Configuration),
    /// Keep [`Machine::record`](super::Machine::record) as it is then; tell [`Machine::kept`](super::Machine::kept).
    Keep,
    /// Have the program execute it; tell [`Machine::finished`](super::Machine::finished).
    Execute(CommandNews),
    /// Ask the program whether it takes this firmware; tell [`Machine::accepted`](super::Machine::accepted).
    Offer {
        version: String,
    },
    /// Ask the server where this firmware is.
    AskForFirmware {
        link: LinkId,
        version: String,
    },
    /// Download this image, instead of any other; tell [`Machine::downloaded`](super::Machine::downloaded).
    Download(FirmwareUrl),
    /// Have the program install it; tell [`Machine::installed`](super::Machine::installed).
    Install(Image),
    /// No image is needed any more.
    Discard,
    /// Close with code 1000 (RFC 6455, section 7.4.1).
    Close(LinkId),
    /// Let go without a closing handshake.
    Drop(LinkId),
    Event(NodeEvent),
    Pushed(Pushed),
    /// The run is over; nothing follows.
    End(Result<(), NodeError>),
}

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectFailure {
    Refused {
        status: u16,
        body: String,
        /// `Retry-After`, if it is a number of seconds.
        retry_after: Option<Duration>,
    },
    Unreachable {
        why: String,
    },
}

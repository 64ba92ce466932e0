//! What a driver needs of the network.

use std::path::PathBuf;

use crate::{link::LinkId, target::Target};

/// The connections, fetches and downloads of one run.
///
/// The methods only begin something and return at once. What follows is reported to the
/// [`Driver`](crate::Driver) later, in a call of its own. A method that names a connection that is gone does nothing.
pub trait Transport {
    /// Opens a connection. [`LinkEvent::Opened`](crate::LinkEvent::Opened) or
    /// [`LinkEvent::Failed`](crate::LinkEvent::Failed) follows. The driver limits the time.
    fn open(&mut self, link: LinkId);

    /// Sends a text frame. If it can't be sent, [`LinkEvent::Ended`](crate::LinkEvent::Ended) or
    /// [`LinkEvent::Gone`](crate::LinkEvent::Gone) follows.
    fn send(&mut self, link: LinkId, text: String);

    /// Sends a ping (RFC 6455, section 5.5.2). Its pong is [`LinkEvent::Heard`](crate::LinkEvent::Heard).
    fn ping(&mut self, link: LinkId);

    /// Begins the closing handshake with code 1000 (RFC 6455, section 7.4.1). The last messages of the server are still
    /// reported, then [`LinkEvent::Gone`](crate::LinkEvent::Gone). The transport waits for the server no longer than
    /// [`Timing::close_timeout`](crate::Timing::close_timeout). A connection that is not open yet is abandoned.
    fn close(&mut self, link: LinkId);

    /// Drops the connection without a closing handshake. Nothing more is reported of it.
    fn abandon(&mut self, link: LinkId);

    /// Fetches the document with this SHA-256 (64 lower-case hexadecimal digits).
    /// [`Driver::fetched`](crate::Driver::fetched) follows. Cancels a fetch that is under way.
    fn fetch(&mut self, version: u64, sha256: &str);

    /// Downloads this file, after what is there of it already. What is there of the target's image is kept; every other file
    /// of an update is removed. [`Driver::downloaded`](crate::Driver::downloaded)
    /// follows. Cancels a download that is under way. The transport ends a download that receives nothing for
    /// [`Timing::fetch_timeout`](crate::Timing::fetch_timeout).
    fn download(&mut self, target: Target);

    /// Checks whether `file`, which the program has written, is this target. [`Driver::downloaded`](crate::Driver::downloaded)
    /// follows. If the size or the hash is wrong, the file is removed. It takes the place of a download.
    fn check(&mut self, target: Target, file: PathBuf);

    /// Cancels the fetch that is under way, if there is one. Nothing is reported of it.
    fn cancel_fetch(&mut self);

    /// Cancels the download or the check that is under way, if there is one. Nothing is reported of it. What was downloaded is kept.
    fn cancel_download(&mut self);
}

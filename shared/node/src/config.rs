//! The settings that a node is started with.

use std::{fmt, path::PathBuf};

use rollcall_machine::Timing;

use crate::{tap::Tap, trust::FirmwareKeys};

/// The settings of a node: its server, token, state folder and timing.
#[derive(Clone)]
pub struct NodeConfig {
    /// The URL of the server: `ws://` or `wss://`, with the stage as its path. A query is sent with the handshake.
    pub url: String,
    /// The HTTP URL from which documents are fetched that are too large for a frame: `http://` or `https://`, up to and
    /// without `/v1/configs`. The requests carry the token. Default: none; a configuration whose document must be
    /// fetched is then rejected.
    pub http_url: Option<String>,
    /// The token that says which node this is.
    pub token: Token,
    /// The folder for the state that is kept over a restart: the number of the last command that was begun, the results
    /// of commands, the firmware version that is being installed, and its image. The library creates the folder when it
    /// needs it. Two nodes must not share a folder.
    ///
    /// Default: none. A node without a folder loses this state at every restart. It may then execute a command a second
    /// time, if the server has not received the result. It reports every firmware update as failed, because it has no
    /// place for the image.
    pub state: Option<PathBuf>,
    /// The vendor's public keys. An image that none of them has signed for this model and version is refused: the update is
    /// reported as failed, with the detail `no-signature` or `wrong-signature`. Default: none; the program must check
    /// signatures then.
    pub firmware_keys: Option<FirmwareKeys>,
    /// Intervals, timeouts and bounds.
    pub timing: Timing,
    /// Is told what goes over the wire, for logs and tests. Default: none.
    pub tap: Option<Tap>,
}

impl NodeConfig {
    /// Settings with the default [`Timing`], without an HTTP URL, a state folder and keys.
    pub fn new(url: impl Into<String>, token: impl Into<Token>) -> Self {
        Self {
            url: url.into(),
            http_url: None,
            token: token.into(),
            state: None,
            firmware_keys: None,
            timing: Timing::default(),
            tap: None,
        }
    }
}

impl fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may carry a token as well.
        let shown = |url: &String| url.split_once('?').map_or(url.clone(), |(before, _)| format!("{before}?…"));
        f.debug_struct("NodeConfig")
            .field("url", &shown(&self.url))
            .field("http_url", &self.http_url.as_ref().map(shown))
            .field("token", &self.token)
            .field("state", &self.state)
            .field("firmware_keys", &self.firmware_keys)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// A bearer token (RFC 6750). It is never shown: its `Debug` is redacted, and it has no `Display`.
///
/// The `tungstenite` crate writes whole handshakes to the `log` facade at its trace level; leave that level off.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token from its text. If the text is not valid in an HTTP header, the run ends with
    /// [`NodeError::InvalidToken`](crate::NodeError::InvalidToken).
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Token {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_in_no_debug_output() {
        let http_url = Some("https://example.org/?token=s3cret".to_owned());
        let config = NodeConfig { http_url, ..NodeConfig::new("wss://example.org/live?token=s3cret", "s3cret") };
        let shown = format!("{config:?} {:#?}", config.token);
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("wss://example.org/live?…"), "{shown}");
    }
}

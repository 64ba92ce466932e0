//! Selectors, as the console and the command read them.

use rollcall_core::{PresenceState, SELECTOR_BYTES, Selectable, Selector};

use crate::{Outcomes, kind};

/// The longest message about a selector, in bytes: that of its text, and the part of it that is shown.
const SENTENCE_BYTES: usize = 768;

/// Bytes as a selector.
pub fn selector(data: &[u8]) -> Outcomes {
    let text = String::from_utf8_lossy(data);
    let selector = match text.parse::<Selector>() {
        Ok(selector) => selector,
        Err(error) => {
            let (shown, line) = (error.to_string(), error.in_one_line());
            assert!(text.get(error.span()).is_some(), "{error:?}");
            assert_eq!(shown.lines().count(), 3, "{shown}");
            assert!(!line.contains(char::is_control) && line.len() <= SENTENCE_BYTES, "{line}");
            return vec![kind(&line)];
        }
    };
    assert!(text.len() <= SELECTOR_BYTES);
    let written = selector.to_string();
    assert_eq!(written.parse().as_ref(), Ok(&selector), "it is read as it was written: {written}");
    let nobody = Selectable::default();
    let somebody = Selectable {
        node: "ap-1",
        site: Some("hq"),
        model: Some("ax-2"),
        tags: vec!["beta", "roof"],
        name: Some("Main Lobby"),
        labels: vec![("floor", "3")],
        firmware: Some("2.4.1-rc.1"),
        presence: PresenceState::Online,
        seen_ms_ago: Some(60_000),
        credential_version: Some(1),
        ..Selectable::default()
    };
    let fields: Vec<_> =
        written.split(' ').filter_map(|term| term.split(['=', '!', '~', '<', '>', '"']).next()).collect();
    let pinned = [selector.only_site().is_some(), selector.only_nodes().is_some(), selector.reads_names()];
    let meant = [selector.has(&nobody), selector.has(&somebody)];
    if let Some(site) = selector.only_site() {
        assert!(site == "hq" || !meant[1], "{written}");
    }
    if let Some(nodes) = selector.only_nodes() {
        assert!(nodes.contains(&"ap-1") || !meant[1], "{written}");
    }
    vec![format!("{meant:?} {pinned:?} {}", fields.first().unwrap_or(&""))]
}

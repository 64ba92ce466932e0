//! Which paths there are, and what may be done with them.

use crate::keys::Scope;

/// The methods that any path may have, in the order in which they are listed to whoever tries another.
const METHODS: [&str; 4] = ["GET", "PUT", "POST", "DELETE"];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// Whether the server is well: anybody may know.
    Health,
    /// How the console is used: anybody may know.
    OpenApi,
    /// Something that needs a key.
    Keyed(Keyed<'a>),
}

/// What is asked for that needs a key; with the node or the site that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyed<'a> {
    List,
    Batch,
    Register(&'a str),
    Show(&'a str),
    Revoke(&'a str),
    Disconnect(&'a str),
    SetConfig(&'a str),
    Config(&'a str),
    SetSiteConfig(&'a str),
    Queue(&'a str),
    Commands(&'a str),
    Cancel(&'a str, &'a str),
    AddFirmware(&'a str, &'a str),
    Firmware(&'a str, &'a str),
    SetFirmware(&'a str),
}

/// Why nothing is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// There is no such path.
    Path,
    /// The path has other methods: these (RFC 9110, section 10.2.1).
    Method(String),
}

impl Keyed<'_> {
    /// What a key must be for.
    pub(crate) fn scope(self) -> Scope {
        match self {
            Self::List | Self::Show(_) | Self::Config(_) | Self::Commands(_) | Self::Firmware(..) => Scope::Read,
            Self::Batch
            | Self::Register(_)
            | Self::Revoke(_)
            | Self::Disconnect(_)
            | Self::SetConfig(_)
            | Self::SetSiteConfig(_)
            | Self::Queue(_)
            | Self::Cancel(..)
            | Self::AddFirmware(..)
            | Self::SetFirmware(_) => Scope::Write,
        }
    }
}

/// What a request asks for. API Gateway has decoded the path.
pub(crate) fn route<'a>(method: &str, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let segments: Vec<_> = path.strip_prefix("/v1/").ok_or(NoRoute::Path)?.split('/').collect();
    if let Some(route) = find(method, &segments) {
        return Ok(route);
    }
    let allowed: Vec<_> = METHODS.into_iter().filter(|method| find(method, &segments).is_some()).collect();
    Err(if allowed.is_empty() { NoRoute::Path } else { NoRoute::Method(allowed.join(", ")) })
}

fn find<'a>(method: &str, segments: &[&'a str]) -> Option<Route<'a>> {
    Some(match (method, segments) {
        ("GET", ["health"]) => Route::Health,
        ("GET", ["openapi.json"]) => Route::OpenApi,
        ("GET", ["nodes"]) => Route::Keyed(Keyed::List),
        ("POST", ["nodes:batch"]) => Route::Keyed(Keyed::Batch),
        ("PUT", ["nodes", node]) => Route::Keyed(Keyed::Register(node)),
        ("GET", ["nodes", node]) => Route::Keyed(Keyed::Show(node)),
        ("DELETE", ["nodes", node]) => Route::Keyed(Keyed::Revoke(node)),
        ("POST", ["nodes", node, "disconnect"]) => Route::Keyed(Keyed::Disconnect(node)),
        ("PUT", ["nodes", node, "config"]) => Route::Keyed(Keyed::SetConfig(node)),
        ("GET", ["nodes", node, "config"]) => Route::Keyed(Keyed::Config(node)),
        ("PUT", ["sites", site, "config"]) => Route::Keyed(Keyed::SetSiteConfig(site)),
        ("POST", ["nodes", node, "commands"]) => Route::Keyed(Keyed::Queue(node)),
        ("GET", ["nodes", node, "commands"]) => Route::Keyed(Keyed::Commands(node)),
        ("DELETE", ["nodes", node, "commands", command]) => Route::Keyed(Keyed::Cancel(node, command)),
        ("PUT", ["nodes", node, "firmware"]) => Route::Keyed(Keyed::SetFirmware(node)),
        ("PUT", ["firmware", model, version]) => Route::Keyed(Keyed::AddFirmware(model, version)),
        ("GET", ["firmware", model, version]) => Route::Keyed(Keyed::Firmware(model, version)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_which_methods_it_has() {
        assert_eq!(route("GET", "/v1/nodes/ap-1"), Ok(Route::Keyed(Keyed::Show("ap-1"))));
        let allowed = |path| match route("TRACE", path) {
            Err(NoRoute::Method(allowed)) => allowed,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!([allowed("/v1/nodes/ap-1"), allowed("/v1/nodes:batch")], ["GET, PUT, DELETE", "POST"]);
        for path in ["/v1/nothing", "/nodes", "/v1/nodes/a/b", "/v2/nodes"] {
            assert_eq!(route("GET", path), Err(NoRoute::Path), "{path}");
        }
    }
}

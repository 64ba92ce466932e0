//! Lives of a fleet with a mutation on.

use serde_json::Value;

use super::copy::Copy;

/// How many lives may pass without notice: those of the seeds from 1 on.
pub(super) const LIVES: u64 = 60;
/// How many nodes such a fleet has, and how many days it lives.
const NODES: &str = "4";
const DAYS: &str = "1";

/// What became of the lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    /// A promise of this kind was broken in the life with this seed, and in none before.
    Broken { kind: String, seed: u64 },
    /// The simulation itself came to an end that it must not come to.
    Panicked,
    /// Every promise was kept.
    Not,
}

impl Noticed {
    /// What noticed it, and in which seed.
    pub(super) fn shown(&self) -> (String, String) {
        match self {
            Self::Broken { kind, seed } => (kind.clone(), seed.to_string()),
            Self::Panicked => ("a panic".to_owned(), String::new()),
            Self::Not => ("NOT NOTICED".to_owned(), String::new()),
        }
    }
}

/// Runs lives with this mutation on, until a promise is broken.
pub(super) fn notice(copy: &Copy, mutation: Option<&str>) -> Result<Noticed, String> {
    let mut simulation = copy.simulation(mutation);
    simulation.args(["--seeds", &format!("1..{LIVES}"), "--nodes", NODES, "--days", DAYS, "--jobs", "1"]);
    simulation.args(["--first", "--no-shrink", "--json"]);
    let ended = simulation.output().map_err(|error| format!("the copy's simulation can't be run: {error}"))?;
    match ended.status.code() {
        Some(0) => Ok(Noticed::Not),
        Some(1) => broken(&ended.stdout).ok_or_else(|| "the copy's summary can't be read".to_owned()),
        _ => Ok(Noticed::Panicked),
    }
}

/// The first promise that was broken.
fn broken(summary: &[u8]) -> Option<Noticed> {
    let summary: Value = serde_json::from_slice(summary).ok()?;
    let failure = summary.get("violations")?.get(0)?;
    let kind = failure.get("violations")?.get(0)?.get("kind")?.as_str()?.to_owned();
    Some(Noticed::Broken { kind, seed: failure.get("seed")?.as_u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_promise_that_is_broken_is_told() {
        let violations = r#"[{"kind":"stuck","at_ms":4},{"kind":"went-back","at_ms":5}]"#;
        let summary = format!(r#"{{"seeds":3,"violations":[{{"seed":3,"violations":{violations}}}]}}"#);
        assert_eq!(broken(summary.as_bytes()), Some(Noticed::Broken { kind: "stuck".to_owned(), seed: 3 }));
        assert_eq!(broken(br#"{"violations":[]}"#), None);
    }
}

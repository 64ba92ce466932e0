//! The settings of the rules.

/// A time in seconds.
pub type Seconds = u32;

/// Which nodes may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Any node with a valid token. Its first connect or poll registers it.
    Open,
    /// Only nodes that the application has registered.
    Closed,
}

/// The settings of the rules. [`Policy::new`] makes them, so that they are in range.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Which nodes may connect.
    pub registration: Registration,
    /// How long a connection may last. The node must have replaced it by then.
    pub lifetime: Seconds,
    /// How often an idle node checks in.
    pub check_in_every: Seconds,
    /// The grace period: how long a node may be without a connection before it goes offline.
    pub grace: Seconds,
    /// The time over which a fleet spreads its reconnects after it lost its connections.
    pub spread: Seconds,
    /// The budget: how many messages a node may send in a minute; 0 for any number.
    pub budget: u32,
}

/// A setting that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} must be from {least} to {most} seconds, not {given}")]
pub struct PolicyError {
    /// The setting's name.
    pub setting: &'static str,
    /// The value that was given.
    pub given: Seconds,
    /// The lowest value that is allowed.
    pub least: Seconds,
    /// The highest value that is allowed.
    pub most: Seconds,
}

impl Policy {
    /// The longest lifetime: API Gateway ends a connection after 2 hours (Amazon API Gateway quotas, WebSocket API,
    /// "Connection duration"), less ten minutes for a node to replace it in.
    pub const LIFETIME_MAX: Seconds = 110 * 60;

    /// The longest time between check-ins: API Gateway ends an idle connection after 10 minutes (Amazon API Gateway
    /// quotas, WebSocket API, "Idle connection timeout"), less one minute.
    pub const CHECK_IN_EVERY_MAX: Seconds = 540;

    /// The default budget. A node that checks in every five minutes needs less than one message a minute; a node that
    /// catches up after an outage sends a few dozen.
    pub const BUDGET: u32 = 300;

    /// The same settings with this budget, in messages a minute; 0 for any number.
    #[must_use]
    pub fn with_budget(self, budget: u32) -> Self {
        Self { budget, ..self }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// Every setting that is out of its range.
    pub fn new(
        registration: Registration,
        lifetime: Seconds,
        check_in_every: Seconds,
        grace: Seconds,
        spread: Seconds,
    ) -> Result<Self, Vec<PolicyError>> {
        let errors: Vec<_> = [
            ("lifetime", lifetime, 1, Self::LIFETIME_MAX),
            ("check-in-every", check_in_every, 1, Self::CHECK_IN_EVERY_MAX),
            ("grace", grace, 1, 24 * 60 * 60),
            ("spread", spread, 0, 60 * 60),
        ]
        .into_iter()
        .filter(|(_, given, least, most)| !(least..=most).contains(&given))
        .map(|(setting, given, least, most)| PolicyError { setting, given, least, most })
        .collect();
        if errors.is_empty() {
            Ok(Self { registration, lifetime, check_in_every, grace, spread, budget: Self::BUDGET })
        } else {
            Err(errors)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_is_out_of_range_is_named() {
        let errors = Policy::new(Registration::Open, 6601, 0, 0, 4000).expect_err("four mistakes");
        let settings: Vec<_> = errors.iter().map(|error| error.setting).collect();
        assert_eq!(settings, ["lifetime", "check-in-every", "grace", "spread"]);
        assert_eq!(errors[0].to_string(), "lifetime must be from 1 to 6600 seconds, not 6601");
    }
}

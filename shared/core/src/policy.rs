//! The settings that the rules go by.

/// Seconds, where a rule counts in them.
pub type Seconds = u32;

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// A valid token registers its node.
    Open,
    /// The node must have been registered.
    Closed,
}

/// The settings that the rules go by. Made by [`Policy::new`], so that they are in range.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may connect.
    pub registration: Registration,
    /// How long a connection may last before the node must have replaced it.
    pub lifetime: Seconds,
    /// How often an idle node checks in.
    pub check_in_every: Seconds,
    /// The grace period: how long a node may be without a connection before it counts as offline.
    pub grace: Seconds,
    /// Over how long a fleet spreads its reconnects after a loss.
    pub spread: Seconds,
    /// How many messages a node may send in a minute: its budget. 0 for any number.
    pub budget: u32,
}

/// A setting that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} must be from {least} to {most} seconds, not {given}")]
pub struct PolicyError {
    /// Which.
    pub setting: &'static str,
    /// What was given.
    pub given: Seconds,
    /// The least that it can be.
    pub least: Seconds,
    /// The most that it can be.
    pub most: Seconds,
}

impl Policy {
    /// The longest lifetime: API Gateway ends a connection after 2 hours (Amazon API Gateway quotas, WebSocket API,
    /// "Connection duration"), less ten minutes for a node to replace it in.
    pub const LIFETIME_MAX: Seconds = 110 * 60;

    /// The longest time between check-ins: API Gateway ends an idle connection after 10 minutes (Amazon API Gateway
    /// quotas, WebSocket API, "Idle connection timeout"), less one.
    pub const CHECK_IN_EVERY_MAX: Seconds = 540;

    /// The budget, if nothing else is set: a node that checks in every five minutes needs less than one message a minute. A
    /// node that catches up after an outage sends some dozens.
    pub const BUDGET: u32 = 300;

    /// With this budget: messages a minute, 0 for any number.
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

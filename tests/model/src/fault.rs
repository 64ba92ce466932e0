//! What goes wrong in a step, as its monitor sees it.

/// A set of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults(u32);

/// Something that must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An older connection took the node from a newer one.
    OlderHolds,
    /// A connection that a newer one has replaced stored something.
    ReplacedStored,
    /// A connection that a newer one has replaced was told that it holds the node.
    ReplacedTold,
    /// A connection that was stored as closed is stored as open.
    Reopened,
    /// A check-in was stored after one with a higher sequence number.
    StaleStored,
    /// When the node was last seen went back.
    SeenWentBack,
    /// A report was changed by something else than another report.
    ReportLost,
    /// A check-in was acknowledged that was never stored.
    AckedNotStored,
    /// A version of a configuration was skipped, used twice, or went back.
    Version,
    /// Something of a revoked node was stored.
    RevokedStored,
    /// A revoked node was told something else than that an earlier check-in is stored.
    RevokedTold,
    /// A revoked node was told what is new.
    RevokedToldNews,
    /// Somebody was refused for a reason that is not true.
    UntrueRefusal,
    /// A write was refused because of itself.
    NotRecognised,
    /// The rules could not explain an outcome.
    Unexplained,
    /// A connection that does not hold the node was answered and left open.
    NotDismissed,
    /// A connect replaced an open connection, and did not try to close it.
    ReplacedNotDismissed,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0 |= 1 << fault as u32;
    }

    /// Adds the fault if the condition does not hold.
    pub(crate) fn unless(&mut self, condition: bool, fault: Fault) {
        if !condition {
            self.add(fault);
        }
    }

    pub(crate) fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

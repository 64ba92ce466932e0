//! The faults of the cloud that act at the moment.

use rollcall_fleet::What;

use crate::kernel::{MS, Micros};

/// A fault of the cloud that acts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    DisconnectsLost,
    DisconnectsLate,
    DisconnectsDoubled,
    ConnectsRetried,
    MessagesDoubled,
    PushesLost,
    AnswersLost,
    Throttled,
    StoreSlow,
    StoreDown,
    InstancesKilled,
    ColdStarts,
    LambdaThrottled,
    StreamLate,
    RecordsDoubled,
    SendsLost,
    DeletesLost,
    EndpointRefuses,
    EndpointSilent,
    EndpointDown,
}

const KINDS: usize = 20;

impl Fault {
    /// Its name in reports: that of [`What::name`].
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DisconnectsLost => "disconnects-lost",
            Self::DisconnectsLate => "disconnects-late",
            Self::DisconnectsDoubled => "disconnects-doubled",
            Self::ConnectsRetried => "connects-retried",
            Self::MessagesDoubled => "messages-doubled",
            Self::PushesLost => "pushes-lost",
            Self::AnswersLost => "answers-lost",
            Self::Throttled => "throttled",
            Self::StoreSlow => "store-slow",
            Self::StoreDown => "store-down",
            Self::InstancesKilled => "instances-killed",
            Self::ColdStarts => "cold-starts",
            Self::LambdaThrottled => "lambda-throttled",
            Self::StreamLate => "stream-late",
            Self::RecordsDoubled => "records-doubled",
            Self::SendsLost => "sends-lost",
            Self::DeletesLost => "deletes-lost",
            Self::EndpointRefuses => "endpoint-refuses",
            Self::EndpointSilent => "endpoint-silent",
            Self::EndpointDown => "endpoint-down",
        }
    }

    /// The fault that a step of a plan begins, for how many ms, and how much of it; `None` for other steps.
    pub(crate) fn begun_by(what: &What) -> Option<(Self, u64, u64)> {
        Some(match *what {
            What::DisconnectsLost { for_ms } => (Self::DisconnectsLost, for_ms, 100),
            What::DisconnectsLate { for_ms, by_ms } => (Self::DisconnectsLate, for_ms, by_ms),
            What::DisconnectsDoubled { for_ms } => (Self::DisconnectsDoubled, for_ms, 100),
            What::ConnectsRetried { for_ms } => (Self::ConnectsRetried, for_ms, 100),
            What::MessagesDoubled { for_ms } => (Self::MessagesDoubled, for_ms, 100),
            What::PushesLost { for_ms } => (Self::PushesLost, for_ms, 100),
            What::AnswersLost { for_ms, percent } => (Self::AnswersLost, for_ms, percent.into()),
            What::Throttled { for_ms, percent } => (Self::Throttled, for_ms, percent.into()),
            What::StoreSlow { for_ms, by_ms } => (Self::StoreSlow, for_ms, by_ms),
            What::StoreDown { for_ms } => (Self::StoreDown, for_ms, 100),
            What::InstancesKilled { for_ms, percent } => (Self::InstancesKilled, for_ms, percent.into()),
            What::ColdStarts { for_ms } => (Self::ColdStarts, for_ms, 100),
            What::LambdaThrottled { for_ms, percent } => (Self::LambdaThrottled, for_ms, percent.into()),
            What::StreamLate { for_ms, by_ms } => (Self::StreamLate, for_ms, by_ms),
            What::RecordsDoubled { for_ms } => (Self::RecordsDoubled, for_ms, 50),
            What::SendsLost { for_ms, percent } => (Self::SendsLost, for_ms, percent.into()),
            What::DeletesLost { for_ms, percent } => (Self::DeletesLost, for_ms, percent.into()),
            What::EndpointRefuses { for_ms, percent } => (Self::EndpointRefuses, for_ms, percent.into()),
            What::EndpointSilent { for_ms, percent } => (Self::EndpointSilent, for_ms, percent.into()),
            What::EndpointDown { for_ms } => (Self::EndpointDown, for_ms, 100),
            _ => return None,
        })
    }
}

/// The faults that act at the moment.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Of each fault, until when it acts, and how much.
    acting: [(Micros, u64); KINDS],
}

impl Faults {
    /// Begins a fault. It replaces one of the same kind, and ends when everything is to be calm.
    pub(crate) fn begin(&mut self, fault: Fault, until: Micros, much: u64) {
        self.acting[fault as usize] = (until, much);
    }

    /// How much of the fault there is; `None` if it does not act.
    pub(crate) fn much(&self, fault: Fault, now: Micros) -> Option<u64> {
        let (until, much) = self.acting[fault as usize];
        (until > now).then_some(much)
    }
}

/// When a fault that begins now ends: it acts for so many ms, and no longer than until everything is to be calm.
pub(crate) fn until(now: Micros, for_ms: u64, calm: Micros) -> Micros {
    now.saturating_add(for_ms.saturating_mul(MS)).min(calm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_acts_until_its_time_is_over() {
        let mut faults = Faults::default();
        faults.begin(Fault::Throttled, 10, 30);
        assert_eq!((faults.much(Fault::Throttled, 9), faults.much(Fault::Throttled, 10)), (Some(30), None));
        assert_eq!(faults.much(Fault::StoreDown, 9), None);
        assert_eq!((until(5_000, 10, 9_000), until(5_000, 2, 9_000)), (9_000, 7_000));
    }

    #[test]
    fn a_fault_has_the_name_of_its_step() {
        let what = What::AnswersLost { for_ms: 5, percent: 7 };
        let (fault, for_ms, much) = Fault::begun_by(&what).expect("a fault");
        assert_eq!((fault.name(), for_ms, much), (what.name(), 5, 7));
        assert_eq!(Fault::begun_by(&What::CutAll), None);
    }
}

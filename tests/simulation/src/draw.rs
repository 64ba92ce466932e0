//! Randomness. Each thing that happens has a stream of its own, which depends on the seed, on who it happens to and on
//! how many such things happened to them before. So a plan without one of its steps runs much like the whole plan.

/// Who something happens to, and what kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A device's own nature: its distance, say.
    Nature(usize),
    /// A run of a device.
    Run(usize),
    /// A connection of a device.
    Wire(usize),
    /// Something that the program of a device does.
    Program(usize),
    /// A request of a device by HTTP.
    Exchange(usize),
    /// A function that runs on behalf of a device, or of the application (`None`).
    Invocation(Option<usize>),
    /// An instance of a function.
    Instance(usize),
    /// The clock of a host.
    Host(usize),
    /// A request of the application.
    Application(usize),
    /// An update of the index of sites.
    Index,
    /// A function on the way to the application.
    Outbound(usize),
    /// A reading of a shard of the stream.
    Stream(usize),
    /// A reading of the queue.
    Queue,
    /// The schedule of the rollouts.
    Rollouts,
    /// The schedule of the sweep.
    Sweep,
}

impl Who {
    fn code(self) -> u64 {
        let (kind, which) = match self {
            Self::Nature(device) => (1, device),
            Self::Run(device) => (2, device),
            Self::Wire(device) => (3, device),
            Self::Program(device) => (4, device),
            Self::Exchange(device) => (5, device),
            Self::Invocation(None) => (6, 0),
            Self::Invocation(Some(device)) => (7, device),
            Self::Instance(function) => (8, function),
            Self::Host(host) => (9, host),
            Self::Application(request) => (11, request),
            Self::Index => (12, 0),
            Self::Outbound(function) => (13, function),
            Self::Stream(shard) => (14, shard),
            Self::Queue => (15, 0),
            Self::Rollouts => (16, 0),
            Self::Sweep => (17, 0),
        };
        (kind << 56) | which as u64
    }
}

/// A stream of random numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The stream of the `nth` thing of this kind.
    pub(crate) fn of(seed: u64, who: Who, nth: u64) -> Self {
        Self(mixed(mixed(mixed(seed) ^ who.code()) ^ nth))
    }

    /// The next number of the stream.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below this bound; 0 if the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.number()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// Whether something that happens so many times in a hundred happens.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < u64::from(percent)
    }
}

fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_the_seed_the_owner_and_the_count() {
        let first = |seed, who, nth| Draw::of(seed, who, nth).number();
        let this = first(1, Who::Wire(3), 5);
        assert_eq!(this, first(1, Who::Wire(3), 5));
        for other in [first(2, Who::Wire(3), 5), first(1, Who::Run(3), 5), first(1, Who::Wire(3), 6)] {
            assert_ne!(this, other);
        }
    }

    #[test]
    fn a_number_lies_between_its_bounds() {
        let mut draw = Draw::of(7, Who::Index, 0);
        let drawn: Vec<_> = (0..1000).map(|_| draw.between(3, 6)).collect();
        assert!((3..=6).all(|bound| drawn.contains(&bound)) && drawn.iter().all(|n| (3..=6).contains(n)));
        assert_eq!((draw.below(0), draw.percent(0), draw.percent(100)), (0, false, true));
    }
}

//! Things that come and go, found by a number that never comes twice.

/// Things by their numbers.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: vec![], free: vec![] }
    }
}

impl<T> Slab<T> {
    /// Keeps a thing. Returns its number.
    pub(crate) fn insert(&mut self, thing: T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let (round, kept) = &mut self.places[place as usize];
        *round += 1;
        *kept = Some(thing);
        (u64::from(*round) << 32) | u64::from(place)
    }

    /// The thing with this number; `None` if it is gone.
    pub(crate) fn get(&mut self, number: u64) -> Option<&mut T> {
        let (place, round) = split(number);
        self.places.get_mut(place).filter(|(current, _)| *current == round)?.1.as_mut()
    }

    /// Takes a thing out.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let (place, round) = split(number);
        let thing = self.places.get_mut(place).filter(|(current, _)| *current == round)?.1.take()?;
        self.free.push(u32::try_from(place).unwrap_or(u32::MAX));
        Some(thing)
    }
}

fn split(number: u64) -> (usize, u32) {
    let place = usize::try_from(number & u64::from(u32::MAX)).unwrap_or(usize::MAX);
    (place, u32::try_from(number >> 32).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_never_leads_to_a_later_thing() {
        let mut slab = Slab::default();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_ne!(first, second);
        assert_eq!((slab.get(first).copied(), slab.get(second).copied()), (None, Some("second")));
        assert_eq!((slab.remove(first), slab.remove(second)), (None, Some("second")));
    }
}

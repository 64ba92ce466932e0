//! Changes inputs: bytes, numbers, lines and words of JSON.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// The longest input that is made, in bytes: a little more than a frame may have.
const LONGEST: usize = 40 * 1024;
/// How many changes are made to one input at most.
const CHANGES: usize = 4;
/// Numbers at the edge of some type or limit.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "-0",
    "1.5",
    "1e3",
    "1e400",
    "1e-7",
    "32768",
    "2147483648",
    "4294967296",
    "9007199254740991",
    "9007199254740992",
    "18446744073709551615",
    "18446744073709551616",
    "253402300800000",
    "123456789012345678901234567890",
];
/// Text that some reader treats in its own way.
const WORDS: [&str; 24] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "{\"a\":1,\"a\":2}",
    "\\ud800",
    "\\u0000",
    "\\\"",
    "\"",
    "\u{e9}",
    "\u{1f4a5}",
    "\u{feff}",
    "\0",
    "..",
    "%2F",
    "%ff",
    "&",
    "=",
    ",",
    "\r\n",
    "\n\n",
    ": ",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// Makes new inputs of known ones. The same seed makes the same inputs.
#[derive(Debug)]
pub struct Mutator(SmallRng);

impl Mutator {
    /// A mutator that draws from this seed.
    pub fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// One of the known inputs, changed in up to four places.
    pub fn mutate<'a>(&mut self, known: impl Fn(usize) -> &'a [u8], count: usize) -> Vec<u8> {
        let mut input = known(self.below(count)).to_vec();
        for _ in 0..=self.below(CHANGES) {
            let other = known(self.below(count));
            self.change(&mut input, other);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        match self.below(10) {
            0 => self.flip(input),
            1 => {
                let byte = self.0.random();
                let at = self.below(input.len() + 1);
                input.insert(at, byte);
            }
            2 => {
                let range = self.range(input.len(), 16);
                input.drain(range);
            }
            3 => {
                // From a place in this one to the end of the other one.
                let (at, from) = (self.below(input.len() + 1), self.below(other.len() + 1));
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            4 => {
                let range = self.range(other.len(), 64);
                let at = self.below(input.len() + 1);
                input.splice(at..at, other[range].iter().copied());
            }
            5 => self.repeat(input),
            6 | 7 => self.number(input, other),
            8 => {
                let (word, at) = (WORDS[self.below(WORDS.len())], self.below(input.len() + 1));
                input.splice(at..at, word.bytes());
            }
            _ => self.line(input, other),
        }
    }

    fn flip(&mut self, input: &mut [u8]) {
        let (at, bit) = (self.below(input.len()), self.below(8));
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn repeat(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input.len(), 64);
        let times = if self.below(16) == 0 { 1 << self.below(10) } else { self.below(4) };
        let repeated = input[range.clone()].repeat(times);
        input.splice(range.end..range.end, repeated);
    }

    /// Replaces a number, by one at an edge or by one of the other input.
    fn number(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let (here, there) = (numbers(input), numbers(other));
        let Some(range) = self.pick(&here) else { return };
        let new = match self.pick(&there) {
            Some(range) if self.below(2) == 0 => other[range].to_vec(),
            _ => NUMBERS[self.below(NUMBERS.len())].into(),
        };
        input.splice(range, new);
    }

    /// Repeats, removes, exchanges or inserts whole lines.
    fn line(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
        let others: Vec<&[u8]> = other.split(|byte| *byte == b'\n').collect();
        let (at, to) = (self.below(lines.len()), self.below(lines.len()));
        match self.below(4) {
            0 => lines.insert(to, lines[at]),
            1 => drop(lines.remove(at)),
            2 => lines.swap(at, to),
            _ => lines.insert(to, others[self.below(others.len())]),
        }
        *input = lines.join(&b'\n');
    }

    /// A range of an input of this length, of at most so many bytes.
    fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let from = self.below(length + 1);
        from..from + self.below((length - from).min(most) + 1)
    }

    fn pick(&mut self, of: &[std::ops::Range<usize>]) -> Option<std::ops::Range<usize>> {
        of.get(self.below(of.len())).cloned()
    }

    /// A number below this one; 0 if there is none.
    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { self.0.random_range(0..limit) }
    }
}

/// The places of the numbers in an input, without their signs.
fn numbers(input: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = vec![];
    for at in (0..input.len()).filter(|at| input[*at].is_ascii_digit()) {
        match found.last_mut() {
            Some(last) if last.end == at => last.end = at + 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&[u8]; 3] = [b"", b"{\"seq\":12,\"load\":3.5}", b"one\ntwo\nthree 4"];

    fn made(seed: u64) -> Vec<Vec<u8>> {
        let mut mutator = Mutator::new(seed);
        (0..2_000).map(|_| mutator.mutate(|index| KNOWN[index], KNOWN.len())).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_another_one_makes_others() {
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }

    #[test]
    fn inputs_differ_and_none_is_too_long() {
        let different: std::collections::BTreeSet<_> = made(1).into_iter().collect();
        assert!(different.len() > 1_000, "{}", different.len());
        assert!(different.iter().all(|input| input.len() <= LONGEST));
    }

    #[test]
    fn the_numbers_of_an_input_are_found() {
        assert_eq!(numbers(b"12,a3.45"), [0..2, 4..5, 6..8]);
    }
}

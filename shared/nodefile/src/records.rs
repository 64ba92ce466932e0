//! The records of a file: its lines, where a quoted field of a table may have line breaks.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};

use sha2::{Digest as _, Sha256};

/// How long a record may be, in bytes: far longer than a node with the largest configuration.
const RECORD_BYTES: usize = 1024 * 1024;

/// A record, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The number of its first line, from 1.
    pub line: u64,
    /// Where the record ends, in bytes from the beginning of the file.
    pub end: u64,
    /// The record, with what ends it.
    pub text: Vec<u8>,
    /// Why it can't be read, if it can't.
    pub(crate) wrong: Option<&'static str>,
}

/// Reads the records of a file, one after the other, in bounded memory.
pub(crate) struct Records<R> {
    reader: R,
    /// What separates the fields, if fields may be quoted.
    delimiter: Option<u8>,
    /// Lines that were read ahead.
    ahead: VecDeque<Vec<u8>>,
    line: u64,
    end: u64,
    read: Sha256,
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, delimiter: None, ahead: VecDeque::new(), line: 0, end: 0, read: Sha256::new() }
    }

    /// From here on, fields are separated by this, and may be quoted.
    pub(crate) fn with_delimiter(&mut self, delimiter: u8) {
        self.delimiter = Some(delimiter);
    }

    /// The hash of everything up to the end of the last record.
    pub(crate) fn hash(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.read.clone().finalize())
    }

    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        let Some(first) = self.next_line()? else { return Ok(None) };
        let Some(delimiter) = self.delimiter.filter(|_| first.len() <= RECORD_BYTES) else {
            return Ok(Some(self.record(&[first], None)));
        };
        let (mut quotes, mut bytes, mut lines) = (Quotes::default(), first.len(), vec![first]);
        quotes.read(&lines[0], delimiter);
        while quotes.are_open {
            let next = self.next_line()?;
            let fits = next.as_ref().is_some_and(|next| bytes + next.len() <= RECORD_BYTES);
            lines.extend(next);
            if !fits {
                // The line that opens it is wrong; those behind it may be right.
                let rest = lines.split_off(1);
                rest.into_iter().rev().for_each(|line| self.ahead.push_front(line));
                return Ok(Some(self.record(&lines, Some("a quotation mark is opened and not closed"))));
            }
            let next = lines.last().map(Vec::as_slice).unwrap_or_default();
            bytes += next.len();
            quotes.read(next, delimiter);
        }
        Ok(Some(self.record(&lines, None)))
    }

    fn record(&mut self, lines: &[Vec<u8>], wrong: Option<&'static str>) -> Record {
        let (line, count) = (self.line + 1, lines.len() as u64);
        let text = lines.concat();
        self.line += count;
        self.end += text.len() as u64;
        self.read.update(&text);
        let wrong = wrong.or((text.len() > RECORD_BYTES).then_some("it is longer than 1 MB"));
        Record { line, end: self.end, text, wrong }
    }

    /// The next line; of one that is too long, a piece that is.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut line = vec![];
        let most = RECORD_BYTES as u64 + 1;
        self.reader.by_ref().take(most).read_until(b'\n', &mut line)?;
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

/// Whether a quoted field is open (RFC 4180): a quotation mark opens one only where a field begins.
#[derive(Default)]
struct Quotes {
    are_open: bool,
    /// Whether the byte before was a quotation mark inside: a second one stands for itself, anything else ends the field.
    was_mark: bool,
    is_inside: bool,
}

impl Quotes {
    fn read(&mut self, line: &[u8], delimiter: u8) {
        for byte in line {
            match (self.are_open, *byte) {
                (true, b'"') => (self.are_open, self.was_mark) = (false, true),
                (false, b'"') if self.was_mark => (self.are_open, self.was_mark) = (true, false),
                (false, b'"') if !self.is_inside => (self.are_open, self.is_inside) = (true, true),
                (false, byte) => {
                    self.was_mark = false;
                    self.is_inside = byte != delimiter && byte != b'\n';
                }
                (true, _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(u64, String, bool)> {
        let mut records = Records::new(text.as_bytes());
        records.with_delimiter(b',');
        let next = || records.next().expect("readable");
        let record =
            |Record { line, text, wrong, .. }: Record| (line, String::from_utf8(text).expect("text"), wrong.is_some());
        std::iter::from_fn(next).map(record).collect()
    }

    #[test]
    fn a_quoted_field_may_have_line_breaks_and_marks_and_others_may_have_marks() {
        let expected = [
            (1, "a,\"b\nc\"\"d\n\",e\n".to_owned(), false),
            (4, "12\" rack,b\n".to_owned(), false),
            (5, "\"\",b".to_owned(), false),
        ];
        assert_eq!(records("a,\"b\nc\"\"d\n\",e\n12\" rack,b\n\"\",b"), expected);
    }

    #[test]
    fn of_a_mark_that_is_never_closed_only_its_line_is_wrong() {
        let many = "x,y\n".repeat(300_000);
        let read = records(&format!("a,b\nc,\"d\n{many}"));
        assert_eq!((read.len(), read.iter().filter(|(_, _, wrong)| *wrong).count()), (300_002, 1));
        assert_eq!((&read[1].1, read[1].2, &read[2].1), (&"c,\"d\n".to_owned(), true, &"x,y\n".to_owned()));
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_memory_than_a_record_may() {
        let read = records(&"x".repeat(5 * RECORD_BYTES));
        assert!(read.iter().all(|(_, text, _)| text.len() <= RECORD_BYTES + 1), "{}", read.len());
        assert!(read[0].2, "it is wrong");
    }
}

//! Reads a selector.

use std::ops::Range;
use std::str::FromStr;

use crate::selector::age::Age;
use crate::selector::field::{Field, Kind, is_of_name};
use crate::selector::invalid::{InvalidSelector, Why};
use crate::selector::op::{Op, listed};
use crate::selector::{SELECTOR_BYTES, Selector, TERMS, Term, VALUES, Value};

/// The characters that operators are made of.
const OPERATORS: [char; 5] = ['=', '!', '~', '<', '>'];

/// A text that is being read. Every byte of it is looked at a few times at most.
struct Reading<'a> {
    text: &'a str,
    /// Everything before this byte was read.
    at: usize,
    values: usize,
}

/// What is wrong, and where.
type Wrong = (Range<usize>, Why);

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        if text.len() > SELECTOR_BYTES {
            let start = text.floor_char_boundary(SELECTOR_BYTES);
            let text_until = &text[..text.ceil_char_boundary(start + 1)];
            let why = Why::TooLong { length: text.len(), most: SELECTOR_BYTES };
            return Err(InvalidSelector { text: text_until.to_owned(), span: start..text_until.len(), why });
        }
        let mut reading = Reading { text, at: 0, values: 0 };
        let wrong = |(span, why)| InvalidSelector { text: text.to_owned(), span, why };
        let selector = reading.selector().map_err(wrong)?;
        // It is kept as it is written, with quotes where they are needed.
        match selector.to_string().len() {
            0..=SELECTOR_BYTES => Ok(selector),
            length => Err(wrong((0..text.len(), Why::TooLong { length, most: SELECTOR_BYTES }))),
        }
    }
}

impl<'a> Reading<'a> {
    fn selector(&mut self) -> Result<Selector, Wrong> {
        let mut terms = vec![];
        self.skip_spaces();
        while !self.rest().is_empty() {
            let start = self.at;
            let term = self.term()?;
            if terms.len() == TERMS {
                return Err((start..self.at, Why::TooManyTerms(TERMS)));
            }
            terms.push(term);
            self.skip_spaces();
        }
        if terms.is_empty() { Err((0..self.text.len(), Why::Empty)) } else { Ok(Selector(terms)) }
    }

    fn term(&mut self) -> Result<Term, Wrong> {
        let (field, name) = self.field()?;
        let start = self.at;
        let Some((op, length)) = Op::read(self.rest()) else {
            let why = if self.rest().starts_with('!') { Why::Not } else { Why::NoTerm };
            return Err((name.start..self.word_end(start), why));
        };
        self.at += length;
        let ops = field.kind().ops();
        if !ops.contains(&op) {
            return Err((start..self.at, Why::Operator { field: field.name(), ops: listed(ops) }));
        }
        if self.rest().starts_with('=') {
            return Err((start..self.at + 1, Why::TwoEquals));
        }
        let values = self.values(&field, op)?;
        Ok(Term { field, op, values })
    }

    /// The name of a field, and where it is.
    fn field(&mut self) -> Result<(Field, Range<usize>), Wrong> {
        let start = self.at;
        let length = self.rest().bytes().take_while(|byte| is_of_name(*byte)).count();
        let name = &self.rest()[..length];
        let field = Field::read(name);
        let span = start..start + length;
        let Some(field) = field else {
            let has_operator = Op::read(&self.text[span.end..]).is_some();
            return Err(match name {
                "" if self.rest().starts_with('!') => (start..start + 1, Why::Not),
                _ if name.starts_with("label.") => (span, Why::Label),
                _ if has_operator && !name.is_empty() => (span, Why::Field(Field::names())),
                _ => (start..self.word_end(start), Why::NoTerm),
            });
        };
        self.at = span.end;
        Ok((field, span))
    }

    /// The values of a term, with commas between them. A comma before another term joins terms, as a space does: so it
    /// was written before.
    fn values(&mut self, field: &Field, op: Op) -> Result<Vec<Value>, Wrong> {
        let mut values = vec![];
        loop {
            let (text, span) = self.value()?;
            self.values += 1;
            if self.values > VALUES {
                return Err((span, Why::TooManyValues(VALUES)));
            }
            if op.orders() && !values.is_empty() {
                return Err((span, Why::OneValue));
            }
            values.push(value(field, op, &text).map_err(|why| (span, why))?);
            if !self.rest().starts_with(',') {
                return Ok(values);
            }
            self.at += 1;
            self.skip_spaces();
            if self.is_at_a_term() {
                return Ok(values);
            }
        }
    }

    /// A value, and where it is.
    fn value(&mut self) -> Result<(String, Range<usize>), Wrong> {
        let start = self.at;
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let end = self.word_end(start);
        let text = &self.text[start..end];
        self.at = end;
        if text.is_empty() {
            return Err((start..end, Why::NoValue));
        }
        if let Some(quote) = text.find('"') {
            return Err((start + quote..start + quote + 1, Why::Quote));
        }
        if text.contains(OPERATORS) {
            return Err((start..end, Why::Quoted));
        }
        without_control(text, start)?;
        Ok((text.to_owned(), start..end))
    }

    fn quoted(&mut self) -> Result<(String, Range<usize>), Wrong> {
        let start = self.at;
        let (mut text, mut chars) = (String::new(), self.rest().char_indices().skip(1));
        loop {
            match chars.next() {
                None => return Err((start..self.text.len(), Why::Open)),
                Some((length, '"')) => {
                    self.at += length + 1;
                    break;
                }
                Some((at, '\\')) => match chars.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    _ => return Err((start + at..start + at + 1, Why::Escape)),
                },
                Some((_, c)) => text.push(c),
            }
        }
        without_control(&self.text[start..self.at], start)?;
        let next = self.rest().chars().next();
        if next.is_some_and(|next| next != ',' && !next.is_whitespace()) {
            return Err((self.at..self.word_end(self.at), Why::Quote));
        }
        Ok((text, start..self.at))
    }

    /// Whether what follows is a name with an operator: a value with one is written in quotes.
    fn is_at_a_term(&self) -> bool {
        let length = self.rest().bytes().take_while(|byte| is_of_name(*byte)).count();
        length > 0 && Op::read(&self.rest()[length..]).is_some()
    }

    /// Where the word that begins there ends: at a space or a comma.
    fn word_end(&self, start: usize) -> usize {
        let length = self.text[start..].find(|c: char| c == ',' || c.is_whitespace());
        length.map_or(self.text.len(), |length| start + length)
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

/// Refuses a value that does not fit in a line. It begins at this byte of the text.
fn without_control(value: &str, start: usize) -> Result<(), Wrong> {
    match value.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, c)) => Err((start + at..start + at + c.len_utf8(), Why::Control)),
        None => Ok(()),
    }
}

/// A value of a field, for this operator.
fn value(field: &Field, op: Op, text: &str) -> Result<Value, Why> {
    match field.kind() {
        Kind::Text | Kind::Version => match (text.is_empty(), op) {
            (true, Op::Has | Op::HasNot) => Err(Why::NothingToFind),
            (true, op) if op.orders() => Err(Why::NoValue),
            _ => Ok(Value::Text(text.to_owned())),
        },
        Kind::Word(words) => {
            let word = words.iter().find(|word| **word == text);
            let wrong = || Why::Word { field: field.name(), words: words.join(", ") };
            word.map(|word| Value::Word(word)).ok_or_else(wrong)
        }
        Kind::Age if op.orders() == (text == "never") => Err(Why::Never),
        Kind::Age if text == "never" => Ok(Value::Never),
        Kind::Age if !op.orders() => Err(Why::Never),
        Kind::Age => Age::read(text).map(Value::Age).ok_or(Why::Age),
        Kind::Number => {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number).map(Value::Number).ok_or(Why::Number)
        }
    }
}

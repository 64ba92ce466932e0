//! Why a text is no selector, and where.

use std::fmt;
use std::ops::Range;

/// How many characters of a text are shown before and behind what is wrong with it.
const AROUND: usize = 48;

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSelector {
    /// The text, as far as it was looked at.
    pub(super) text: String,
    pub(super) span: Range<usize>,
    pub(super) why: Why,
}

/// What is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Why {
    #[error("a selector has at most {most} bytes, and this one has {length}")]
    TooLong { length: usize, most: usize },
    #[error("a selector has at most {0} terms")]
    TooManyTerms(usize),
    #[error("a selector has at most {0} values")]
    TooManyValues(usize),
    #[error("it names no nodes: write a term, such as site=hq")]
    Empty,
    #[error("a term is FIELD, an operator and VALUE without spaces between them, such as site=hq")]
    NoTerm,
    #[error("no field has this name: there are {0}")]
    Field(String),
    #[error("a label's key has 1 to 64 ASCII letters, digits, '.', '_', '-', ':' and '/'")]
    Label,
    #[error("`!` stands before `=` or `~`: write tag!=roof")]
    Not,
    #[error("{field} has only the operators {ops}")]
    Operator { field: String, ops: String },
    #[error("write one `=`")]
    TwoEquals,
    #[error("a value is missing; \"\" stands for none")]
    NoValue,
    #[error("every text contains the empty one: write a text to look for")]
    NothingToFind,
    #[error("`<`, `<=`, `>` and `>=` have one value")]
    OneValue,
    #[error("a value has no line breaks and other control characters")]
    Control,
    #[error("a value with = ! ~ < or > is written in quotes, such as tag=\"a=b\"")]
    Quoted,
    #[error("a quote is not closed")]
    Open,
    #[error("a backslash stands before a quote or a backslash")]
    Escape,
    #[error("a space or a comma must follow a quoted value; quotes are around the whole of it")]
    Quote,
    #[error("{field} is one of {words}")]
    Word { field: String, words: String },
    #[error("it must be a whole number and s, m, h, d or w, such as 90s or 24h, of at most 100 years")]
    Age,
    #[error("seen is never with = and !=; with <, <=, > and >= it is a time, such as seen>24h")]
    Never,
    #[error("it must be a whole number")]
    Number,
}

impl InvalidSelector {
    /// Where what is wrong is, in bytes of the text.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// What is wrong, what would be right, and where, in one line.
    pub fn in_one_line(&self) -> String {
        let wrong = shown(&self.text[self.span.clone()]);
        match wrong.as_str() {
            "" if self.span.start == self.text.len() => format!("{} (at the end)", self.why),
            "" => format!("{} (at character {})", self.why, self.column() + 1),
            wrong => {
                let short: String = wrong.chars().take(AROUND).collect();
                format!("{} (at character {}: `{short}`)", self.why, self.column() + 1)
            }
        }
    }

    /// How many characters stand before what is wrong.
    fn column(&self) -> usize {
        self.text[..self.span.start].chars().count()
    }
}

/// What is wrong and what would be right; and the text, with carets under what is wrong.
impl fmt::Display for InvalidSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, text) = (self.column(), shown(&self.text));
        let width = self.text[self.span.clone()].chars().count().clamp(1, AROUND);
        let from = column.saturating_sub(AROUND);
        let part: String = text.chars().skip(from).take(column - from + width + AROUND).collect();
        let before = if from > 0 { "…" } else { "" };
        let after = if from + part.chars().count() < text.chars().count() { "…" } else { "" };
        writeln!(f, "{}", self.why)?;
        writeln!(f, "  {before}{part}{after}")?;
        write!(f, "  {}{}", " ".repeat(before.chars().count() + column - from), "^".repeat(width))
    }
}

impl std::error::Error for InvalidSelector {}

/// Text without what a terminal would obey: each such character is replaced by one that it shows.
fn shown(text: &str) -> String {
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(obeyed, "\u{fffd}")
}

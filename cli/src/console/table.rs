//! Aligned text for people.

use std::io::IsTerminal as _;

/// How many characters a cell has at most on a terminal, so that a row with a MAC address fits 80 of them.
const CELL: usize = 12;

/// Columns that are printed a part at a time: they only ever get wider.
pub(super) struct Columns<const N: usize> {
    head: [&'static str; N],
    widths: [usize; N],
    begun: bool,
    /// How many characters a cell has at most; nothing in the first column, which is copied into other commands.
    cell: usize,
}

impl<const N: usize> Columns<N> {
    /// Columns with these heads, for standard output: nothing is left out of what goes to a file.
    pub(super) fn new(head: [&'static str; N]) -> Self {
        Self::of_cells(CELL, head)
    }

    /// Columns with this many characters in a cell at most, on a terminal.
    pub(super) fn of_cells(most: usize, head: [&'static str; N]) -> Self {
        let cell = if std::io::stdout().is_terminal() { most } else { usize::MAX };
        Self { head, widths: head.map(str::len), begun: false, cell }
    }

    /// The next rows, with the heads before the first.
    pub(super) fn rows(&mut self, rows: impl IntoIterator<Item = [String; N]>) -> String {
        let shorten = |row: [String; N]| {
            let mut column = 0;
            row.map(|text| {
                column += 1;
                if column == 1 { clean(&text) } else { short(&clean(&text), self.cell) }
            })
        };
        let mut rows: Vec<_> = rows.into_iter().map(shorten).collect();
        if !std::mem::replace(&mut self.begun, true) {
            rows.insert(0, self.head.map(str::to_owned));
        }
        for row in &rows {
            for (width, text) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(text.chars().count());
            }
        }
        let line = |row: &[String; N]| {
            let cells: Vec<_> = row.iter().zip(self.widths).map(|(text, width)| format!("{text:width$}")).collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        rows.iter().map(line).collect()
    }
}

/// Names and values, one to a line.
pub(super) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = rows.iter().map(|(name, value)| format!("{name:width$}  {}\n", clean(value))).collect();
    lines.concat()
}

/// Text from elsewhere, a line at a time: what ends a line is meant to.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| clean(line) + "\n").collect();
    lines.concat()
}

/// Text from elsewhere, without what a terminal would obey instead of showing.
pub(crate) fn clean(text: &str) -> String {
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(obeyed, "\u{fffd}")
}

/// The beginning of a text that is too long, in characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stay_aligned_from_one_part_to_the_next() {
        let mut columns = Columns::new(["NODE", "SITE", "X"]);
        columns.cell = 6;
        let row = |texts: [&str; 3]| texts.map(str::to_owned);
        let first = columns.rows([row(["sensor-with-a-long-id", "north-wing", "-"])]);
        assert_eq!(first, "NODE                   SITE    X\nsensor-with-a-long-id  north…  -\n");
        assert_eq!(columns.rows([row(["ap-1", "é\u{1b}[2J", "y"])]), "ap-1                   é\u{fffd}[2J   y\n");
        assert_eq!(columns.rows([]), "");
    }

    #[test]
    fn pairs_are_aligned() {
        assert_eq!(pairs(&[("node", "ap-1".to_owned()), ("x", "y\n".to_owned())]), "node  ap-1\nx     y\u{fffd}\n");
    }

    #[test]
    fn lines_end_where_they_are_meant_to() {
        assert_eq!(lines("one\r\ntwo\u{1b}[2J"), "one\ntwo\u{fffd}[2J\n");
        assert_eq!(lines(""), "");
    }
}

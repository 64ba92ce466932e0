//! The rows of a file in batches, read ahead of what is sent.

use std::path::Path;

use rollcall_nodefile::Row;
use rollcall_wire::console::IMPORT_NODES;
use tokio::sync::mpsc;

use super::format::FileRows;
use super::resume::Mark;
use crate::problem::Problem;

/// Some of a file's rows, and where they end.
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    /// How far an import has come that has done them.
    pub(super) line: u64,
    pub(super) end: u64,
    pub(super) sha256: String,
}

/// Reads the file, and hands out its rows in batches. The rows up to the mark are read and not handed out. With `stops`,
/// nothing is handed out behind a record that is wrong. Says whether the file may have been cut off.
pub(super) fn read(
    rows: &mut FileRows,
    until: &Mark,
    file: &Path,
    stops: bool,
    to: &mpsc::Sender<Batch>,
) -> Result<bool, Problem> {
    let named = |why: &dyn std::fmt::Display| Problem::new(format!("{}: {why}", file.display()));
    let changed = || named(&"it was changed before the line that the last import had come to: leave out --resume");
    let mut is_behind = until.end == 0;
    let mut batch = vec![];
    while let Some(row) = rows.next_row().map_err(|error| named(&error))? {
        if !is_behind {
            if row.record.end > until.end || (row.record.end == until.end && rows.hash() != until.sha256) {
                return Err(changed());
            }
            is_behind = row.record.end == until.end;
            continue;
        }
        let is_last = stops && row.node.is_err();
        batch.push(row);
        if batch.len() < IMPORT_NODES && !is_last {
            continue;
        }
        if !hand_out(rows, &mut batch, to) || is_last {
            return Ok(false);
        }
    }
    if !is_behind {
        return Err(changed());
    }
    Ok(hand_out(rows, &mut batch, to) && rows.is_cut)
}

/// Hands out these rows. `false` if nobody takes them any more.
fn hand_out(rows: &FileRows, batch: &mut Vec<Row>, to: &mpsc::Sender<Batch>) -> bool {
    let Some(last) = batch.last() else { return true };
    let (line, end, sha256) = (last.record.line, last.record.end, rows.hash());
    to.blocking_send(Batch { rows: std::mem::take(batch), line, end, sha256 }).is_ok()
}

#[cfg(test)]
mod tests {
    use rollcall_nodefile::Ids;

    use super::*;
    use crate::console::transfer::format::{Format, open};

    /// The ids of each batch, and how far the last one has come.
    fn batches(file: &Path, until: &Mark, stops: bool) -> Result<(Vec<Vec<String>>, Mark), Problem> {
        let mut rows = open(file, Format::Csv, Ids::AsTheyAre)?;
        let (send, mut receive) = mpsc::channel(100);
        read(&mut rows, until, file, stops, &send)?;
        drop(send);
        let (mut batches, mut mark) = (vec![], until.clone());
        while let Ok(Batch { rows, line, end, sha256 }) = receive.try_recv() {
            batches.push(
                rows.into_iter().map(|row| row.node.map_or_else(|bad| bad.to_string(), |node| node.node)).collect(),
            );
            mark = Mark { line, end, sha256, ..Mark::default() };
        }
        Ok((batches, mark))
    }

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    fn lengths(batches: &[Vec<String>]) -> Vec<usize> {
        batches.iter().map(Vec::len).collect()
    }

    #[test]
    fn rows_come_in_batches_and_an_import_goes_on_behind_its_mark() {
        let nodes: Vec<_> = (0..250).map(|number| format!("ap-{number}\n")).collect();
        let file = written(&format!("id\n{}", nodes.concat()));
        let (all, end) = batches(file.path(), &Mark::default(), true).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!((lengths(&all), end.line), (vec![100, 100, 50], 251));
        let first = written(&format!("id\n{}", nodes[..100].concat()));
        let (_, mark) = batches(first.path(), &Mark::default(), true).unwrap_or_else(|problem| panic!("{problem}"));
        let (rest, _) = batches(file.path(), &mark, true).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!((lengths(&rest), &*rest[0][0]), (vec![100, 50], "ap-100"));
    }

    #[test]
    fn a_file_that_was_changed_before_its_mark_is_refused() {
        let file = written("id\nap-1\nap-2\n");
        let (_, mark) = batches(file.path(), &Mark::default(), true).unwrap_or_else(|problem| panic!("{problem}"));
        for changed in ["id\nap-1\nap-3\n", "id\nap-1\nap-22\n", "id\nap-1\n", "id\n"] {
            let refused = batches(written(changed).path(), &mark, true);
            assert!(refused.is_err_and(|problem| problem.to_string().contains("it was changed")), "{changed}");
        }
    }

    #[test]
    fn nothing_is_handed_out_behind_a_record_that_is_wrong_unless_it_is_passed_over() {
        let file = written("id\nap-1\nap 2\nap-3\n");
        let read =
            |stops| batches(file.path(), &Mark::default(), stops).unwrap_or_else(|problem| panic!("{problem}")).0;
        assert_eq!((lengths(&read(true)), lengths(&read(false))), (vec![2], vec![3]));
    }
}

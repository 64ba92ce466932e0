//! What a function says about the items of a batch: `ReportBatchItemFailures`.

use std::collections::BTreeSet;

use serde::Deserialize;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// Every item was processed.
    Done,
    /// Only these items failed.
    Failed(BTreeSet<String>),
    /// The whole batch failed.
    AllFailed,
}

impl Report {
    /// Reads the answer of a function to a batch with items of these ids (AWS Lambda Developer Guide, "Success and
    /// failure conditions"): an answer without failures is a success, and an answer that can't be understood is a
    /// failure of the whole batch.
    pub(crate) fn read<'a>(answer: &[u8], ids: impl IntoIterator<Item = &'a str>) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            batch_item_failures: Option<Vec<Failure>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Failure {
            item_identifier: Option<String>,
        }
        let is_empty = answer.iter().all(u8::is_ascii_whitespace);
        let failures = match serde_json::from_slice::<Option<Answer>>(answer) {
            Ok(answer) => answer.and_then(|answer| answer.batch_item_failures).unwrap_or_default(),
            Err(_) if is_empty => return Self::Done,
            // A function that does not report may answer with anything that is no report.
            Err(_) if !has_key(answer) => return Self::Done,
            Err(_) => return Self::AllFailed,
        };
        if failures.is_empty() {
            return Self::Done;
        }
        let known: BTreeSet<&str> = ids.into_iter().collect();
        let failed = failures.into_iter().map(|failure| failure.item_identifier.unwrap_or_default());
        let failed: BTreeSet<String> = failed.collect();
        if failed.iter().all(|id| known.contains(id.as_str())) { Self::Failed(failed) } else { Self::AllFailed }
    }
}

fn has_key(answer: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(answer).is_ok_and(|answer| answer.get("batchItemFailures").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_what_failed_and_one_that_names_nothing_known_fails_the_batch() {
        let read = |answer: &str| Report::read(answer.as_bytes(), ["a", "b"]);
        for done in
            ["", "null", "{}", r#"{"batchItemFailures": []}"#, r#"{"batchItemFailures": null}"#, r#""text""#, "1"]
        {
            assert_eq!(read(done), Report::Done, "{done}");
        }
        let failed = read(r#"{"batchItemFailures": [{"itemIdentifier": "b"}]}"#);
        assert_eq!(failed, Report::Failed(BTreeSet::from(["b".to_owned()])));
        for wrong in [
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"id": "a"}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "c"}]}"#,
            r#"{"batchItemFailures": 1}"#,
        ] {
            assert_eq!(read(wrong), Report::AllFailed, "{wrong}");
        }
    }
}

//! The streams of the embedded DynamoDB: an index that keeps writes fast, an end to old records, and their readers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dynoxide::Database;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::streams::{self, shard_id};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rollcall_aws::{LOCAL_REGION, now};
use rollcall_sources::{Record, Records, RecordsError, Stream};
use rusqlite::{Connection, params};
use serde_json::Value;

/// How long a record is kept ("Change data capture for DynamoDB Streams": 24 hours).
const KEEP: Duration = Duration::from_hours(24);
/// How many records are kept at most, unlike on AWS: about 200 MB of nodes, since they may be in memory.
const MOST: u32 = 100_000;
/// How often records are trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(10);
/// How many records are trimmed at a time. Writes wait meanwhile.
const AT_ONCE: u32 = 500;

/// The engine asks for the last record of a table before each write. Without this index, it reads all of them.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS rollcall_stream_records
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";
/// Deletes some of the oldest records, if they are too old or too many. Records are numbered in the order of their age.
const TRIM: &str = "DELETE FROM _stream_records WHERE id <= (
    SELECT MAX(id) FROM (SELECT id, created_at FROM _stream_records ORDER BY id LIMIT ?3)
    WHERE created_at < ?1 OR id <= (SELECT MAX(id) FROM _stream_records) - ?2)";

/// A second connection to the file of an engine.
#[derive(Debug)]
pub(crate) struct Keeper(Connection);

impl Keeper {
    /// Adds the index to the file of an engine that is open.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(file)?;
        connection.execute_batch(INDEX)?;
        Ok(Self(connection))
    }

    /// Trims records now and then. Never returns.
    pub(crate) async fn trim(mut self) {
        let mut every = tokio::time::interval(TRIM_EVERY);
        loop {
            every.tick().await;
            let horizon = (now().0 / 1000).saturating_sub(KEEP.as_secs());
            let trimming = tokio::task::spawn_blocking(move || {
                let trimmed = self.trim_before(horizon, MOST);
                (self, trimmed)
            });
            let Ok((keeper, trimmed)) = trimming.await else { return std::future::pending().await };
            self = keeper;
            if let Err(error) = trimmed {
                tracing::warn!(error = &error as &dyn std::error::Error, "old records of streams are not deleted");
            }
        }
    }

    /// Trims the records that were written before this time, in seconds since 1970, and all but the newest `most`.
    fn trim_before(&self, horizon: u64, most: u32) -> rusqlite::Result<()> {
        while self.0.prepare_cached(TRIM)?.execute(params![horizon, most, AT_ONCE])? > 0 {}
        Ok(())
    }
}

/// The records of a table.
pub(crate) struct TableRecords {
    database: Database,
    shard: String,
    /// The ARN of the stream, as the engine names it.
    arn: String,
}

impl TableRecords {
    /// The stream of a table, if it has one.
    pub(crate) fn stream(database: &Database, table: &str) -> Option<Stream> {
        let table = database.describe_table(DescribeTableRequest { table_name: table.to_owned() }).ok()?.table;
        let (arn, shard) = (table.latest_stream_arn?, shard_id(&table.table_name));
        let shown = arn.replacen(&format!(":{}:", streams::LOCAL_REGION), &format!(":{LOCAL_REGION}:"), 1);
        let records = Arc::new(Self { database: database.clone(), shard: shard.clone(), arn });
        Some(Stream { arn: shown, shard, records })
    }
}

impl Records for TableRecords {
    fn after(&self, sequence: Option<&str>, limit: usize) -> BoxFuture<'static, Result<Vec<Record>, RecordsError>> {
        let kind = if sequence.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" };
        let database = self.database.clone();
        let from = GetShardIteratorRequest {
            stream_arn: self.arn.clone(),
            shard_id: self.shard.clone(),
            shard_iterator_type: kind.to_owned(),
            sequence_number: sequence.map(str::to_owned),
        };
        let reading = tokio::task::spawn_blocking(move || {
            let failed = |error: dynoxide::DynoxideError| RecordsError(error.to_string());
            let shard_iterator = database.get_shard_iterator(from).map_err(failed)?.shard_iterator.unwrap_or_default();
            let read =
                database.get_records(GetRecordsRequest { shard_iterator, limit: Some(limit) }).map_err(failed)?;
            read.records.into_iter().map(record).collect()
        });
        reading.map(|read| read.unwrap_or_else(|error| Err(RecordsError(error.to_string())))).boxed()
    }
}

/// A record of the engine as AWS would write it.
fn record(record: dynoxide::actions::get_records::Record) -> Result<Record, RecordsError> {
    let mut json = serde_json::to_value(&record).map_err(|error| RecordsError(error.to_string()))?;
    json["awsRegion"] = Value::String(LOCAL_REGION.to_owned());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since 1970")]
    let created = record.dynamodb.approximate_creation_date_time as u64 * 1000;
    Ok(Record { sequence: record.dynamodb.sequence_number, created, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(connection: &Connection) -> (u32, u32) {
        let sql = "SELECT COUNT(*), MIN(id) FROM _stream_records";
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[test]
    fn the_engine_finds_the_last_record_and_the_next_ones_with_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine");
        let _engine = Database::new(&file.to_string_lossy()).unwrap();
        let keeper = Keeper::open(&file).unwrap();
        // The queries of dynoxide 3.2.0: `next_stream_sequence_number` and `stream_records_with_event_ids`.
        for query in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 't'",
            "SELECT keys_json FROM _stream_records WHERE table_name = 't' AND shard_id = 's'
                AND CAST(sequence_number AS INTEGER) > 5 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 4",
        ] {
            let mut plan = keeper.0.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let steps = plan.query_map([], |row| row.get::<_, String>("detail")).unwrap();
            let steps: Vec<_> = steps.map(Result::unwrap).collect();
            assert!(matches!(&*steps, [step] if step.contains("rollcall_stream_records")), "{steps:?}");
        }
    }

    #[test]
    #[ignore = "a measurement, not a test: how long an update takes when the stream has many records"]
    #[allow(clippy::print_stdout)]
    fn time_of_an_update() {
        for (records, indexed, streamed) in
            [(0, false, false), (0, false, true), (50_000, false, true), (50_000, true, true)]
        {
            let folder = tempfile::tempdir_in("/dev/shm").unwrap();
            let file = folder.path().join("engine");
            let engine = Database::new(&file.to_string_lossy()).unwrap();
            let mut table = serde_json::json!({
                "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            });
            if streamed {
                table["StreamSpecification"] =
                    serde_json::json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
            }
            engine.create_table(serde_json::from_value(table).unwrap()).unwrap();
            let mut other = Connection::open(&file).unwrap();
            let filling = other.transaction().unwrap();
            for number in 0..records {
                let sql = "INSERT INTO _stream_records
                    (table_name, event_name, keys_json, new_image, sequence_number, shard_id, created_at)
                    VALUES ('table', 'MODIFY', '{}', ?2, ?1, 's', ?1)";
                filling.prepare_cached(sql).unwrap().execute(params![number, "x".repeat(1500)]).unwrap();
            }
            filling.commit().unwrap();
            let _keeper = indexed.then(|| Keeper::open(&file).unwrap());
            let mut before = std::time::Instant::now();
            for count in 0..220 {
                if count == 20 {
                    // The first update moves the whole log into the file.
                    before = std::time::Instant::now();
                }
                let update = serde_json::json!({
                    "TableName": "table", "Key": {"pk": {"S": (count % 10).to_string()}}, "UpdateExpression": "SET n = :n",
                    "ExpressionAttributeValues": {":n": {"N": count.to_string()}},
                });
                engine.update_item(serde_json::from_value(update).unwrap()).unwrap();
            }
            let each = before.elapsed() / 200;
            println!("stream {streamed}, {records} records before, index {indexed}: {each:?} an update");
        }
    }

    #[test]
    fn records_are_trimmed_that_are_too_old_or_too_many_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine");
        let _engine = Database::new(&file.to_string_lossy()).unwrap();
        let keeper = Keeper::open(&file).unwrap();
        let sql =
            "INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
            VALUES ('table', 'INSERT', '{}', ?1, 'shard', ?1)";
        for time in 1..=1500 {
            keeper.0.execute(sql, [time]).unwrap();
        }
        keeper.trim_before(1, 2000).unwrap();
        assert_eq!(count(&keeper.0), (1500, 1));
        keeper.trim_before(1201, 2000).unwrap();
        assert_eq!(count(&keeper.0), (300, 1201));
        keeper.trim_before(0, 10).unwrap();
        assert_eq!(count(&keeper.0), (10, 1491));
    }
}

//! The form of the database, and how an older one is brought up to date.

use rusqlite::Connection;

use super::StoreError;

/// Marks the file as ours (`PRAGMA application_id`): "PtsM".
const APPLICATION_ID: i32 = 0x5074_734d;

/// What brings a database from each version to the next; version 0 is an empty file. The version is kept in
/// `PRAGMA user_version`.
///
/// `decision` is a [`Record`](crate::Record) as JSON without `answered` and `feedback`, which come later and have columns
/// of their own. `request` is a [`NamedRecord`](crate::NamedRecord) as JSON. The views are for people and their tools.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE records (
        id          TEXT    NOT NULL UNIQUE,
        time_us     INTEGER NOT NULL,
        decision    TEXT    NOT NULL,
        answered    TEXT,
        score       REAL,
        score_us    INTEGER
    ) STRICT;
    CREATE INDEX records_by_time ON records (time_us);
    CREATE VIEW decisions AS SELECT
        id,
        datetime(time_us / 1000000, 'unixepoch') AS time_utc,
        decision ->> '$.endpoint'                AS endpoint,
        decision ->> '$.table'                   AS table_name,
        decision ->> '$.labels.task'             AS task,
        decision ->> '$.labels.band'             AS band,
        decision ->> '$.labels.task_confidence'  AS confidence,
        decision ->> '$.decision.rule'           AS rule,
        decision ->> '$.decision.reason.kind'    AS reason,
        decision ->> '$.decision.model'          AS model,
        decision ->> '$.decision.target'         AS target,
        answered ->> '$.end'                     AS reply_end,
        answered ->> '$.usage.input'             AS input_tokens,
        answered ->> '$.usage.output'            AS output_tokens,
        answered ->> '$.cost'                    AS cost_usd,
        answered ->> '$.total_us'                AS total_us,
        score
    FROM records;
",
    "
    DROP VIEW decisions;
    CREATE VIEW decisions AS SELECT
        id,
        datetime(time_us / 1000000, 'unixepoch') AS time_utc,
        decision ->> '$.endpoint'                AS endpoint,
        decision ->> '$.key'                     AS key,
        decision ->> '$.table'                   AS table_name,
        decision ->> '$.labels.task'             AS task,
        decision ->> '$.labels.band'             AS band,
        decision ->> '$.labels.task_confidence'  AS confidence,
        decision ->> '$.decision.rule'           AS rule,
        decision ->> '$.decision.reason.kind'    AS reason,
        decision ->> '$.decision.model'          AS model,
        decision ->> '$.decision.target'         AS target,
        answered ->> '$.end'                     AS reply_end,
        answered ->> '$.usage.input'             AS input_tokens,
        answered ->> '$.usage.output'            AS output_tokens,
        answered ->> '$.cost'                    AS cost_usd,
        answered ->> '$.total_us'                AS total_us,
        score
    FROM records;
",
    "
    CREATE TABLE named (
        id          TEXT    NOT NULL UNIQUE,
        time_us     INTEGER NOT NULL,
        request     TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX named_by_time ON named (time_us);
    CREATE VIEW requests AS SELECT * FROM decisions UNION ALL SELECT
        id,
        datetime(time_us / 1000000, 'unixepoch') AS time_utc,
        request ->> '$.endpoint'                 AS endpoint,
        request ->> '$.key'                      AS key,
        NULL                                     AS table_name,
        NULL                                     AS task,
        NULL                                     AS band,
        NULL                                     AS confidence,
        request ->> '$.rule'                     AS rule,
        NULL                                     AS reason,
        request ->> '$.model'                    AS model,
        request ->> '$.target'                   AS target,
        request ->> '$.answered.end'             AS reply_end,
        request ->> '$.answered.usage.input'     AS input_tokens,
        request ->> '$.answered.usage.output'    AS output_tokens,
        request ->> '$.answered.cost'            AS cost_usd,
        request ->> '$.answered.total_us'        AS total_us,
        NULL                                     AS score
    FROM named;
",
];

/// The first form that has requests which named their model.
pub(super) const WITH_NAMED: i32 = 3;

/// Version of the form that this program writes.
#[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "a handful of versions")]
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// The version of a database of ours; 0 for an empty file.
pub(super) fn version(connection: &Connection) -> Result<i32, StoreError> {
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (version, application) {
        (0, 0) if tables == 0 => Ok(0),
        (1..=VERSION, APPLICATION_ID) => Ok(version),
        (_, APPLICATION_ID) => Err(StoreError::Newer { version }),
        _ => Err(StoreError::Foreign),
    }
}

/// Brings the database to [`VERSION`], all at once or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let from = usize::try_from(version(&transaction)?).unwrap_or(0);
    for migration in &MIGRATIONS[from..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

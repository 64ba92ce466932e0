//! The command's edge to the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_core::Timestamp;
use time::OffsetDateTime;
use time::macros::format_description;

/// Now.
#[expect(clippy::disallowed_methods, reason = "this is the command's edge")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// An instant in UTC, to the second: `2026-03-01 12:00:00`.
pub(crate) fn utc(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    i64::try_from(at.0 / 1000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| "?".to_owned())
}

/// How long ago, roughly: `42s`, `5m`, `3h`, `12d`.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    lasting(now.seconds_since(at))
}

/// A time in seconds, roughly: `42s`, `5m`, `3h`, `12d`.
pub(crate) fn lasting(seconds: u64) -> String {
    match seconds {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_readable() {
        assert_eq!(utc(Timestamp(1_707_503_008_941)), "2024-02-09 18:23:28");
        let ago = |seconds: u64| ago(Timestamp(0), Timestamp(seconds * 1000));
        assert_eq!([ago(5), ago(125), ago(7_200), ago(864_000)], ["5s", "2m", "2h", "10d"]);
    }
}

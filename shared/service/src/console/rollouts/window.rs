//! When a rollout may tell nodes.

use jiff::Timestamp as Instant;
use jiff::civil::{Time, Weekday as Day};
use jiff::tz::TimeZone;
use rollcall_core::Timestamp;
use rollcall_wire::console::{RolloutWindow, Weekday};

/// A window of time, on some days of the week.
#[derive(Clone, Debug)]
pub(super) struct Window {
    days: Vec<Day>,
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// Why a window is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidWindow {
    #[error("{0}: it must be a time of the day, such as 22:00")]
    Time(&'static str),
    #[error("it never opens: from and to are the same")]
    Empty,
    #[error("days: it never opens, as there is no day")]
    NoDay,
    #[error("timezone: {0:?} is no time zone of the IANA database, such as Europe/Berlin")]
    Zone(String),
}

impl Window {
    pub(super) fn read(window: &RolloutWindow) -> Result<Self, InvalidWindow> {
        let (from, to) = (time("from", &window.from)?, time("to", &window.to)?);
        if from == to {
            return Err(InvalidWindow::Empty);
        }
        let days = match &window.days {
            Some(days) if days.is_empty() => return Err(InvalidWindow::NoDay),
            Some(days) => days.iter().map(|day| self::day(*day)).collect(),
            None => {
                vec![Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday]
            }
        };
        let name = window.timezone.as_deref().unwrap_or("UTC");
        let shown = || name.chars().take(64).collect();
        let zone = TimeZone::get(name).map_err(|_| InvalidWindow::Zone(shown()))?;
        Ok(Self { days, from, to, zone })
    }

    /// Whether it is open. A window that closes on the next day belongs to the day on which it opens.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        let instant = i64::try_from(now.0).ok().and_then(|ms| Instant::from_millisecond(ms).ok());
        let Some(local) = instant.map(|instant| self.zone.to_datetime(instant)) else { return false };
        let (day, time) = (local.date().weekday(), local.time());
        let opens_on = |day| self.days.contains(&day);
        if self.from < self.to {
            return opens_on(day) && self.from <= time && time < self.to;
        }
        (opens_on(day) && self.from <= time) || (opens_on(day.previous()) && time < self.to)
    }
}

fn time(field: &'static str, text: &str) -> Result<Time, InvalidWindow> {
    let wrong = || InvalidWindow::Time(field);
    let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5).ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<i8>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(wrong)?;
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

fn day(day: Weekday) -> Day {
    match day {
        Weekday::Mon => Day::Monday,
        Weekday::Tue => Day::Tuesday,
        Weekday::Wed => Day::Wednesday,
        Weekday::Thu => Day::Thursday,
        Weekday::Fri => Day::Friday,
        Weekday::Sat => Day::Saturday,
        Weekday::Sun => Day::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: Option<Vec<Weekday>>, from: &str, to: &str, zone: &str) -> Result<Window, InvalidWindow> {
        let (from, to, timezone) = (from.to_owned(), to.to_owned(), Some(zone.to_owned()));
        Window::read(&RolloutWindow { days, from, to, timezone })
    }

    fn is_open(window: &Window, at: &str) -> bool {
        let instant: Instant = at.parse().expect("an instant");
        window.is_open(Timestamp(instant.as_millisecond().try_into().expect("after 1970")))
    }

    #[test]
    fn a_window_that_closes_on_the_next_day_belongs_to_the_day_on_which_it_opens() {
        let night = window(Some(vec![Weekday::Fri]), "22:00", "05:00", "UTC").expect("a window");
        // 2026-03-06 is a Friday.
        for (at, open) in [
            ("2026-03-06T21:59:59Z", false),
            ("2026-03-06T22:00:00Z", true),
            ("2026-03-07T04:59:59Z", true),
            ("2026-03-07T05:00:00Z", false),
            ("2026-03-07T22:30:00Z", false),
            ("2026-03-06T04:00:00Z", false),
        ] {
            assert_eq!(is_open(&night, at), open, "{at}");
        }
    }

    #[test]
    fn a_window_is_in_its_time_zone_summer_or_winter() {
        let noon = window(None, "12:00", "13:00", "Europe/Berlin").expect("a window");
        assert!(is_open(&noon, "2026-01-15T11:30:00Z") && !is_open(&noon, "2026-01-15T10:30:00Z"));
        assert!(is_open(&noon, "2026-07-15T10:30:00Z") && !is_open(&noon, "2026-07-15T11:30:00Z"));
    }

    #[test]
    fn a_window_that_never_opens_or_can_t_be_understood_is_refused() {
        assert_eq!(window(None, "12:00", "12:00", "UTC").err(), Some(InvalidWindow::Empty));
        assert_eq!(window(Some(vec![]), "12:00", "13:00", "UTC").err(), Some(InvalidWindow::NoDay));
        for from in ["24:00", "12:60", "9:00", "+9:00", "12-00", ""] {
            assert_eq!(window(None, from, "13:00", "UTC").err(), Some(InvalidWindow::Time("from")), "{from}");
        }
        assert!(matches!(window(None, "12:00", "13:00", "Mars/Base").err(), Some(InvalidWindow::Zone(_))));
    }
}

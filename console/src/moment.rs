//! Times in people's words, and how they are written back. Now and the time zone are arguments.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use traf_model::Timestamp;
use traf_model::time::length;

/// A text that names no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// Not understood.
    #[error("`{0}` is no time: write -2h, 14:00, yesterday 14:00, monday 05:20 or 2026-11-22 05:20")]
    Words(String),
    /// Not yet.
    #[error("{0} has not come yet")]
    Future(String),
}

/// Reads a moment: `now`, `-2h`, `-1d12h`, `90s ago`, `14:00`, `yesterday 14:00`, `monday 05:20`, `2026-11-22 05:20`,
/// RFC 3339. A clock time that is still to come today means yesterday's.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, MomentError> {
    let wrong = || MomentError::Words(crate::text::clean(text).chars().take(80).collect());
    let words = text.trim().to_lowercase();
    let here = zoned(now, zone).ok_or_else(wrong)?;
    let civil = || {
        let zoned = zone.to_zoned(civil(&words, &here)?).ok()?;
        i64::try_from(zoned.timestamp().as_nanosecond()).ok().map(Timestamp)
    };
    let at = relative(&words, now).or_else(|| text.trim().parse().ok()).or_else(civil);
    let at = at.ok_or_else(wrong)?;
    if at > now { Err(MomentError::Future(show(at, now, zone))) } else { Ok(at) }
}

/// A moment as short as it is clear seen from `now`: `14:02:31`, with the date on any other day.
pub fn show(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (Some(at), Some(now)) = (zoned(at, zone), zoned(now, zone)) else { return format!("{} ns", at.0) };
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    at.strftime(form).to_string()
}

/// Date and time, always both.
pub fn show_full(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| format!("{} ns", at.0), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    Some(jiff::Timestamp::from_nanosecond(i128::from(at.0)).ok()?.to_zoned(zone.clone()))
}

fn relative(words: &str, now: Timestamp) -> Option<Timestamp> {
    if words == "now" {
        return Some(now);
    }
    let back = length(words.strip_prefix('-').or_else(|| words.strip_suffix("ago"))?)?;
    Some(Timestamp(now.0.saturating_sub(i64::try_from(back.as_nanos()).ok()?)))
}

fn civil(words: &str, here: &Zoned) -> Option<DateTime> {
    let words = words.replace('t', if words.starts_with(|c: char| c.is_ascii_digit()) { " " } else { "t" });
    let parts: Vec<&str> = words.split_whitespace().collect();
    match (&parts[..], clock(parts.first()?)) {
        ([_], Some(clock)) => {
            let today = here.date().to_datetime(clock);
            let still_to_come = today > here.datetime();
            if still_to_come { today.checked_sub(SignedDuration::from_hours(24)).ok() } else { Some(today) }
        }
        ([date], None) => Some(day(date, here.date())?.to_datetime(Time::midnight())),
        ([date, time], None) => Some(day(date, here.date())?.to_datetime(clock(time)?)),
        _ => None,
    }
}

/// `5:20`, `05:20:30`.
fn clock(word: &str) -> Option<Time> {
    ["%H:%M", "%H:%M:%S"].into_iter().find_map(|form| Time::strptime(form, word).ok())
}

/// `today`, `yesterday`, a weekday (the last one that has begun), `2026-11-22`, `11-22`.
fn day(word: &str, today: Date) -> Option<Date> {
    match word {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        _ => {}
    }
    let mut days = (1..=7).filter_map(|back| today.checked_sub(SignedDuration::from_hours(24 * back)).ok());
    let called = |date: &Date| date.strftime("%A").to_string().to_lowercase().starts_with(word);
    let weekday = if word.len() >= 3 { days.find(called) } else { None };
    let date = |text: &str| Date::strptime("%Y-%m-%d", text).ok();
    weekday.or_else(|| date(word)).or_else(|| date(&format!("{}-{word}", today.year())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T14:02:31Z".parse().unwrap()
    }

    fn read(text: &str) -> String {
        parse(text, now(), &TimeZone::UTC).map_or_else(|error| error.to_string(), |at| show_full(at, &TimeZone::UTC))
    }

    #[test]
    fn times_in_peoples_words_are_understood() {
        for (words, at) in [
            ("now", "2026-11-22 14:02:31"),
            ("-2h", "2026-11-22 12:02:31"),
            ("-1d12h", "2026-11-21 02:02:31"),
            ("90s ago", "2026-11-22 14:01:01"),
            ("5 min ago", "2026-11-22 13:57:31"),
            ("05:20", "2026-11-22 05:20:00"),
            ("23:00", "2026-11-21 23:00:00"),
            ("yesterday 14:00", "2026-11-21 14:00:00"),
            ("Yesterday", "2026-11-21 00:00:00"),
            ("today 5:20:07", "2026-11-22 05:20:07"),
            ("monday 05:20", "2026-11-16 05:20:00"),
            ("sun 05:20", "2026-11-15 05:20:00"),
            ("thurs 5:20", "2026-11-19 05:20:00"),
            ("2026-1-5 5:20", "2026-01-05 05:20:00"),
            ("2026-11-20 05:20", "2026-11-20 05:20:00"),
            ("2026-11-20T05:20", "2026-11-20 05:20:00"),
            ("11-20 05:20", "2026-11-20 05:20:00"),
            ("2026-11-22T12:00:00+02:00", "2026-11-22 10:00:00"),
        ] {
            assert_eq!(read(words), at, "{words}");
        }
    }

    #[test]
    fn what_is_no_time_or_has_not_come_is_told() {
        for words in
            ["", "soon", "25:00", "yesterday 14", "-2x", "-", "2026-13-01", "14:00 yesterday", "9999999999h ago"]
        {
            assert!(read(words).contains("is no time"), "{words}: {}", read(words));
        }
        assert_eq!(read("2026-11-23"), "2026-11-23 00:00:00 has not come yet");
        assert_eq!(read("today 15:00"), "15:00:00 has not come yet");
    }

    #[test]
    fn the_zone_of_the_reader_counts() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let at = parse("yesterday 14:00", now(), &zone).unwrap();
        assert_eq!(at.to_string(), "2026-11-21T12:00:00.000000000Z");
        assert_eq!(show(at, now(), &zone), "2026-11-21 14:00:00");
        assert_eq!(show(now(), now(), &zone), "16:02:31");
    }
}

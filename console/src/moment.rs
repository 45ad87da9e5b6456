//! Times in people's words, and how they are written back. Now and the time zone are arguments.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use traf_model::Timestamp;

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
    let at = relative(&words, now).or_else(|| absolute(text.trim())).or_else(|| {
        let civil = civil(&words, &here)?;
        let zoned = zone.to_zoned(civil).ok()?;
        Some(timestamp(&zoned))
    });
    let at = at.ok_or_else(wrong)?;
    if at > now { Err(MomentError::Future(show(at, now, zone))) } else { Ok(at) }
}

/// Reads a length of time: `90s`, `5m`, `1h30m`, `2d`; a bare number is seconds.
pub fn length(text: &str) -> Option<i64> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (mut nanos, mut digits, mut unit) = (0i64, String::new(), String::new());
    let mut add = |digits: &mut String, unit: &mut String| -> Option<()> {
        let scale = match unit.as_str() {
            "ms" => 1_000_000,
            "" | "s" | "sec" | "second" | "seconds" => 1_000_000_000,
            "m" | "min" | "minute" | "minutes" => 60_000_000_000,
            "h" | "hour" | "hours" => 3_600_000_000_000,
            "d" | "day" | "days" => 86_400_000_000_000,
            "w" | "week" | "weeks" => 7 * 86_400_000_000_000,
            _ => return None,
        };
        nanos = digits.parse::<i64>().ok()?.checked_mul(scale)?.checked_add(nanos)?;
        digits.clear();
        unit.clear();
        Some(())
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            if !unit.is_empty() {
                add(&mut digits, &mut unit)?;
            }
            digits.push(c);
        } else {
            unit.push(c.to_ascii_lowercase());
        }
    }
    add(&mut digits, &mut unit)?;
    Some(nanos)
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

fn timestamp(at: &Zoned) -> Timestamp {
    Timestamp(i64::try_from(at.timestamp().as_nanosecond()).unwrap_or(i64::MAX))
}

fn relative(words: &str, now: Timestamp) -> Option<Timestamp> {
    if words == "now" {
        return Some(now);
    }
    let back = words.strip_prefix('-').or_else(|| words.strip_suffix("ago"))?;
    Some(Timestamp(now.0.saturating_sub(length(back)?)))
}

fn absolute(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn civil(words: &str, here: &Zoned) -> Option<DateTime> {
    let words = words.replace('t', if words.starts_with(|c: char| c.is_ascii_digit()) { " " } else { "t" });
    let mut parts = words.split_whitespace();
    let (first, second) = (parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    if let Some(clock) = clock(first) {
        if second.is_some() {
            return None;
        }
        let today = here.date().to_datetime(clock);
        let still_to_come = today > here.datetime();
        return if still_to_come { today.checked_sub(SignedDuration::from_hours(24)).ok() } else { Some(today) };
    }
    let date = day(first, here.date())?;
    let clock = second.map_or(Some(Time::midnight()), clock)?;
    Some(date.to_datetime(clock))
}

/// `5:20`, `05:20:30`.
fn clock(word: &str) -> Option<Time> {
    let numbers: Vec<i8> = word.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match numbers[..] {
        [hour, minute] => Time::new(hour, minute, 0, 0).ok(),
        [hour, minute, second] => Time::new(hour, minute, second, 0).ok(),
        _ => None,
    }
}

/// `today`, `yesterday`, a weekday (the last one that has begun), `2026-11-22`, `11-22`.
fn day(word: &str, today: Date) -> Option<Date> {
    match word {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        _ => {}
    }
    if let Some(weekday) = weekday(word) {
        return (1..=7).find_map(|back| {
            let date = today.checked_sub(SignedDuration::from_hours(24 * back)).ok()?;
            (date.weekday() == weekday).then_some(date)
        });
    }
    let numbers: Vec<i16> = word.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let small = |number: i16| i8::try_from(number).ok();
    match numbers[..] {
        [month, day] => Date::new(today.year(), small(month)?, small(day)?).ok(),
        [year, month, day] => Date::new(year, small(month)?, small(day)?).ok(),
        _ => None,
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    NAMES.iter().find(|(name, _)| word.len() >= 3 && name.starts_with(word)).map(|(_, weekday)| *weekday)
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

    #[test]
    fn lengths_add_up() {
        assert_eq!(
            [length("1h30m"), length("90"), length("2d"), length("1h x"), length("")],
            [Some(5_400_000_000_000), Some(90_000_000_000), Some(172_800_000_000_000), None, None]
        );
    }
}

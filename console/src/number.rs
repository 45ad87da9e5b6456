//! Numbers as IPTraf writes them: counts exact up to eight digits, then k, M, G, T; rates in bits (or octets) a second.

use serde::{Deserialize, Serialize};

/// In what rates are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Units {
    /// kbit/s, Mbit/s: thousands.
    #[default]
    Bits,
    /// kB/s, MB/s: thousands.
    Bytes,
}

/// From here on a count is not exact any more.
const EXACT: u64 = 100_000_000;

/// `12,345,678`, then `100,000k`: never more than ten characters below 10^20, and never rounded up.
pub fn count(count: u64) -> String {
    let (rest, suffix) = scaled(count);
    format!("{}{suffix}", grouped(rest))
}

fn scaled(count: u64) -> (u64, &'static str) {
    let (mut rest, mut suffix) = (count, "");
    for next in ["k", "M", "G", "T"] {
        if rest < EXACT {
            break;
        }
        (rest, suffix) = (rest / 1000, next);
    }
    (rest, suffix)
}

/// With a comma after every third digit.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// Octets a second as a rate: `18.2 Mbit/s`.
pub fn rate(octets: u64, units: Units) -> String {
    let (value, names) = match units {
        Units::Bits => (u128::from(octets) * 8, ["kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]),
        Units::Bytes => (u128::from(octets), ["kB/s", "MB/s", "GB/s", "TB/s"]),
    };
    // Two digits after the point only where one would hide a trickle.
    if (1..1_000).contains(&value) {
        return format!("0.{:02} {}", (value / 10).max(1), names[0]);
    }
    thousands(value, &names)
}

/// With one digit after the point, in the largest unit of which there is a whole one.
fn thousands(value: u128, names: &[&str]) -> String {
    let (mut scale, mut place) = (1_000, 0);
    while value / scale >= 1_000 && place + 1 < names.len() {
        (scale, place) = (scale * 1_000, place + 1);
    }
    let tenths = value * 10 / scale;
    format!("{}.{} {}", tenths / 10, tenths % 10, names[place])
}

/// The same in at most six characters, for narrow columns whose title has the unit: `18.2M`, `0.22k`.
pub fn short_rate(octets: u64, units: Units) -> String {
    let whole = rate(octets, units);
    whole.split_once(' ').map_or_else(|| whole.clone(), |(number, unit)| format!("{number}{}", &unit[..1]))
}

/// The unit of a short rate.
pub const fn rate_unit(units: Units) -> &'static str {
    match units {
        Units::Bits => "bit/s",
        Units::Bytes => "B/s",
    }
}

/// A count as IPTraf writes it, in at most eight characters: `12345678`, then `100000k`.
pub fn plain(count: u64) -> String {
    let (rest, suffix) = scaled(count);
    format!("{rest}{suffix}")
}

/// Octets on a disk: `1.5 MB`.
pub fn size(octets: u64) -> String {
    if octets < 1_000 {
        return format!("{octets} B");
    }
    thousands(octets.into(), &["kB", "MB", "GB", "TB", "PB", "EB"])
}

/// Elapsed time as IPTraf has it, with seconds: `0:12:31`, `3d 04:00:00`.
pub fn elapsed(nanos: i64) -> String {
    let seconds = nanos.max(0) / 1_000_000_000;
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match days {
        0 => format!("{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{days}d {hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// A short length of time in its two largest units: `4 s`, `2 min 5 s`, `3 d 4 h`; below a second in `ms`.
pub fn span(nanos: i64) -> String {
    let nanos = nanos.unsigned_abs();
    if nanos < 1_000_000_000 {
        return format!("{} ms", nanos / 1_000_000);
    }
    let seconds = nanos / 1_000_000_000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts.iter().skip(first).take(2).filter(|(count, _)| *count > 0);
    shown.map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

/// The same in its largest unit only: `2 min`, for narrow columns.
pub fn short_span(nanos: i64) -> String {
    let whole = span(nanos);
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// `1 flow`, `2 flows`.
pub fn plural(count: u64, one: &str, several: &str) -> String {
    format!("{} {}", self::count(count), if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_up_to_eight_digits_and_then_named() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (99_999_999, "99,999,999"),
            (100_000_000, "100,000k"),
            (99_999_999_999, "99,999,999k"),
            (100_000_000_000, "100,000M"),
            (u64::MAX, "18,446,744T"),
        ] {
            assert_eq!(count(number), text);
            assert_eq!(plain(number), text.replace(',', ""));
        }
    }

    #[test]
    fn rates_are_bits_unless_octets_are_asked_for() {
        for (octets, bits, bytes) in [
            (0, "0.0 kbit/s", "0.0 kB/s"),
            (1, "0.01 kbit/s", "0.01 kB/s"),
            (28, "0.22 kbit/s", "0.02 kB/s"),
            (125, "1.0 kbit/s", "0.12 kB/s"),
            (124_999, "999.9 kbit/s", "124.9 kB/s"),
            (2_275_000, "18.2 Mbit/s", "2.2 MB/s"),
            (125_000_000, "1.0 Gbit/s", "125.0 MB/s"),
            (u64::MAX, "147573952.5 Tbit/s", "18446744.0 TB/s"),
        ] {
            assert_eq!((rate(octets, Units::Bits), rate(octets, Units::Bytes)), (bits.to_owned(), bytes.to_owned()));
            assert_eq!(short_rate(octets, Units::Bits), bits.replace([' ', 'b', 'i', 't', '/', 's'], ""));
        }
    }

    #[test]
    fn lengths_of_time_read_as_people_say_them() {
        const S: i64 = 1_000_000_000;
        assert_eq!(elapsed(751 * S), "0:12:31");
        assert_eq!(elapsed(3 * 86_400 * S + 4 * 3_600 * S), "3d 04:00:00");
        assert_eq!(elapsed(-1), "0:00:00");
        assert_eq!(
            [0, 12, 125, 3_600, 3 * 86_400 + 14_400].map(|s| span(s * S)),
            ["0 ms", "12 s", "2 min 5 s", "1 h", "3 d 4 h"]
        );
        assert_eq!(span(-7_500_000), "7 ms");
        assert_eq!([512, 1_500, 2_000_000_000].map(size), ["512 B", "1.5 kB", "2.0 GB"]);
        assert_eq!([plural(1, "flow", "flows"), plural(2, "flow", "flows")], ["1 flow", "2 flows"]);
    }
}

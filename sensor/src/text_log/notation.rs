//! Times and rates in IPTraf's notation.

use jiff::tz::TimeZone;
use traf_model::Timestamp;
use traf_model::time::SECOND;

/// `Sun Nov 22 09:40:06 2026`: ctime(3), in `zone`.
pub(super) fn ctime(at: Timestamp, zone: &TimeZone) -> String {
    match jiff::Timestamp::from_second(at.seconds()) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%a %b %e %H:%M:%S %Y").to_string(),
        Err(_) => format!("{} s since 1970", at.seconds()),
    }
}

/// `  24041.54 kbps`, of octets a second; `Mbps` and more where IPTraf moves on.
pub(super) fn rate(octets: u64) -> String {
    let (mut whole, mut divider, mut units) = (octets, 1_000.0, ["M", "G", "T", "P"].into_iter());
    let mut unit = "k";
    while whole >= 100_000_000 {
        let Some(next) = units.next() else { break };
        (whole, divider, unit) = (whole / 1_000, divider * 1_000.0, next);
    }
    format!("{:9.2} {unit}bps", octets as f64 * 8.0 / divider)
}

/// `       67 pps`.
pub(super) fn packets(packets: u64) -> String {
    format!("{packets:9} pps")
}

/// A count over a stretch of time, per second; less than a second is taken as one.
pub(super) fn per_second(count: u64, nanos: i64) -> u64 {
    let nanos = nanos.max(SECOND);
    u64::try_from(u128::from(count) * SECOND as u128 / nanos.unsigned_abs() as u128).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn times_are_local_and_in_ctimes_format() {
        let at = Timestamp::from_seconds(1_795_340_406);
        assert_eq!(ctime(at, &TimeZone::UTC), "Sun Nov 22 09:40:06 2026");
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(ctime(Timestamp::from_seconds(1_795_340_406 - 19 * 86_400), &zone), "Tue Nov  3 11:40:06 2026");
        assert!(!ctime(Timestamp(i64::MIN), &TimeZone::UTC).is_empty());
    }

    #[test]
    fn rates_are_written_as_iptraf_does() {
        assert_eq!(rate(3_005_193), " 24041.54 kbps");
        assert_eq!(rate(0), "     0.00 kbps");
        assert_eq!(rate(99_999_999), "799999.99 kbps");
        assert_eq!(rate(100_000_000), "   800.00 Mbps");
        assert_eq!(rate(u64::MAX).split(' ').next_back(), Some("Pbps"));
        assert_eq!(packets(67), "       67 pps");
    }

    #[test]
    fn an_average_never_divides_by_zero() {
        assert_eq!(per_second(40, 0), 40);
        assert_eq!(per_second(40, -5), 40);
        assert_eq!(per_second(40, SECOND / 2), 40);
        assert_eq!(per_second(840, 120 * SECOND), 7);
    }
}

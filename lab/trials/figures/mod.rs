//! Reports compared with the truth of a mirror port, second by second.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use traf_lab::reference::Truth;
use traf_lab::reference::truth::{Facility, Key};
use traf_model::{Counters, Traffic};

use crate::watched::{Shown, ShownRow};

pub(crate) const SECOND: i64 = 1_000_000_000;
/// Age of what a report knows, at most: a snapshot a second, and its way.
const AGE: i64 = SECOND * 3 / 2;
/// Rates are averages of this time.
const AVERAGE: i64 = 5 * SECOND;
/// Steps in which the age of a report's rates is looked for.
const STEP: i64 = SECOND / 20;
/// Rows that are compared.
const TOP: usize = 20;
/// Rows of which the order is compared.
const ORDERED: usize = 10;
/// Lines of what was off that are printed.
const LINES: usize = 80;

/// The figures of one facility.
#[derive(Default)]
pub(crate) struct Figures {
    /// Reports, and those of them whose counts were compared.
    pub(crate) reports: [usize; 2],
    /// Rows of the top that were compared, and how far the worst count was off, in percent, beyond two packets.
    pub(crate) rows: usize,
    pub(crate) worst_count: Worst,
    /// How far the worst total was off, in percent.
    pub(crate) worst_total: Worst,
    /// Reports of which rates were compared, the mean error of the top, and the worst row, in percent.
    pub(crate) rated: usize,
    pub(crate) mean_rate: f64,
    pub(crate) worst_rate: Worst,
    /// Reports with the top in the right order.
    pub(crate) ordered: usize,
    /// Counts that fell, and reports whose rows do not add up.
    pub(crate) fell: Vec<String>,
    pub(crate) sums: Vec<String>,
    /// What was off by more than a percent, rates by more than ten.
    pub(crate) off: Vec<String>,
}

/// The greatest error, and where it was.
#[derive(Default)]
pub(crate) struct Worst {
    pub(crate) percent: f64,
    pub(crate) place: String,
}

/// When things may be compared, in nanoseconds since 1970.
pub(crate) struct Times {
    /// The beginning.
    pub(crate) begun: i64,
    /// Counts.
    pub(crate) counts: Range<i64>,
    /// Rates: stretches of steady traffic.
    pub(crate) steady: Vec<Range<i64>>,
}

impl Worst {
    /// Sees an error in `place`; one above `most` is listed, too.
    fn see(&mut self, percent: f64, (most, off): (f64, &mut Vec<String>), place: impl Fn() -> String) {
        if percent > most {
            off.push(format!("{percent:.2} % {}", place()));
        }
        if percent > self.percent {
            *self = Self { percent, place: place() };
        }
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} % {}", self.percent, self.place)
    }
}

impl Figures {
    /// Compares all reports of a facility.
    pub(crate) fn of(facility: Facility, reports: &[Shown], truth: &Truth, times: &Times) -> Self {
        let mut figures = Self { reports: [reports.len(), 0], ..Self::default() };
        let mut greatest: HashMap<String, Traffic> = HashMap::new();
        let mut rates = Vec::new();
        for shown in reports {
            figures.see_growth(shown, &mut greatest);
            figures.see_sum(facility, shown);
            if times.counts.contains(&shown.at) {
                figures.reports[1] += 1;
                figures.see_counts(facility, shown, truth, times);
                figures.ordered += usize::from(in_order(facility, shown, truth));
            }
            let steady = |stretch: &Range<i64>| stretch.start + AGE + AVERAGE <= shown.at && shown.at < stretch.end;
            if times.steady.iter().any(steady) {
                rates.push(figures.see_rates(facility, shown, truth, times));
            }
        }
        figures.rated = rates.len();
        figures.mean_rate = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
        figures
    }

    /// Counts never fall, from one report to the next.
    fn see_growth(&mut self, shown: &Shown, greatest: &mut HashMap<String, Traffic>) {
        let total = [("total".to_owned(), shown.total)];
        for (key, now) in shown.rows.iter().map(|row| (row.key.clone(), row.traffic)).chain(total) {
            let before = greatest.entry(key.clone()).or_default();
            if parts(&now).iter().zip(parts(before)).any(|(now, before)| *now < before) {
                self.fell.push(format!("{key}: {} then {}", text(before), text(&now)));
            }
            *before = now;
        }
    }

    /// Rows and `other` are the total.
    fn see_sum(&mut self, facility: Facility, shown: &Shown) {
        // Classes of a point overlap, and frames that two points saw are in both.
        if facility == Facility::Interfaces || shown.matched as usize > shown.rows.len() {
            return;
        }
        let (sum, total) = (shown.sum().total(), shown.total.total());
        if (sum.packets, sum.octets) != (total.packets, total.octets) {
            self.sums.push(format!("rows {sum:?}, total {total:?}"));
        }
    }

    fn see_counts(&mut self, facility: Facility, shown: &Shown, truth: &Truth, times: &Times) {
        let rows = shown.by_key();
        for (key, _) in top(facility, truth, shown.at) {
            self.rows += 1;
            let name = truth.name(&key);
            let found = rows.get(name.as_str()).map_or_else(Traffic::default, |row| row.traffic);
            let bounds = [shown.at - AGE, shown.at + 2 * STEP].map(|at| truth.at(facility, &key, at));
            let percent = off(&found, &bounds);
            let second = (shown.at - times.begun) / SECOND;
            let words = || {
                format!("{name} in second {second}: {}, not {} to {}", text(&found), text(&bounds[0]), text(&bounds[1]))
            };
            self.worst_count.see(percent, (1.0, &mut self.off), words);
        }
        if facility != Facility::Interfaces {
            let bounds = [shown.at - AGE, shown.at + 2 * STEP].map(|at| truth.at(facility, &Key::Total, at));
            let percent = off(&shown.total, &bounds);
            let second = (shown.at - times.begun) / SECOND;
            let words = || {
                let [least, most] = bounds.map(|bound| text(&bound));
                format!("total in second {second}: {}, not {least} to {most}", text(&shown.total))
            };
            self.worst_total.see(percent, (1.0, &mut self.off), words);
        }
    }

    /// The mean error of the top's rates in one report, beside the truth of one moment for all rows: of a moment that is no older
    /// than a snapshot, the one that suits them best. The worst row is beside the truth of any such moment: points tell their counts
    /// at different times, and what comes in bursts has a true rate that jumps.
    fn see_rates(&mut self, facility: Facility, shown: &Shown, truth: &Truth, times: &Times) -> f64 {
        let rows = shown.by_key();
        let ages: Vec<Vec<Rate>> =
            (0..=AGE / STEP).map(|step| rates(facility, &rows, truth, shown.at - step * STEP)).collect();
        let mean = |rates: &Vec<Rate>| rates.iter().map(Rate::error).sum::<f64>() / rates.len().max(1) as f64;
        let Some(best) = ages.iter().min_by(|a, b| mean(a).total_cmp(&mean(b))) else { return 0.0 };
        for rate in best {
            let moments = || ages.iter().flatten().filter(|other| other.key == rate.key);
            let least = moments().min_by(|a, b| a.wanted.total_cmp(&b.wanted)).unwrap_or(rate);
            let most = moments().max_by(|a, b| a.wanted.total_cmp(&b.wanted)).unwrap_or(rate);
            let error =
                if (least.wanted..=most.wanted).contains(&rate.found) { 0.0 } else { least.error().min(most.error()) };
            let second = (shown.at - times.begun) / SECOND;
            let words = || {
                let (name, found) = (truth.name(&rate.key), rate.found);
                format!("rate in second {second}: {name}: {found}, not {} to {} octets/s", least.wanted, most.wanted)
            };
            self.worst_rate.see(error, (10.0, &mut self.off), words);
        }
        mean(best)
    }
}

/// A row's rate beside the true one of a moment, in octets a second.
struct Rate {
    key: Key,
    found: f64,
    wanted: f64,
    /// Two packets of the time of an average.
    slack: f64,
}

impl Rate {
    /// How far it is off, in percent. Two packets are no error.
    fn error(&self) -> f64 {
        let off = (self.found - self.wanted).abs();
        if off <= self.slack { 0.0 } else { off / self.wanted * 100.0 }
    }
}

/// Rates of the rows that were the fastest until `end`.
fn rates(facility: Facility, rows: &HashMap<&str, &ShownRow>, truth: &Truth, end: i64) -> Vec<Rate> {
    let rate = |key: &Key| grown(facility, key, truth, end - AVERAGE, end);
    let mut keys: Vec<_> = truth.table(facility, end).into_iter().map(|(key, _)| (rate(&key), key)).collect();
    keys.sort_by_key(|(rate, key)| (std::cmp::Reverse(rate.octets), *key));
    keys.truncate(TOP);
    let rates = keys.into_iter().filter(|(grown, _)| grown.octets > 0).map(|(grown, key)| {
        let found = rows.get(truth.name(&key).as_str()).map_or(0, |row| row.rate.total().octets) as f64;
        let wanted = grown.octets as f64 / (AVERAGE / SECOND) as f64;
        Rate { key, found, wanted, slack: 2.0 * wanted / grown.packets.max(1) as f64 }
    });
    rates.collect()
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} reports, {} compared: order right in {}, fell {}, sums wrong {}; rates of {}: mean error {:.2} %",
            self.reports[0],
            self.reports[1],
            self.ordered,
            self.fell.len(),
            self.sums.len(),
            self.rated,
            self.mean_rate
        )?;
        writeln!(f, "    worst count of {} rows {}", self.rows, self.worst_count)?;
        writeln!(f, "    worst total {}", self.worst_total)?;
        write!(f, "    worst rate {}", self.worst_rate)?;
        self.off.iter().take(LINES).try_for_each(|line| write!(f, "\n    off: {line}"))
    }
}

/// The busiest rows of a moment, by octets.
pub(crate) fn top(facility: Facility, truth: &Truth, at: i64) -> Vec<(Key, Traffic)> {
    let mut rows = truth.table(facility, at);
    rows.sort_by_key(|(key, traffic)| (std::cmp::Reverse(traffic.total().octets), *key));
    rows.truncate(TOP);
    rows
}

/// How far counts are off, in percent: beyond the bounds, and beyond two packets.
pub(crate) fn off(found: &Traffic, bounds: &[Traffic; 2]) -> f64 {
    let [found, least, most] = [found, &bounds[0], &bounds[1]].map(parts);
    // Octets of two packets, or two packets.
    let packets = [most[0], most[0], most[2], most[2]];
    let off = (0..4).map(|part| {
        let slack = 2 * most[part].div_ceil(packets[part].max(1)).max(1);
        let off = least[part].saturating_sub(found[part]).max(found[part].saturating_sub(most[part]));
        if off <= slack { 0.0 } else { off as f64 / most[part].max(1) as f64 * 100.0 }
    });
    off.fold(0.0, f64::max)
}

/// Packets and octets in, packets and octets out.
fn parts(traffic: &Traffic) -> [u64; 4] {
    let Traffic { inbound, outbound } = traffic;
    [inbound.packets, inbound.octets, outbound.packets, outbound.octets]
}

/// `in 3/180 out 2/120`: packets and octets.
pub(crate) fn text(traffic: &Traffic) -> String {
    let [rx, rx_octets, tx, tx_octets] = parts(traffic);
    format!("in {rx}/{rx_octets} out {tx}/{tx_octets}")
}

fn grown(facility: Facility, key: &Key, truth: &Truth, from: i64, to: i64) -> Counters {
    let [before, after] = [from, to].map(|at| truth.at(facility, key, at).total());
    Counters::new(after.packets - before.packets, after.octets - before.octets)
}

/// True if the first rows were the busiest, in their order, at a moment that is no older than a snapshot.
fn in_order(facility: Facility, shown: &Shown, truth: &Truth) -> bool {
    (0..=AGE / STEP).any(|step| in_order_at(facility, shown, truth, shown.at - step * STEP))
}

/// The same at one moment; rows within a tenth of each other may stand either way.
fn in_order_at(facility: Facility, shown: &Shown, truth: &Truth, at: i64) -> bool {
    let table: HashMap<String, u64> = truth
        .table(facility, at)
        .into_iter()
        .map(|(key, traffic)| (truth.name(&key), traffic.total().octets))
        .collect();
    let first = &shown.rows[..shown.rows.len().min(ORDERED)];
    let octets = |key: &str| table.get(key).copied().unwrap_or_default();
    let right = |upper: u64, lower: u64| upper * 11 >= lower * 10;
    let pairs = first
        .iter()
        .enumerate()
        .all(|(place, row)| first[place..].iter().all(|below| right(octets(&row.key), octets(&below.key))));
    let least = first.iter().map(|row| octets(&row.key)).min().unwrap_or_default();
    let left_out = table.iter().filter(|(key, _)| first.iter().all(|row| row.key != **key));
    pairs && first.len() >= ORDERED.min(table.len()) && left_out.into_iter().all(|(_, octets)| right(least, *octets))
}

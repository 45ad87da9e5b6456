//! One LAN, now: its tables from the sums that all consoles share, and the flows that several points report, each once.

use std::collections::HashMap;

use traf_model::{Answer, Class, Classes, Counts, GroupKey, Item, Point, Query, Report, Row, Timestamp, Traffic};

use crate::live::lan::Lan as Network;
use crate::live::points::{PointIndex, Points};
use crate::live::sums::{LanTable, LanTotals, ShownRow};
use crate::live::tally::{Kind, SiteKey, TableKey};
use crate::report::best::{Best, Draft};
use crate::report::conversation::{Conversations, Counting, Elected, Sighting};
use crate::report::estimate;
use crate::report::point::{ObservationPoint, Share, ShareHistory};
use crate::report::table::{Table, named, parts_of};

/// Seconds that the strip shows.
const STRIP: i64 = 300;

/// State of a LAN question from report to report.
#[derive(Debug, Default)]
pub(crate) struct Lan {
    /// The observers that count, of each flow shown.
    elected: Elected,
    /// Of each point at the seconds of the strip.
    pub(crate) shares: ShareHistory,
}

impl Lan {
    /// Notes the share of a point now for the strip.
    pub(crate) fn note(&mut self, point: &Point, share: Share, now: Timestamp) {
        if share.seen > 0 {
            self.shares.note(point, now.seconds() - 1, share, now.seconds() - STRIP);
        }
    }

    /// Flows, each once, and by class what has no row.
    pub(crate) fn flows(
        &mut self,
        query: &Query,
        points: &[ObservationPoint],
        answers: &[Option<&Answer>],
        (network, totals): (&Network, &LanTotals),
        report: &mut Report,
    ) {
        let (mut conversations, mut table) = (Conversations::new(points), Table::new(points));
        for (point, answer) in answers.iter().enumerate().filter_map(|(point, answer)| Some((point, (*answer)?))) {
            for row in &answer.rows {
                if let Item::Flow(flow) = row.item {
                    conversations.add(Sighting::live(point, row.rate, flow));
                }
            }
        }
        self.elected.follow(points);
        conversations.recall(&self.elected);
        let known: Vec<Option<PointIndex>> = points.iter().map(|point| network.points.of(&point.id)).collect();
        conversations.decide(|point, flow| Some(network.proven(known[point]?, flow)));
        let counting = Counting::Fullest(Some(&mut self.elected));
        let take = |once| table.conversation(once, query.facility, query.group);
        let (_, overflow) = conversations.finish(counting, take);
        table.overflow(overflow);
        let rows = table.classes();
        let all = totals.of_flows(table.total);
        for (class, traffic, flows) in rest(all - table.total, |_| true, &rows, totals) {
            table.add(0, Traffic::default(), Item::Other(class, traffic, flows));
        }
        table.total = all;
        table.finish(query, None, report);
        says(totals, |_| true, report);
    }
}

/// A table of a LAN.
pub(crate) fn table(
    query: &Query,
    kind: Kind,
    LanTable { rows, total, totals }: LanTable,
    points: &Points,
    report: &mut Report,
) {
    let counted: Traffic = rows.iter().map(|(_, row)| row.traffic).sum();
    report.total = total;
    // What the title counts can be scrolled to.
    report.matched = (rows.len() as u64).min(Query::LIMIT.into());
    let mut sites = HashMap::new();
    let mut draft = |((site, key), row): (SiteKey, ShownRow)| -> Draft {
        let everywhere = matches!(kind, Kind::Counted(facility) if facility.everywhere);
        let name = sites.entry(site).or_insert_with(|| points.site_name(site));
        let site = if everywhere { String::new() } else { name.clone() };
        let observers = row.points.iter().map(|point| *point as usize).collect();
        (Row { site, ..Row::new(row.rate, item(kind, key, &row, points)) }, observers)
    };
    let mut best = Best::new(query);
    rows.into_iter().for_each(|row| best.push(draft(row)));
    report.rows = best.rows(|draft| named(draft, points.all()));
    let others = rest(report.total - counted, |class| kind.covers(class), &Classes::default(), &totals);
    let other = |(class, traffic, flows)| Row::new(Traffic::default(), Item::Other(class, traffic, flows));
    report.rows.extend(others.into_iter().map(other));
    says(&totals, |class| kind.covers(class), report);
}

fn item(kind: Kind, key: TableKey, row: &ShownRow, points: &Points) -> Item {
    let group = |key| Item::Group(key, row.traffic, row.flows);
    match (kind, key) {
        (Kind::Counted(facility), TableKey::Counted(key)) => {
            let (peers, flows) = if facility.peers { (row.peers, row.flows) } else { (0, 0) };
            Item::Counted(facility, key, Counts { peers, flows, ..row.traffic.into() })
        }
        (_, TableKey::Sensor(sensor)) => group(GroupKey::Sensor(points.sensor_name(sensor))),
        (_, key) => group(key.group().unwrap_or_else(|| GroupKey::Sensor(String::new()))),
    }
}

/// What has no row, by class: what was committed so, and the remainder as part of the class that has most.
fn rest(
    rest: Traffic,
    covers: impl Fn(Class) -> bool,
    rows: &Classes,
    totals: &LanTotals,
) -> Vec<(Class, Traffic, u64)> {
    let left = totals.classes.since(rows);
    let known = totals.others.iter().filter(|(class, _)| covers(**class));
    let (mut others, rest) = parts_of(known.map(|(class, (traffic, flows))| (*class, *traffic, *flows)), rest);
    let most = left.rows().filter(|(class, _)| covers(*class)).max_by_key(|(_, traffic)| traffic.total().octets);
    if let Some(class) = most.map(|(class, _)| class).or(Class::at(0)).filter(|_| !rest.is_empty()) {
        match others.iter_mut().find(|(other, ..)| *other == class) {
            Some((_, traffic, _)) => *traffic += rest,
            None => others.push((class, rest, 0)),
        }
    }
    others.retain(|(_, traffic, flows)| !traffic.is_empty() || *flows > 0);
    others.sort_by_key(|(class, ..)| *class);
    others
}

/// Says what of the totals is an estimate.
fn says(totals: &LanTotals, covers: impl Fn(Class) -> bool, report: &mut Report) {
    let others = totals.others.iter().filter(|(class, _)| covers(**class));
    let octets: u64 = others.map(|(_, (traffic, _))| traffic.total().octets).sum();
    if octets > 0 {
        report.notes.push(estimate(octets));
    }
    let (octets, nanos) = totals.estimated;
    if octets > 0 {
        let seconds = nanos.div_euclid(traf_model::time::SECOND) + 1;
        report.notes.push(format!("of the last {seconds} s {} are estimated", size(octets)));
    }
}

/// `1.2 MB`.
fn size(octets: u64) -> String {
    match octets {
        0..10_000 => format!("{octets} octets"),
        10_000..10_000_000 => format!("{} kB", octets / 1_000),
        _ => format!("{}.{} MB", octets / 1_000_000, octets / 100_000 % 10),
    }
}

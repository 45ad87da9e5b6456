//! One LAN, now: the flows that several points report, each counted once, and what part of each point that is.

use traf_model::{Answer, Facility, Item, Point, Query, Report, Timestamp};

use crate::report::conversation::{Conversations, Elected};
use crate::report::estimate;
use crate::report::point::{ObservationPoint, Share, ShareHistory};
use crate::report::table::{Table, Unnamed, rest};

/// Seconds that the strip shows.
const STRIP: i64 = 300;
/// Nanoseconds over which the traffic of a flow that rests is spread.
const REST: i64 = 1_000 * traf_model::time::SECOND;

/// State of a LAN question from report to report.
#[derive(Debug, Default)]
pub(crate) struct Lan {
    /// The observers that count: of each flow shown, and of each flow that tells the shares.
    elected: Elected,
    common: Elected,
    now: Vec<(Point, Share)>,
    /// Of each point at the seconds of the strip.
    pub(crate) shares: ShareHistory,
}

impl Lan {
    /// Takes the flows that tell what points see in common.
    pub(crate) fn hear(&mut self, points: &[ObservationPoint], answers: &[Option<&Answer>]) {
        let mut conversations = Conversations::new(points);
        for (point, answer) in answers.iter().enumerate() {
            for row in answer.iter().flat_map(|answer| &answer.rows) {
                if let Item::Flow(mut flow) = row.item {
                    // By what flows do now: a long past would hide that another point counts since. Where one rests, a little
                    // of what it was.
                    flow.traffic = if row.rate.is_empty() { flow.traffic.per_second(REST) } else { row.rate };
                    conversations.add(point, row.rate, flow, false);
                }
            }
        }
        let counted = conversations.finish(Some(&mut self.common));
        self.now = points.iter().map(|point| point.id.clone()).zip(counted.shares).collect();
    }

    /// The share of a point now, noted for the strip.
    pub(crate) fn note(&mut self, point: &Point, now: Timestamp) -> Share {
        let share = self.now.iter().find(|(other, _)| other == point).map(|(_, share)| *share).unwrap_or_default();
        if share.seen > 0 {
            self.shares.note(point, now.seconds() - 1, share, now.seconds() - STRIP);
        }
        share
    }

    /// Flows, and what is folded from them.
    pub(crate) fn flows(
        &mut self,
        query: &Query,
        points: &[ObservationPoint],
        answers: &[Option<&Answer>],
        report: &mut Report,
    ) {
        let (mut conversations, mut table) = (Conversations::new(points), Table::new(points));
        let mut others = Vec::new();
        for (point, answer) in answers.iter().enumerate().filter_map(|(point, answer)| Some((point, (*answer)?))) {
            for row in &answer.rows {
                match row.item {
                    Item::Flow(flow) => conversations.add(point, row.rate, flow, false),
                    Item::Other(class, traffic, flows) => {
                        others.push(Unnamed { point, class, traffic, flows, selected: Some(true) });
                    }
                    _ => {}
                }
            }
        }
        let counted = conversations.finish(Some(&mut self.elected));
        let shares = table.conversations(counted, query.facility, query.group);
        let mut estimated = table.unnamed(query.facility, &shares, others).counted;
        for (point, answer) in answers.iter().enumerate().filter_map(|(point, answer)| Some((point, (*answer)?))) {
            let part = shares[point].of_traffic(rest(answer));
            estimated = estimated.saturating_add(part.total().octets);
            table.total += query.facility.counted().map_or(part, |facility| facility.total(part));
            if query.facility == Facility::Traffic && query.group == traf_model::Group::Flow {
                let here = answer.rows.iter().filter(|row| matches!(row.item, Item::Flow(_))).count() as u64;
                table.more = table.more.saturating_add(shares[point].of(answer.matched.saturating_sub(here)));
            }
        }
        if estimated > 0 {
            report.notes.push(estimate(estimated));
        }
        table.finish(query, None, report);
    }
}

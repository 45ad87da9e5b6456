//! Traffic without a flow row in slices of the past, joined as it is live.

use std::collections::HashMap;

use traf_model::{AggregatedFlow, Counts, Group, InterfaceSummary, Item};

use super::{Ask, StoreError};
use crate::live::coverage::Amount;
use crate::live::history::RecentRow;
use crate::live::points::{FlowId, PointIndex, Points, UNKNOWN};
use crate::live::tally::{Kind, TableKey};
use crate::live::unrowed::{Earlier, PointSlice, Sums, unrowed};
use crate::report::table::{Table, Unnamed};
use crate::store::{PointKey, StoredSlice};

impl Ask<'_> {
    /// What has no row, by class, each byte once; what is known to be under keys is added to them.
    pub(super) async fn unrowed(&self, table: &mut Table<'_>) -> Result<Vec<Unnamed>, StoreError> {
        let starts = self.view.store.without_rows(&self.selection).await?;
        if starts.is_empty() {
            return Ok(Vec::new());
        }
        let mut points = Points::default();
        for point in &self.points {
            let index = points.learn((&point.id.sensor, &point.site), &point.interface, None);
            points.set_ports(index, &point.ports);
        }
        let (mut unnamed, filter) = (Vec::new(), &self.query.filter);
        for start in starts {
            let kind = Kind::of(self.query.facility, self.query.group).filter(|_| filter.is_all());
            let facility = self.query.facility.counted().filter(|_| kind.is_some());
            let stored = self.view.store.slices_at(start, &self.selection.sensors, facility).await?;
            let Sums { classes, keys } = self.joined(stored, &points, kind);
            for (class, amount) in classes {
                let selected = self.points.first().and_then(|own| own.selected(filter, Some(class)));
                unnamed.push(Unnamed { point: 0, class, traffic: amount.traffic, flows: amount.flows, selected });
            }
            for ((kind, (site, key)), Amount { traffic, flows }) in keys {
                let place = self.points.iter().position(|own| points.site_number(&own.site) == Some(site)).unwrap_or(0);
                let item = match (kind, key) {
                    (Kind::Counted(facility), TableKey::Counted(key)) => {
                        Some(Item::Counted(facility, key, traffic.into()))
                    }
                    (_, key) => key.group().map(|key| Item::Group(key, traffic, flows)),
                };
                item.iter().for_each(|item| table.add_known(place, item));
            }
        }
        Ok(unnamed)
    }

    /// Slices of one time as one.
    fn joined(&self, stored: HashMap<PointKey, StoredSlice>, points: &Points, kind: Option<Kind>) -> Sums {
        let facility = self.query.facility.counted();
        let mut slices: Vec<(PointIndex, Vec<RecentRow>, InterfaceSummary)> = Vec::new();
        for (place, stored) in stored {
            let own = self.places.get(&place).and_then(|place| self.points.get(*place));
            let Some(point) = own.and_then(|own| points.of(&own.id)) else { continue };
            let row = |(flow, counts): &(_, bool)| {
                let elected = if *counts { point } else { UNKNOWN };
                RecentRow::new(flow, points.flow(point, flow), point, (elected, flow.key.vlan), *counts)
            };
            let rows = stored.flows.iter().map(row).collect();
            let (other_flows, aggregated_flows) = (stored.others, stored.aggregated);
            let mut summary = InterfaceSummary { other_flows, aggregated_flows, ..InterfaceSummary::default() };
            if let Some(facility) = facility {
                let tally = summary.counted.entry(facility).or_default();
                stored.keys.into_iter().for_each(|(key, traffic)| tally.add(key, Counts::from(traffic)));
            }
            slices.push((point, rows, summary));
        }
        slices.sort_by_key(|(point, ..)| *point);
        // Rows that do not count belong to the one that does.
        let all = slices.iter().flat_map(|(_, rows, _)| rows);
        let counting = all.filter(|row| row.counts);
        let elected: HashMap<FlowId, _> = counting.map(|row| (row.flow, (row.point, row.key.vlan))).collect();
        for row in slices.iter_mut().flat_map(|(_, rows, _)| rows).filter(|row| !row.counts) {
            row.elect(elected.get(&row.flow).copied().unwrap_or((UNKNOWN, None)));
        }
        let of_points = slices.iter().map(|(point, rows, summary)| PointSlice { point: *point, rows, summary });
        unrowed(&of_points.collect::<Vec<_>>(), &Earlier::default(), points, |other| kind == Some(other)).more
    }

    /// Adds the groups of one point's flows without a row.
    pub(super) async fn aggregated(&self, table: &mut Table<'_>) -> Result<(), StoreError> {
        let group = self.query.group;
        let mut take = |place, AggregatedFlow { key, traffic, flows }: AggregatedFlow| {
            let Some(point) = self.places.get(&place) else { return };
            // Of any source no pair is known.
            let known = group != Group::Pair || !key.is_of_any();
            if let Some(key) = group.of(&key, &self.points[*point].id.sensor).filter(|_| known) {
                table.add_known(*point, &Item::Group(key, traffic, flows));
            }
        };
        self.view.store.aggregated_flows(&self.selection, &mut take).await
    }
}

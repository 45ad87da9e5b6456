//! Interface statistics of the past.

use std::collections::{BTreeMap, HashMap};

use traf_model::time::SECOND;
use traf_model::{Class, Classes, Facility, InterfaceStats, Traffic};

use super::{Ask, Fact, StoreError, Tier};
use crate::report::filter as apply;

/// What a table of interfaces under a filter must say when the filter asks for more than classes.
const BY_FLOWS: &str = "what the filter says of addresses, ports and VLANs is counted from the recorded flows: octets of IP packets, and \
    no peaks";

/// What one point saw.
#[derive(Default)]
pub(super) struct Found {
    pub(super) stats: InterfaceStats,
    /// Everything, whatever the filter says; by the second or the minute.
    pub(super) steps: BTreeMap<i64, u64>,
    pub(super) all: Traffic,
    /// Octets of the largest packet in and out, without the link header.
    pub(super) largest: [u32; 2],
    /// The filter selects something of it.
    pub(super) selected: bool,
    /// Classes of which the filter does not say whether it selects them.
    undecided: bool,
}

impl Ask<'_> {
    /// What every point of the scope saw, by class; of the classes those that the filter selects.
    pub(super) async fn interfaces(&self, tier: Tier, nanos: i64) -> Result<BTreeMap<usize, Found>, StoreError> {
        let mut all: BTreeMap<usize, Found> = BTreeMap::new();
        self.each(Facility::Interfaces, |point, fact| {
            if let Fact::Ledger(ledger, own, largest) = fact {
                let found = all.entry(point).or_default();
                found.stats.ledger.merge(&ledger);
                found.stats.own += own;
                found.largest = [found.largest[0].max(largest[0]), found.largest[1].max(largest[1])];
            }
        })
        .await?;
        let filter = &self.query.filter;
        let decide = |point: usize, class: Class| {
            let own = &self.points[point];
            apply::selects(filter, &own.id.sensor, own.name(), Some(class))
        };
        let mut decided: HashMap<(usize, Class), Option<bool>> = HashMap::new();
        let mut steps: BTreeMap<(usize, i64), Traffic> = BTreeMap::new();
        let mut take = |place, at, fact| {
            let (Some(point), Fact::Class(class, traffic)) = (self.places.get(&place).copied(), fact) else { return };
            let found = all.entry(point).or_default();
            *found.steps.entry(at).or_default() += traffic.total().octets;
            found.all += traffic;
            match decided.entry((point, class)).or_insert_with(|| decide(point, class)) {
                Some(true) => {
                    found.stats.classes.add(class, traffic);
                    *steps.entry((point, at)).or_default() += traffic;
                }
                Some(false) => {}
                None => found.undecided = true,
            }
        };
        self.view.store.classes(tier, &self.selection, &mut take).await?;
        let step = if tier == Tier::Minute { 60 } else { 1 };
        for ((point, _), traffic) in steps {
            let rate = traffic.per_second((step * SECOND).min(nanos.max(SECOND)));
            let Some(Found { stats, .. }) = all.get_mut(&point) else { continue };
            let more = |peak: &mut traf_model::Counters, rate: traf_model::Counters| {
                if rate.octets > peak.octets {
                    *peak = rate;
                }
            };
            more(&mut stats.peak.inbound, rate.inbound);
            more(&mut stats.peak.outbound, rate.outbound);
            more(&mut stats.peak_total, rate.total());
        }
        for (point, found) in &mut all {
            let own = &self.points[*point];
            found.stats.interface.clone_from(&own.interface);
            found.selected = apply::selects(filter, &own.id.sensor, own.name(), None) != Some(false);
            found.stats.rates = rates(&found.stats.classes, nanos);
        }
        Ok(all)
    }

    /// Where classes do not tell what the filter selects, recorded flows do.
    pub(super) async fn refine(
        &self,
        interfaces: &mut BTreeMap<usize, Found>,
        nanos: i64,
        notes: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        if !interfaces.values().any(|found| found.undecided) {
            return Ok(());
        }
        let filter = &self.query.filter;
        let mut left_out = 0u64;
        self.each(Facility::Traffic, |point, fact| {
            let own = &self.points[point];
            let Some(found) = interfaces.get_mut(&point) else { return };
            match fact {
                Fact::Flow(flow, _) => {
                    let class = apply::class_of(&flow.key);
                    if apply::selects(filter, &own.id.sensor, own.name(), Some(class)).is_none()
                        && let Some(flow) = apply::masked(filter, flow, &own.id.sensor, own.name())
                    {
                        found.stats.classes.add(class, self.towards(point, &flow));
                    }
                }
                Fact::OtherFlows(class, traffic, _)
                    if apply::selects(filter, &own.id.sensor, own.name(), Some(class)).is_none() =>
                {
                    left_out = left_out.saturating_add(traffic.total().octets);
                }
                _ => {}
            }
        })
        .await?;
        for found in interfaces.values_mut().filter(|found| found.undecided) {
            found.stats.rates = rates(&found.stats.classes, nanos);
            (found.stats.peak, found.stats.peak_total) = Default::default();
        }
        notes.push(BY_FLOWS.to_owned());
        notes.extend(super::flows::left_out(left_out));
        Ok(())
    }

    /// A flow's traffic as its interface saw it: out is what its own address or MAC sent; a mirror port only receives.
    fn towards(&self, point: usize, flow: &traf_model::Flow) -> Traffic {
        let interface = &self.points[point].interface;
        let own = |end: traf_model::Endpoint, mac: Option<traf_model::Mac>| {
            interface.addresses.contains(&end.address) || (mac.is_some() && mac == interface.mac)
        };
        let Traffic { inbound, outbound } = flow.traffic;
        if interface.mirror {
            Traffic::inbound(inbound + outbound)
        } else if own(flow.key.source, flow.forward.mac) {
            flow.traffic
        } else if own(flow.key.destination, flow.reverse.mac) {
            flow.traffic.reversed()
        } else {
            Traffic::inbound(inbound + outbound)
        }
    }
}

fn rates(classes: &Classes, nanos: i64) -> Classes {
    classes.rows().map(|(class, traffic)| (class, traffic.per_second(nanos))).collect()
}

//! Statistics of interfaces and traffic over time, read from the store.

use std::collections::{BTreeMap, HashMap};

use traf_model::{Facility, Filter, Report, Traffic};

use super::flows::Detail;
use super::{Ask, Fact, Kept, SEVERAL, Selection, StoreError, Tier};
use crate::report::interfaces::{Found, Interfaces};
use crate::report::strip::{Shares, Steps};

/// Nanoseconds of the longest window of a part of a LAN whose flows are joined for the strip alone.
const JOINED: i64 = 3600 * traf_model::time::SECOND;

impl Ask<'_> {
    /// Statistics of every point of the scope, by class; of the classes those that the filter selects.
    pub(super) async fn interfaces(&self, tier: Tier, nanos: i64) -> Result<Interfaces<'_>, StoreError> {
        let mut all = Interfaces::new(&self.points, &self.query.filter);
        self.each(Facility::Interfaces, |point, fact| {
            if let Fact::Ledger(ledger, own, largest) = fact {
                all.add_ledger(point, &ledger, own, largest);
            }
        })
        .await?;
        let mut take = |place, at, class, traffic| {
            if let Some(point) = self.places.get(&place) {
                all.add_class(*point, at, class, traffic);
            }
        };
        self.view.store.classes(tier, &self.selection, &mut take).await?;
        all.finish(if tier == Tier::Minute { 60 } else { 1 }, nanos);
        Ok(all)
    }

    /// Refines statistics by recorded flows where classes do not tell what the filter selects.
    pub(super) async fn refine(
        &self,
        interfaces: &mut Interfaces<'_>,
        nanos: i64,
        notes: &mut Vec<String>,
    ) -> Result<(), StoreError> {
        if !interfaces.undecided() {
            return Ok(());
        }
        self.each(Facility::Traffic, |point, fact| match fact {
            Fact::Flow(flow, _) => interfaces.add_flow(point, flow),
            Fact::OtherFlows(class, traffic, _) => interfaces.add_other(point, class, traffic),
            _ => {}
        })
        .await?;
        notes.extend(interfaces.refine(nanos));
        Ok(())
    }

    /// Fills in octets over time around the window, from what is kept by the second or the minute, and the rate.
    pub(super) async fn over_time(
        &self,
        report: &mut Report,
        interfaces: &BTreeMap<usize, Found>,
        kept: Kept,
        nanos: i64,
    ) -> Result<(), StoreError> {
        let steps = Steps::around(report.interval, kept.second);
        let selection = Selection { interval: steps.interval(), sensors: self.selection.sensors.clone() };
        let shares = self.shares(report, &selection, kept, steps).await?;
        report.rate += steps.rate(interfaces, &shares, nanos);
        let mut sums: HashMap<(usize, i64), u64> = HashMap::new();
        let mut take = |place, at: i64, _, traffic: Traffic| {
            if let Some(point) = self.places.get(&place) {
                let sum = sums.entry((*point, steps.number(at))).or_default();
                *sum = sum.saturating_add(traffic.total().octets);
            }
        };
        let tier = if steps.minutes { Tier::Minute } else { Tier::Second };
        self.view.store.classes(tier, &selection, &mut take).await?;
        let slices = self.view.store.slices(&selection).await?;
        report.strip = steps.strip(sums, slices.into_iter().map(|slice| slice.interval), &shares);
        Ok(())
    }

    async fn shares(
        &self,
        report: &mut Report,
        selection: &Selection,
        kept: Kept,
        steps: Steps,
    ) -> Result<Shares, StoreError> {
        let mut shares = Shares::default();
        if !self.several() {
            return Ok(shares);
        }
        if report.interval.from < kept.flow || (!self.whole && self.selection.interval.nanos() > JOINED) {
            report.notes.push(format!("of rate and strip: {SEVERAL}"));
        } else if !self.whole {
            shares.constant = self.flows(&Filter::default(), Detail::Ends, drop).await?.0;
        } else {
            for (place, (slice, share)) in self.view.store.counted(selection).await? {
                let Some(point) = self.places.get(&place) else { continue };
                for number in steps.numbers(slice.interval) {
                    shares.steps.entry((*point, number)).or_default().add(share);
                }
            }
        }
        Ok(shares)
    }
}

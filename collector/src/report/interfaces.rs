//! Interface statistics of the past: ledgers and classes of slices are added up, and flows where classes do not tell.

use std::collections::{BTreeMap, HashMap};

use traf_model::time::SECOND;
use traf_model::{Class, Classes, Counters, Endpoint, Filter, Flow, InterfaceStats, Ledger, Mac, Traffic};

use super::filter::masked;
use super::point::ObservationPoint;

/// Note of a table of interfaces whose filter asks for more than classes.
const BY_FLOWS: &str = "what the filter says of addresses, ports and VLANs is counted from the recorded flows: octets of IP packets, and \
    no peaks";

/// Statistics of one observation point.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) stats: InterfaceStats,
    /// Octets of all classes, whatever the filter says, by the second or the minute.
    pub(crate) steps: BTreeMap<i64, u64>,
    pub(crate) all: Traffic,
    /// Octets of the largest packet in and out, without the link header.
    pub(crate) largest: [u32; 2],
    /// True if the filter selects something of it.
    pub(crate) selected: bool,
    /// True if the filter does not decide about some of its classes.
    undecided: bool,
}

/// Statistics by observation point, in the making.
pub(crate) struct Interfaces<'a> {
    points: &'a [ObservationPoint],
    filter: &'a Filter,
    pub(crate) found: BTreeMap<usize, Found>,
    /// Selected traffic by point and step.
    steps: BTreeMap<(usize, i64), Traffic>,
    decided: HashMap<(usize, Class), Option<bool>>,
    /// Octets of flows without a row of which it is not known if the filter selects them.
    left_out: u64,
}

impl<'a> Interfaces<'a> {
    pub(crate) fn new(points: &'a [ObservationPoint], filter: &'a Filter) -> Self {
        let (found, steps, decided) = Default::default();
        Self { points, filter, found, steps, decided, left_out: 0 }
    }

    pub(crate) fn add_ledger(&mut self, point: usize, ledger: &Ledger, own: Traffic, largest: [u32; 2]) {
        let found = self.found.entry(point).or_default();
        found.stats.ledger.merge(ledger);
        found.stats.own += own;
        found.largest = [found.largest[0].max(largest[0]), found.largest[1].max(largest[1])];
    }

    /// Adds the traffic of a class in the step that begins `at`.
    pub(crate) fn add_class(&mut self, point: usize, at: i64, class: Class, traffic: Traffic) {
        let found = self.found.entry(point).or_default();
        let sum = found.steps.entry(at).or_default();
        *sum = sum.saturating_add(traffic.total().octets);
        found.all += traffic;
        let decide = || self.points[point].selected(self.filter, Some(class));
        match self.decided.entry((point, class)).or_insert_with(decide) {
            Some(true) => {
                found.stats.classes.add(class, traffic);
                *self.steps.entry((point, at)).or_default() += traffic;
            }
            Some(false) => {}
            None => found.undecided = true,
        }
    }

    /// Fills in peaks and rates of a window that covers `nanos`, from steps of `step` seconds.
    pub(crate) fn finish(&mut self, step: i64, nanos: i64) {
        for ((point, _), traffic) in &self.steps {
            let rate = traffic.per_second((step * SECOND).min(nanos.max(SECOND)));
            let Some(Found { stats, .. }) = self.found.get_mut(point) else { continue };
            let more = |peak: &mut Counters, rate: Counters| {
                if rate.octets > peak.octets {
                    *peak = rate;
                }
            };
            more(&mut stats.peak.inbound, rate.inbound);
            more(&mut stats.peak.outbound, rate.outbound);
            more(&mut stats.peak_total, rate.total());
        }
        for (point, found) in &mut self.found {
            let own = &self.points[*point];
            found.stats.interface.clone_from(&own.interface);
            found.selected = own.selected(self.filter, None) != Some(false);
            found.stats.rates = rates(&found.stats.classes, nanos);
        }
    }

    /// True where classes do not tell what the filter selects, and recorded flows are to be added.
    pub(crate) fn undecided(&self) -> bool {
        self.found.values().any(|found| found.undecided)
    }

    /// Adds a recorded flow, if its class does not tell.
    pub(crate) fn add_flow(&mut self, point: usize, flow: Flow) {
        let (own, class) = (&self.points[point], flow.key.class());
        if let Some(found) = self.found.get_mut(&point)
            && own.selected(self.filter, Some(class)).is_none()
            && let Some(flow) = masked(self.filter, flow, &own.id.sensor, own.name())
        {
            found.stats.classes.add(class, towards(own, &flow));
        }
    }

    /// Adds flows without a row of their own.
    pub(crate) fn add_other(&mut self, point: usize, class: Class, traffic: Traffic) {
        if self.found.contains_key(&point) && self.points[point].selected(self.filter, Some(class)).is_none() {
            self.left_out = self.left_out.saturating_add(traffic.total().octets);
        }
    }

    /// Rates of the statistics that recorded flows were added to; returns the notes.
    pub(crate) fn refine(&mut self, nanos: i64) -> impl Iterator<Item = String> + use<> {
        for found in self.found.values_mut().filter(|found| found.undecided) {
            found.stats.rates = rates(&found.stats.classes, nanos);
            (found.stats.peak, found.stats.peak_total) = Default::default();
        }
        std::iter::once(BY_FLOWS.to_owned()).chain(super::left_out(self.left_out))
    }
}

/// A flow's traffic as its interface saw it: out is what its own address or MAC sent; a mirror port only receives.
fn towards(point: &ObservationPoint, flow: &Flow) -> Traffic {
    let interface = &point.interface;
    let own = |end: Endpoint, mac: Option<Mac>| {
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

fn rates(classes: &Classes, nanos: i64) -> Classes {
    classes.rows().map(|(class, traffic)| (class, traffic.per_second(nanos))).collect()
}

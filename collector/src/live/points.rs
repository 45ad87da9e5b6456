//! All observation points that were heard of, live or by their slices, under small numbers.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use traf_model::{Flow, FlowKey, Interface, Point, Ports, Settings};

use crate::report::point::ObservationPoint;
use crate::report::primary::SharedFlow;
use crate::store::PointKey;

/// The number of an observation point.
pub(crate) type PointIndex = u32;

/// Number of a point that is not known, or found no place.
pub(crate) const UNKNOWN: PointIndex = u32::MAX;

/// Points of one sensor, whatever names it gives them.
const OF_SENSOR: u32 = 2_048;
/// Sites. What names more of them stands at one.
const SITES: usize = 4_096;

/// A flow as all points of its site know it, as a keyed hash: two of a million share one with a probability of 10^-7.
pub(crate) type FlowId = u64;

/// The points, by their numbers.
#[derive(Default)]
pub(crate) struct Points {
    all: Vec<ObservationPoint>,
    /// The number of the site and the number of the sensor of each.
    homes: Vec<(u32, u32)>,
    by_name: HashMap<Point, PointIndex>,
    by_key: HashMap<PointKey, PointIndex>,
    sites: HashMap<String, u32>,
    sensors: HashMap<String, u32>,
    /// Number of points of each sensor.
    counts: Vec<u32>,
    seed: RandomState,
}

impl Points {
    /// The number of an interface of a sensor at a site. What is known of it is brought up to date.
    pub(crate) fn learn(
        &mut self,
        (sensor, site): (&str, &str),
        interface: &Interface,
        settings: Option<&Settings>,
    ) -> PointIndex {
        let id = Point::new(sensor, &interface.name);
        let home = (number(&mut self.sites, site, SITES), number(&mut self.sensors, sensor, usize::MAX));
        match self.by_name.get(&id) {
            Some(index) => {
                let known = &mut self.all[*index as usize];
                let same = settings.is_none() && known.site == site && known.interface == *interface;
                if !same {
                    let ports = std::mem::take(&mut known.ports);
                    *known = ObservationPoint::new((sensor, site), interface, true, settings);
                    if settings.is_none() {
                        known.ports = ports;
                    }
                    self.homes[*index as usize] = home;
                }
                *index
            }
            None => {
                self.counts.resize(self.sensors.len(), 0);
                let count = &mut self.counts[home.1 as usize];
                if *count >= OF_SENSOR {
                    return UNKNOWN;
                }
                *count += 1;
                let index = self.all.len() as PointIndex;
                self.all.push(ObservationPoint::new((sensor, site), interface, true, settings));
                self.homes.push(home);
                self.by_name.insert(id, index);
                index
            }
        }
    }

    /// Sets the ports that a point's sensor takes for served.
    pub(crate) fn set_ports(&mut self, index: PointIndex, ports: &Ports) {
        if let Some(point) = self.all.get_mut(index as usize) {
            point.ports.clone_from(ports);
        }
    }

    /// The number of a site.
    pub(crate) fn site_number(&self, site: &str) -> Option<u32> {
        self.sites.get(site).copied()
    }

    /// Notes the store's number of a point.
    pub(crate) fn note_key(&mut self, key: PointKey, index: PointIndex) {
        self.by_key.insert(key, index);
    }

    /// The point under a number of the store, with the VLAN that it sees a flow in.
    pub(crate) fn of_key(&self, (key, vlan): (PointKey, Option<u16>)) -> (PointIndex, Option<u16>) {
        (self.by_key.get(&key).copied().unwrap_or(UNKNOWN), vlan)
    }

    /// The number of a point.
    pub(crate) fn of(&self, point: &Point) -> Option<PointIndex> {
        self.by_name.get(point).copied()
    }

    /// All of them, by their numbers.
    pub(crate) fn all(&self) -> &[ObservationPoint] {
        &self.all
    }

    /// One of them.
    pub(crate) fn get(&self, index: PointIndex) -> Option<&ObservationPoint> {
        self.all.get(index as usize)
    }

    /// The number of a point's site.
    pub(crate) fn site(&self, index: PointIndex) -> u32 {
        self.homes.get(index as usize).map_or(0, |(site, _)| *site)
    }

    /// The number of a point's sensor.
    pub(crate) fn sensor(&self, index: PointIndex) -> u32 {
        self.homes.get(index as usize).map_or(0, |(_, sensor)| *sensor)
    }

    /// The number of a sensor under its name; `UNKNOWN` of one that has no points.
    pub(crate) fn sensor_number(&self, name: &str) -> u32 {
        self.sensors.get(name).copied().unwrap_or(UNKNOWN)
    }

    /// The name of a sensor.
    pub(crate) fn sensor_name(&self, sensor: u32) -> String {
        let first = self.homes.iter().position(|(_, other)| *other == sensor);
        first.map(|first| self.all[first].id.sensor.clone()).unwrap_or_default()
    }

    /// The name of a site.
    pub(crate) fn site_name(&self, site: u32) -> String {
        let first = self.homes.iter().position(|(other, _)| *other == site);
        first.map(|first| self.all[first].site.clone()).unwrap_or_default()
    }

    /// Flows of the same ends that a point sees, whatever their sources' ports. Which stations they have is not known: points that
    /// see a link-scope address may mean the same.
    pub(crate) fn ends(&self, index: PointIndex, key: &FlowKey) -> FlowId {
        let (site, sensor) = self.homes.get(index as usize).copied().unwrap_or_default();
        let loopback =
            self.get(index).is_none_or(|point| point.interface.loopback) || key.destination.address.is_loopback();
        self.seed.hash_one((site, loopback.then_some(sensor), key))
    }

    /// A flow that a point sees.
    pub(crate) fn flow(&self, index: PointIndex, flow: &Flow) -> FlowId {
        let Some(point) = self.get(index) else { return 0 };
        let (site, sensor) = self.homes[index as usize];
        self.seed.hash_one(SharedFlow::new(site.into(), (sensor.into(), index.into()), &point.interface, flow))
    }
}

fn number(known: &mut HashMap<String, u32>, name: &str, most: usize) -> u32 {
    if let Some(number) = known.get(name) {
        return *number;
    }
    if known.len() >= most {
        return u32::MAX;
    }
    let number = known.len() as u32;
    known.insert(name.to_owned(), number);
    number
}

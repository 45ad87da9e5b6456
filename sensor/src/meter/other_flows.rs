//! Flows without a row of their own, by class.

use traf_model::{Class, Traffic};

/// Traffic and the number of flows of every class.
#[derive(Clone)]
pub(super) struct OtherFlows([(Traffic, u64); Class::COUNT]);

impl Default for OtherFlows {
    fn default() -> Self {
        Self([(Traffic::default(), 0); Class::COUNT])
    }
}

impl OtherFlows {
    /// Adds the traffic of `flows` flows.
    pub(super) fn add(&mut self, class: Class, traffic: Traffic, flows: u64) {
        let (sum, count) = &mut self.0[class.index()];
        *sum += traffic;
        *count += flows;
    }

    /// The classes that have any.
    pub(super) fn rows(&self) -> Vec<(Class, Traffic, u64)> {
        let rows = self.0.iter().enumerate();
        rows.filter(|(_, (traffic, flows))| !traffic.is_empty() || *flows > 0)
            .filter_map(|(index, (traffic, flows))| Some((Class::at(index)?, *traffic, *flows)))
            .collect()
    }
}

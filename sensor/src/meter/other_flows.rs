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

    /// Takes away the traffic of `flows` flows: what the class lacks, because it is of frames that were addressed otherwise, from the
    /// others.
    pub(super) fn take(&mut self, class: Class, mut traffic: Traffic, mut flows: u64) {
        for index in std::iter::once(class.index()).chain(0..Class::COUNT) {
            let (sum, count) = &mut self.0[index];
            let (before, counted) = (*sum, (*count).min(flows));
            *sum = before - traffic;
            traffic = traffic - (before - *sum);
            *count -= counted;
            flows -= counted;
        }
    }

    /// The classes that have any.
    pub(super) fn rows(&self) -> Vec<(Class, Traffic, u64)> {
        let rows = self.0.iter().enumerate();
        rows.filter(|(_, (traffic, flows))| !traffic.is_empty() || *flows > 0)
            .filter_map(|(index, (traffic, flows))| Some((Class::at(index)?, *traffic, *flows)))
            .collect()
    }
}

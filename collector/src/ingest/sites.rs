//! Names of sites, as sensors give them. Each name takes a place in memory for as long as the collector runs, so a sensor has few.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// Sites of one sensor while the collector runs: a machine moves now and then.
const OF_SENSOR: usize = 16;

/// Sites that each sensor has named.
#[derive(Debug, Default)]
pub(crate) struct Sites(Mutex<HashMap<String, BTreeSet<String>>>);

impl Sites {
    /// Notes the site of a sensor; the error says in words that it has named too many.
    pub(super) fn note(&self, sensor: &str, site: &str) -> Result<(), String> {
        let mut sites = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let named = sites.entry(sensor.to_owned()).or_default();
        if !named.contains(site) {
            if named.len() >= OF_SENSOR {
                return Err(format!("this sensor has named {OF_SENSOR} sites since the collector started: no more"));
            }
            named.insert(site.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_has_few_sites_and_takes_none_from_others() {
        let sites = Sites::default();
        let taken = (0..100).filter(|number| sites.note("a", &format!("site {number}")).is_ok()).count();
        assert_eq!(taken, OF_SENSOR);
        assert_eq!((sites.note("a", "site 7"), sites.note("b", "site 99")), (Ok(()), Ok(())));
    }
}

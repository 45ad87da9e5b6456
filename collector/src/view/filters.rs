//! The named filters, at once and whenever one of them was changed.

use std::time::Duration;

use tokio::sync::watch;
use tonic::Status;
use traf_proto as wire;

use super::repeat::Repeated;
use crate::collector::Collector;
use crate::shared::State;

/// Interval at which the console's right to listen is checked.
const CHECK: Duration = Duration::from_secs(1);

/// All named filters, each time.
pub(super) struct Filters {
    changed: watch::Receiver<State>,
}

impl Filters {
    pub(super) fn new(view: &Collector) -> Self {
        let mut changed = view.shared.state.subscribe();
        changed.mark_changed();
        Self { changed }
    }
}

impl Repeated for Filters {
    type Answer = wire::NamedFilters;

    async fn due(&mut self, _: bool) -> bool {
        matches!(tokio::time::timeout(CHECK, self.changed.changed()).await, Ok(Ok(())))
    }

    async fn answer(&mut self, view: &Collector) -> Result<wire::NamedFilters, Status> {
        Ok(view.shared.filters()[..].into())
    }
}

//! Old data leaves, tier by tier, a small piece at a time, so that nobody waits long.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use traf_model::Timestamp;

use crate::clock;
use crate::config::Retention;
use crate::store::{Store, StoreError, Tier};

/// Between two looks.
const PACE: Duration = Duration::from_secs(60);
/// Between two pieces, so that deliveries come in between.
const BREATH: Duration = Duration::from_millis(20);

/// Until `stop`.
pub(crate) async fn keep(store: Store, retention: Retention, stop: CancellationToken) {
    let lengths = [
        (Tier::Flow, retention.flows),
        (Tier::Second, retention.seconds),
        (Tier::Minute, retention.minutes),
        (Tier::Ledger, retention.ledger),
    ];
    let work = async {
        loop {
            for (tier, length) in lengths.into_iter().filter_map(|(tier, length)| Some((tier, length?))) {
                retire(&store, tier, length).await;
            }
            retire_evidence(&store, retention).await;
            tokio::time::sleep(PACE).await;
        }
    };
    stop.run_until_cancelled(work).await;
}

async fn retire(store: &Store, tier: Tier, length: Duration) {
    let before = clock::now().before(length);
    while more(tier.name(), store.retire(tier, before).await).await {}
}

async fn retire_evidence(store: &Store, Retention { evidence, evidence_octets, .. }: Retention) {
    let before = evidence.map_or(Timestamp(i64::MIN), |length| clock::now().before(length));
    while more("evidence", store.retire_evidence(before, evidence_octets).await).await {}
}

/// True if there may be another piece to retire.
async fn more(what: &str, retired: Result<bool, StoreError>) -> bool {
    match retired {
        Ok(true) => {
            debug!(what, "a piece is retired");
            tokio::time::sleep(BREATH).await;
            true
        }
        Ok(false) => false,
        Err(error) => {
            warn!(what, "old data cannot be retired just now: {error}");
            false
        }
    }
}

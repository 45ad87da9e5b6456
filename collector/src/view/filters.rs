//! The named filters, at once and whenever one of them was changed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio::sync::watch;
use traf_proto as wire;

use super::{Answers, View};
use crate::secrets::Peer;

/// How often it is looked whether the console may still listen.
const LOOK: Duration = Duration::from_secs(1);

/// All of them, each time.
pub(super) fn answers(view: View, peer: Arc<Peer>) -> Answers<wire::NamedFilters> {
    let mut changed = view.shared.changed();
    changed.mark_changed();
    Box::pin(stream::unfold(Some((view, peer, changed)), |open| async {
        let (view, peer, mut changed): (View, Arc<Peer>, watch::Receiver<u64>) = open?;
        loop {
            let waited = tokio::select! {
                () = view.stop.cancelled() => None,
                waited = tokio::time::timeout(LOOK, changed.changed()) => waited.ok(),
            };
            if let Some(status) = view.over(&peer) {
                return Some((Err(status), None));
            }
            if let Some(Ok(())) = waited {
                return Some((Ok(view.shared.filters()[..].into()), Some((view, peer, changed))));
            }
        }
    }))
}

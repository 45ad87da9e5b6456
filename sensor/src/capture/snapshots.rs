//! Latest snapshots of the interfaces, posted by the capture threads and read by the live stream.

use std::sync::Arc;

use tokio::sync::watch;
use traf_model::{InterfaceSnapshot, Timestamp, Wish};

/// An interface's state, and what it answers.
#[derive(Clone, Debug)]
pub(crate) struct PostedSnapshot {
    /// Time of posting.
    pub at: Timestamp,
    /// The wishes that it answers.
    pub wishes: Arc<Vec<Wish>>,
    /// The state.
    pub snapshot: InterfaceSnapshot,
}

impl PostedSnapshot {
    /// Of an interface that has just been opened or closed, and answers nothing.
    pub(crate) fn new(at: Timestamp, snapshot: InterfaceSnapshot) -> Self {
        Self { at, wishes: Arc::default(), snapshot }
    }
}

/// All interfaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSnapshots {
    /// Those under capture.
    pub capturing: Vec<watch::Receiver<PostedSnapshot>>,
    /// The last of those that vanished.
    pub gone: Vec<InterfaceSnapshot>,
}

impl LatestSnapshots {
    /// True if all open interfaces have posted since that moment, and answered these wishes.
    pub(crate) fn is_current(&self, since: Timestamp, wishes: &Arc<Vec<Wish>>) -> bool {
        self.capturing.iter().all(|capture| {
            let posted = capture.borrow();
            posted.snapshot.gone || posted.at >= since && Arc::ptr_eq(&posted.wishes, wishes)
        })
    }

    /// All that are open, and those that vanished, by name.
    pub(crate) fn snapshots(&self) -> Vec<InterfaceSnapshot> {
        let capturing = self.capturing.iter().map(|capture| capture.borrow().snapshot.clone());
        let mut all: Vec<InterfaceSnapshot> = capturing.chain(self.gone.iter().cloned()).collect();
        all.sort_unstable_by(|a, b| a.interface.name.cmp(&b.interface.name));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_current_when_every_line_has_posted_since_and_answers_the_same_wishes() {
        let (now, wishes) = (Timestamp::from_seconds(1_800_000_000), Arc::new(Vec::new()));
        let before = Timestamp(now.0 - 1);
        let posted = |at: Timestamp, wishes: &Arc<Vec<Wish>>, gone: bool| PostedSnapshot {
            at,
            wishes: wishes.clone(),
            snapshot: InterfaceSnapshot { gone, ..InterfaceSnapshot::default() },
        };
        let current = |second: PostedSnapshot| {
            let (_first, one) = watch::channel(posted(now, &wishes, false));
            let (_second, two) = watch::channel(second);
            LatestSnapshots { capturing: vec![one, two], gone: Vec::new() }.is_current(now, &wishes)
        };
        assert!(current(posted(now, &wishes, false)));
        assert!(!current(posted(before, &wishes, false)), "of the second before");
        assert!(!current(posted(now, &Arc::new(Vec::new()), false)), "made before these wishes came");
        assert!(current(posted(before, &Arc::default(), true)), "nobody posts any more");
        assert!(LatestSnapshots::default().is_current(now, &wishes), "none is open");
    }
}

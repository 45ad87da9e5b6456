//! The live plane: the present state once a second, latest wins, never queued; the answers are what consoles wish to see.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;
use traf_model::{SettingsState, Snapshot, Timestamp, Wish};
use traf_peer::explain;
use traf_proto as wire;
use traf_proto::WireError;

use crate::capture::snapshots::LatestSnapshots;
use crate::export::last_error::LastError;
use crate::export::{SensorInfo, client};
use crate::spool::thread::SpoolStatus;
use crate::system::clock;

/// Octets of one snapshot, before compression: a sensor's live stream stays below 60 KB/s whatever the traffic.
pub(crate) const BUDGET: usize = 56_000;
/// Wishes that are answered at once; the collector merges those of its consoles.
const WISHES: usize = 32;
/// Between two looks at the snapshots while an interface owes its state of this second, or an answer to new wishes.
const LOOK: Duration = Duration::from_millis(10);
/// Longest wait for one that owes it; what it posted last goes out then.
const PATIENCE: Duration = Duration::from_millis(400);
const SECOND: i64 = 1_000_000_000;

/// State that snapshots are made from.
pub(crate) struct LiveStream {
    /// Identity and names of this sensor.
    pub introduction: SensorInfo,
    /// Start of the program.
    pub started: Timestamp,
    /// The interfaces' present state.
    pub latest: watch::Receiver<LatestSnapshots>,
    /// The spool's.
    pub spool: watch::Receiver<SpoolStatus>,
    /// Wishes of the consoles, for the capture threads.
    pub wishes: watch::Sender<Arc<Vec<Wish>>>,
    /// Settings that the collector wants.
    pub wanted: watch::Sender<Option<wire::Settings>>,
    /// Settings in force.
    pub settings: watch::Receiver<SettingsState>,
}

impl LiveStream {
    /// Sends until `stop`.
    pub(crate) async fn run(self, channel: Channel, stop: CancellationToken) {
        let (mut last_error, mut left_out) = (LastError::about("live view at the collector"), LeftOut::default());
        while let Some(ended) = stop.run_until_cancelled(self.session(&channel, &mut last_error, &mut left_out)).await {
            // Nobody looks: the capture threads need not answer.
            self.wishes.send_replace(Arc::default());
            let words = ended.map_or_else(|status| explain(&status), |()| "the connection ended".to_owned());
            last_error.wait(words, &stop).await;
        }
    }

    async fn session(
        &self,
        channel: &Channel,
        last_error: &mut LastError,
        left_out: &mut LeftOut,
    ) -> Result<(), Status> {
        // One at a time: when the connection does not take it, the next one is newer.
        let (outgoing, snapshots) = mpsc::channel(1);
        let first = self.snapshot(clock::now());
        let _ = outgoing.try_send(first);
        let mut wishes = client(channel).live(ReceiverStream::new(snapshots)).await?.into_inner();
        last_error.well("connected");
        let mut due = Due::next(clock::now());
        let mut look = Box::pin(tokio::time::sleep(Duration::ZERO));
        loop {
            look.as_mut().reset(due.look);
            tokio::select! {
                answer = wishes.message() => match answer? {
                    Some(mut answer) => {
                        if let Some(settings) = answer.settings.take() {
                            self.wanted.send_replace(Some(settings));
                        }
                        let wishes = left_out.read(answer);
                        let same = **self.wishes.borrow() == wishes;
                        if !same {
                            self.wishes.send_replace(Arc::new(wishes));
                            due = due.sooner();
                        }
                    }
                    None => return Ok(()),
                },
                () = &mut look => {
                    let now = Instant::now();
                    if now < due.latest && !self.latest.borrow().is_current(due.since, &self.wishes.borrow()) {
                        due.look = now + LOOK;
                        continue;
                    }
                    let at = clock::now();
                    due = Due::next(at);
                    match outgoing.try_send(self.snapshot(at)) {
                        Ok(()) => last_error.forget(),
                        Err(mpsc::error::TrySendError::Full(_)) => {}
                        Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
                    }
                }
            }
        }
    }

    fn snapshot(&self, at: Timestamp) -> wire::Snapshot {
        let SensorInfo { version, name, site, .. } = self.introduction.clone();
        let SpoolStatus { spool, epoch, .. } = self.spool.borrow().clone();
        let (interfaces, settings) = (self.latest.borrow().snapshots(), self.settings.borrow().clone());
        let started = self.started;
        let snapshot = Snapshot { at, started, epoch, version, name, interfaces, spool, site, settings };
        let mut snapshot = wire::Snapshot::from(&snapshot);
        trim(&mut snapshot, BUDGET);
        snapshot
    }
}

/// Time of the next snapshot.
struct Due {
    /// Of every interface its state since then.
    since: Timestamp,
    look: Instant,
    latest: Instant,
}

impl Due {
    /// At the next full second.
    fn next(now: Timestamp) -> Self {
        let since = Timestamp(now.floor(SECOND).0.saturating_add(SECOND));
        let look = Instant::now() + Duration::from_nanos(since.since(now).unsigned_abs());
        Self { since, look, latest: look + PATIENCE }
    }

    /// As soon as new wishes are answered; however often they change, not later than it was due.
    fn sooner(self) -> Self {
        let look = Instant::now();
        Self { since: Timestamp::default(), look, latest: self.latest.min(look + PATIENCE) }
    }
}

/// Reasons for which wishes were left out: each is logged once, however often the collector repeats the wish.
#[derive(Default)]
struct LeftOut(BTreeSet<String>);

impl LeftOut {
    /// Reads the wishes of a message without those that this program does not understand.
    fn read(&mut self, answer: wire::Wishes) -> Vec<Wish> {
        let read = |wish: wire::Wish| Wish::try_from(wish).inspect_err(|error| _ = self.note(error)).ok();
        answer.wishes.into_iter().take(WISHES).filter_map(read).collect()
    }

    /// Logs a reason; returns whether it is a new one.
    fn note(&mut self, error: &WireError) -> bool {
        let reason = match error {
            WireError::Range("facility", number) => {
                format!("it asks for facility {number}, which this sensor does not know; a newer version may")
            }
            error => error.to_string(),
        };
        // All that can stand in one message.
        if self.0.len() >= WISHES {
            self.0.clear();
        }
        let news = self.0.insert(reason.clone());
        if news {
            tracing::warn!("a wish of the collector is left out: {reason}");
        }
        news
    }
}

/// Cuts the answers so that the snapshot needs at most `budget` octets: row by row from all of them alike. How many matched
/// stays as it is, so that a console says what it does not show.
fn trim(snapshot: &mut wire::Snapshot, budget: usize) {
    if snapshot.encoded_len() <= budget {
        return;
    }
    let answers = snapshot.interfaces.iter_mut().flat_map(|interface| &mut interface.answers);
    let queues: Vec<_> = answers.map(|answer| std::mem::take(&mut answer.rows).into_iter()).collect();
    let mut left = budget.saturating_sub(snapshot.encoded_len());
    let answers = snapshot.interfaces.iter_mut().flat_map(|interface| &mut interface.answers);
    let mut open: Vec<_> = answers.zip(queues).collect();
    while !open.is_empty() {
        open.retain_mut(|(answer, rows)| {
            let Some(row) = rows.next() else { return false };
            // Tag and length, of the row and of what it lies in.
            let octets = row.encoded_len() + 9;
            let fits = octets <= left;
            if fits {
                left -= octets;
                answer.rows.push(row);
            }
            fits
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use traf_model::facility::HOSTS;
    use traf_model::{Answer, Counters, Counts, Facility, InterfaceSnapshot, Item, Key, Row, Traffic};

    use super::*;

    fn answer(id: u64, rows: usize) -> Answer {
        let row = |number: usize| {
            let key = Key::Address(std::net::Ipv4Addr::from(number as u32).into());
            let counts = Counts::from(Traffic::inbound(Counters::new(number as u64, 1 << 40)));
            Row::new(Traffic::default(), Item::Counted(HOSTS, key, counts))
        };
        Answer { id, matched: rows as u64, rows: (0..rows).map(row).collect(), ..Answer::default() }
    }

    fn snapshot(rows: &[usize]) -> wire::Snapshot {
        let interfaces = rows
            .iter()
            .map(|rows| InterfaceSnapshot { answers: vec![answer(1, *rows)], ..InterfaceSnapshot::default() })
            .collect();
        (&Snapshot { interfaces, ..Snapshot::default() }).into()
    }

    #[test]
    fn a_wish_for_a_facility_that_this_sensor_does_not_know_is_left_out_and_logged_once() {
        let wish = |facility, filter: &str| wire::Wish { facility, filter: filter.to_owned(), ..wire::Wish::default() };
        let wishes = || wire::Wishes { wishes: vec![wish(1, ""), wish(250, ""), wish(6, "udp")], settings: None };
        let mut left_out = LeftOut::default();
        for _ in 0..3 {
            let facilities: Vec<Facility> = left_out.read(wishes()).iter().map(|wish| wish.facility).collect();
            assert_eq!(facilities, [Facility::Traffic, HOSTS.into()]);
            assert_eq!(left_out.0.len(), 1);
        }
        assert!(!left_out.note(&WireError::Range("facility", 250)));
        assert!(left_out.note(&WireError::Range("facility", 251)));
        (300..1_000).for_each(|number| _ = left_out.note(&WireError::Range("facility", number)));
        assert!(left_out.0.len() <= WISHES);
    }

    #[test]
    fn a_snapshot_within_its_budget_is_whole() {
        let mut whole = snapshot(&[100, 7]);
        trim(&mut whole, BUDGET);
        assert_eq!(whole, snapshot(&[100, 7]));
    }

    #[test]
    fn a_large_snapshot_is_cut_alike_for_all_interfaces_and_says_how_many_matched() {
        let mut large = snapshot(&[5_000, 3, 5_000]);
        trim(&mut large, BUDGET);
        assert!(large.encoded_len() <= BUDGET && large.encoded_len() > BUDGET * 3 / 4, "{}", large.encoded_len());
        let rows: Vec<usize> = large.interfaces.iter().map(|interface| interface.answers[0].rows.len()).collect();
        assert_eq!(rows[1], 3);
        assert!(rows[0] > 300 && rows[0].abs_diff(rows[2]) <= 1, "{rows:?}");
        assert_eq!(large.interfaces[0].answers[0].matched, 5_000);
        assert_eq!(
            large.interfaces[0].answers[0].rows[..],
            snapshot(&[5_000]).interfaces[0].answers[0].rows[..rows[0]]
        );
    }
}

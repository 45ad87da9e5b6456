//! The collector's side of the spool: what goes out, under which number, and what is forgotten when it is committed.

use std::io;

use traf_model::{ClassGroup, LossReason, Summary, Timestamp, Traffic};
use traf_proto::Batch;

use super::Spool;
use super::index::IndexEntry;
use super::persistent_state::Numbering;
use super::record::RecordHeader;

/// Everything up to and including this is committed, in the collector's numbers. Zero and zero: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommitMark {
    /// Of the last record.
    pub epoch: u64,
    /// Of the last record.
    pub seq: u64,
}

impl Spool {
    /// Numbering for the collector that knows us as `identity`.
    fn numbering(&self, identity: &str) -> Numbering {
        let known = self.state.numbering.clone().filter(|numbering| numbering.identity == identity);
        known.unwrap_or_else(|| Numbering { identity: identity.to_owned(), ..Numbering::default() })
    }

    /// The collector refuses our epoch: a later one of ours was there. When it never answered us before, our memory was lost
    /// and we go on behind it: with the clock, which is later than any count of starts. Else there are two of us.
    pub(crate) fn fenced(&mut self, identity: &str, now: Timestamp) -> bool {
        let mut numbering = self.numbering(identity);
        let clock = now.seconds().unsigned_abs();
        if numbering.met || self.state.epoch + numbering.epoch >= clock {
            return false;
        }
        tracing::warn!("the collector knows a later start of this sensor: its memory was lost, and goes on from there");
        numbering.epoch = clock;
        self.state.numbering = Some(numbering);
        self.save().is_ok()
    }

    /// The collector said where it stands, and who it takes us for: what it has goes, the rest follows its mark.
    pub(crate) fn resume(&mut self, identity: &str, mark: CommitMark) -> io::Result<()> {
        self.index.sent = 0;
        let mut numbering = self.numbering(identity);
        let known = std::mem::replace(&mut numbering.met, true);
        if known {
            // Sealed in a later epoch than the mark's, under a number that was used before: not what is committed.
            self.forget(|header| {
                wire(header.to, numbering.seq) <= mark.seq && header.epoch + numbering.epoch <= mark.epoch
            });
        }
        let first = self.index.entries.front().map_or(self.state.next, |entry| entry.header.from);
        let expected = mark.seq.saturating_add(1);
        if wire(first, numbering.seq) != expected {
            let missing = wire(first, numbering.seq).saturating_sub(expected);
            if known && missing > 0 && first > 1 {
                tracing::error!("the collector lost {missing} records that it had acknowledged; this is declared");
                numbering.seq = difference(expected, first - 1);
                let slice = self.about(self.index.entries.front().map(|entry| entry.header.slice.from));
                let (from, epoch) = (first - 1, self.state.epoch);
                self.declare(LossReason::Forgotten, None, RecordHeader { epoch, from, to: from, slice, folded: false });
                self.state.lost += missing - 1;
            } else {
                tracing::info!("numbers go on behind what the collector has: {}", mark.seq);
                numbering.seq = difference(expected, first);
            }
        }
        // What we seal must be later than the mark, unless the mark is our own.
        let oldest = self.index.entries.front().filter(|_| !known);
        let earliest = oldest.map_or(self.state.epoch, |entry| entry.header.epoch);
        if !known || mark.epoch > self.state.epoch + numbering.epoch {
            numbering.epoch = numbering.epoch.max((mark.epoch + 1).saturating_sub(earliest));
        }
        if self.state.numbering.as_ref() == Some(&numbering) {
            return Ok(());
        }
        self.state.numbering = Some(numbering);
        self.save()
    }

    /// The next record to send, in the collector's numbers; from now on it may be committed at any moment.
    #[allow(clippy::should_implement_trait, reason = "the spool is no iterator: more may follow after `None`")]
    pub fn next(&mut self) -> Option<Batch> {
        let header = self.index.unsent()?.header;
        let summary = self.payload(&header);
        let header = self.index.unsent()?.header;
        self.index.sent = header.to;
        let numbering = self.state.numbering.as_ref();
        let (seq, epoch) = numbering.map_or((0, 0), |numbering| (numbering.seq, numbering.epoch));
        let (from_seq, to_seq) = (wire(header.from, seq), wire(header.to, seq));
        Some(Batch { epoch: header.epoch + epoch, from_seq, to_seq, summary: summary.into() })
    }

    /// The collector has committed everything up to `seq`, in its numbers.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        let shift = self.state.numbering.as_ref().map_or(0, |numbering| numbering.seq);
        self.forget(|header| wire(header.to, shift) <= seq);
        if !self.memory.is_empty() {
            self.retry(); // there is room now
        }
    }

    /// The collector cannot use the record that ends with `seq`, in its numbers, and did not commit it: the record is set aside,
    /// and a declared loss with its counts takes its place, so that what follows is delivered. False when it is not the
    /// next one, or is a declared loss already: then something else is wrong.
    pub(crate) fn refused(&mut self, seq: u64) -> bool {
        let shift = self.state.numbering.as_ref().map_or(0, |numbering| numbering.seq);
        let Some(header) = self.index.entries.front().map(|entry| entry.header) else { return false };
        if wire(header.to, shift) != seq || self.refused_record == Some(header.to) {
            return false;
        }
        let payload = self.payload(&header);
        let total = |summary: Summary| {
            let parts = summary.interfaces.iter().map(|part| part.classes().group(ClassGroup::Total));
            let total = parts.sum::<Traffic>().total();
            (total.packets, total.octets)
        };
        let counted = traf_proto::decode(&payload).ok().map(total);
        self.folder.keep_refused(&header.name(), &header.encode(payload));
        self.index.sent = 0;
        // A reason that every collector knows: an older one is a likely cause of all this.
        self.declare(LossReason::Damaged, counted, header);
        self.refused_record = Some(header.to);
        if let Err(error) = self.save() {
            tracing::warn!("the spool's state cannot be written: {error}");
        }
        true
    }

    /// Forgets the oldest records, as long as `done` says so.
    fn forget(&mut self, done: impl Fn(&RecordHeader) -> bool) {
        let mut names = Vec::new();
        while let Some(IndexEntry { header, .. }) = self.index.pop_if(&done) {
            self.memory.remove(&header.from);
            names.push(header.name());
        }
        if !names.is_empty() {
            self.folder.remove(names);
        }
    }
}

fn wire(seq: u64, shift: i64) -> u64 {
    seq.saturating_add_signed(shift)
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(0)
}

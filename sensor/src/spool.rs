//! Sealed slices wait here until the collector has committed them: one plain file each.
//!
//! ```text
//!  seal ──► new.tmp, fsync, rename, fsync the folder ──► next ──► (collector) ──► acknowledge ──► unlink, oldest first
//! ```
//!
//! Whatever moment the machine stops at, a sealed record is there whole, or was never reported as sealed. Bounded in octets
//! and files: when full, the oldest records that cannot be committed yet become their totals, and say so. With a disk that
//! takes nothing, records wait in memory, bounded too. What is damaged is declared, never skipped: the collector sees every
//! sequence number once.
//!
//! Left out: compaction by steps of time, and telling others; the caller does the waiting.

mod delivery;
pub(crate) mod disk;
pub(crate) mod fold;
pub(crate) mod index;
pub(crate) mod persistent_state;
pub(crate) mod record;
pub(crate) mod thread;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use traf_model::{Interval, Loss, LossReason, SpoolState, Summary, Timestamp};

pub(crate) use delivery::CommitMark;
pub use disk::{SpoolFolder, record_ranges};
pub use index::SpoolLimits;
pub use record::{RecordHeader, record_name};
pub use thread::{PARTS, SpoolClosed, SpoolHandle, start};

use index::{Index, IndexEntry, Recovery};
use persistent_state::{LastSlice, PersistentState};
use record::RecordError;

/// Reason why the spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk said no.
    #[error("{0}: {1}")]
    SpoolFolder(PathBuf, #[source] io::Error),
    /// Two sensors, one spool.
    #[error(
        "{0} is in use: another traf-sensor runs with this data folder; stop it, or give this one its own with --data"
    )]
    Locked(PathBuf),
    /// Not what was written.
    #[error("{0} cannot be used: {1}")]
    Record(PathBuf, #[source] RecordError),
}

/// The spool of one sensor.
#[derive(Debug)]
pub struct Spool {
    folder: SpoolFolder,
    limits: SpoolLimits,
    index: Index,
    state: PersistentState,
    boot: String,
    /// Records that the disk did not take, by first sequence number: headers and files.
    memory: BTreeMap<u64, (RecordHeader, Vec<u8>)>,
    /// Error of the disk, if it takes nothing.
    trouble: Option<String>,
    /// The last record that stands for one that the collector could not use.
    refused_record: Option<u64>,
}

const STATE: &str = "state";
/// Octets of records that wait in memory when the disk takes nothing.
const MEMORY: usize = 16 << 20;

impl Spool {
    /// Opens the spool for a new start of the sensor: when this returns, the new epoch is durable. Gives too what was known
    /// last, before this start.
    pub fn open(path: &Path, limits: SpoolLimits, boot: String) -> Result<(Self, Option<LastSlice>), SpoolError> {
        let folder = SpoolFolder::open(path)?;
        folder.tidy();
        let failed = |error| SpoolError::SpoolFolder(path.to_owned(), error);
        let state = match folder.read(STATE) {
            Ok(file) => PersistentState::decode(&file).unwrap_or_else(|| {
                tracing::error!(
                    "the spool's state is damaged and was set aside; going on behind the records that wait"
                );
                folder.set_aside(STATE);
                PersistentState::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => PersistentState::default(),
            Err(error) => return Err(failed(error)),
        };
        let found = record_ranges(path).map_err(failed)?;
        let index = Index::default();
        let mut spool =
            Self { folder, limits, index, state, boot, memory: BTreeMap::new(), trouble: None, refused_record: None };
        spool.recover(found);
        let last = spool.state.last.clone();
        spool.state.epoch += 1;
        spool.save().map_err(failed)?;
        Ok((spool, last))
    }

    fn recover(&mut self, found: Vec<(u64, u64)>) {
        let Recovery { ranges, covered, strange } = Recovery::of(found);
        self.folder.remove(covered.iter().map(|(from, to)| record_name(*from, *to)));
        strange.iter().for_each(|(from, to)| self.folder.set_aside(&record_name(*from, *to)));
        let mut missing = Vec::new();
        for ((from, to), there) in ranges {
            self.state.next = self.state.next.max(to + 1);
            match there.then(|| self.found(from, to)) {
                Some(Ok(entry)) => {
                    self.state.epoch = self.state.epoch.max(entry.header.epoch);
                    self.index.push(entry);
                }
                bad => {
                    if let Some(Err(error)) = bad {
                        tracing::error!("{error}; it is set aside and declared as lost");
                        self.folder.set_aside(&record_name(from, to));
                    }
                    let known = self.index.entries.back().map(|last| last.header.slice.to);
                    let header = RecordHeader { epoch: 0, from, to, slice: self.about(known), folded: false };
                    missing.push(header);
                    self.index.push(IndexEntry::new(header, record::HEADER as u64));
                }
            }
        }
        self.state.next = self.state.next.max(1);
        // From the newest on: each takes its start from the one behind it.
        for header in missing.into_iter().rev() {
            let header = self.mended(&RecordHeader { epoch: u64::MAX, ..header });
            self.declare(LossReason::Damaged, None, header);
        }
    }

    /// A record of the folder, by its header. One that claims a later start than is known is read whole: either the state was
    /// lost, or the header is damaged.
    fn found(&self, from: u64, to: u64) -> Result<IndexEntry, SpoolError> {
        let entry = disk::entry(&self.folder.path, from, to)?;
        if entry.header.epoch > self.state.epoch {
            let path = self.folder.path.join(entry.header.name());
            let file = self.folder.read(&entry.header.name());
            let file = file.map_err(|error| SpoolError::SpoolFolder(path.clone(), error))?;
            RecordHeader::decode(&file).map_err(|error| SpoolError::Record(path, error))?;
        }
        Ok(entry)
    }

    /// The header for the loss of a damaged record. Its own header may be what is damaged: a start or a time that does not lie
    /// between those of its neighbours is not believed, because the collector would refuse it.
    fn mended(&self, header: &RecordHeader) -> RecordHeader {
        let entries = &self.index.entries;
        let place = entries.partition_point(|entry| entry.header.to < header.from);
        let before = place.checked_sub(1).and_then(|place| entries.get(place)).map(|entry| entry.header);
        let after = entries.get(place + 1).map(|entry| entry.header);
        let latest = after.map_or(self.state.epoch, |after| after.epoch);
        let epoch = header.epoch.min(latest).max(before.map_or(latest, |before| before.epoch));
        let earliest = before.map_or(Timestamp::default(), |before| before.slice.to);
        let sealed = self.state.last.as_ref().map(|last| Timestamp(last.end)).unwrap_or_default();
        let end = after.map_or(sealed, |after| after.slice.from.min(sealed));
        let slice = header.slice;
        let fits =
            earliest <= slice.from && slice.from < slice.to && slice.to <= end && slice.nanos() <= Index::LONGEST;
        let near = before.map(|before| before.slice.to).or(after.map(|after| after.slice.from));
        // A neighbour that has not been read yet may be damaged, too.
        let near = near.filter(|near| (Timestamp::default()..=sealed).contains(near));
        let slice = if fits { slice } else { self.about(near) };
        RecordHeader { epoch, slice, ..*header }
    }

    /// A moment, for what has no other time: `known`, or the last that was sealed.
    fn about(&self, known: Option<Timestamp>) -> Interval {
        let last = || self.state.last.as_ref().map(|last| Timestamp(last.end));
        let at = known.or_else(last).unwrap_or_default();
        Interval::new(at, Timestamp(at.0.saturating_add(1)))
    }

    /// This start of the sensor.
    pub(crate) fn epoch(&self) -> u64 {
        self.state.epoch
    }

    /// This start of the sensor, as the collector counts it.
    pub(crate) fn wire_epoch(&self) -> u64 {
        self.state.epoch + self.state.numbering.as_ref().map_or(0, |numbering| numbering.epoch)
    }

    /// State of the spool.
    pub(crate) fn state(&self) -> SpoolState {
        SpoolState {
            records: self.index.entries.len() as u64,
            octets: self.index.octets,
            limit: self.limits.octets,
            oldest: self.index.entries.front().map(|entry| entry.header.slice.to),
            lost: self.state.lost,
        }
    }

    /// Seals: gives the summary the next sequence number and makes it durable, or keeps it in memory until the disk takes
    /// it.
    pub fn seal(&mut self, summary: &Summary) {
        let payload = traf_proto::encode(summary);
        let from = self.state.next;
        let header = RecordHeader { epoch: self.state.epoch, from, to: from, slice: summary.slice, folded: false };
        self.state.next += 1;
        self.state.last.get_or_insert_default().seal(summary, &self.boot);

        let file = header.encode(payload);
        let entry = IndexEntry::new(header, file.len() as u64);
        self.retry();
        self.make_room(entry.octets);
        self.index.push(entry);
        // Never past one that waits in memory: what is on the disk has no gaps.
        let written =
            self.memory.is_empty().then(|| self.folder.write(&header.name(), &file).and_then(|()| self.save()));
        match written {
            Some(Ok(())) => self.trouble = None,
            refused => {
                if let Some(Err(error)) = refused {
                    self.trouble = Some(trouble(&error));
                }
                self.memory.insert(from, (header, file));
                self.bound_memory();
            }
        }
    }

    /// Tries the disk again for what waits in memory.
    pub(crate) fn retry(&mut self) {
        while let Some(waiting) = self.memory.first_entry() {
            let (header, file) = waiting.get();
            if let Err(error) = self.folder.write(&header.name(), file) {
                self.trouble = Some(trouble(&error));
                return;
            }
            waiting.remove();
            if self.memory.is_empty() && self.save().is_ok() {
                self.trouble = None;
            }
        }
    }

    /// In memory too the oldest become totals when there is no room.
    fn bound_memory(&mut self) {
        while self.memory.values().map(|(_, file)| file.len()).sum::<usize>() > MEMORY {
            let unsent = self.index.unsent().map_or(u64::MAX, |unsent| unsent.header.from);
            let mut waiting = self.memory.range(unsent..).map(|(_, (header, file))| (*header, file.len()));
            let Some((header, before)) = waiting.find(|(header, _)| !header.folded) else { return };
            let Some(folded) = self.summary(&header).map(|summary| fold::fold(vec![summary], 1)) else { return };
            let header = RecordHeader { folded: true, ..header };
            let file = header.encode(traf_proto::encode(&folded));
            if file.len() >= before {
                return;
            }
            self.index.replace(IndexEntry::new(header, file.len() as u64));
            self.memory.insert(header.from, (header, file));
            self.state.lost += 1;
        }
    }

    fn make_room(&mut self, octets: u64) {
        while !self.index.has_room(octets, &self.limits) {
            let Some(headers) = self.index.to_fold() else {
                tracing::warn!("the spool is over its limit: all that waits may already be with the collector");
                return;
            };
            let whole = headers.iter().filter(|header| !header.folded).count() as u64;
            let Some(summaries) = headers.iter().map(|header| self.summary(header)).collect::<Option<Vec<_>>>() else {
                continue; // a damaged record was declared: ask again
            };
            let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return };
            let summary = fold::fold(summaries, whole);
            let header = RecordHeader { to: last.to, slice: summary.slice, folded: true, epoch: last.epoch, ..*first };
            self.substitute(header, traf_proto::encode(&summary));
            self.state.lost += whole;
        }
    }

    /// Writes a record in the place of those that it covers. Written first, removed afterwards; only where no block is free
    /// for the new one do the old ones, which are to be replaced anyway, give theirs before.
    fn substitute(&mut self, header: RecordHeader, payload: Vec<u8>) {
        let file = header.encode(payload);
        let written = self.folder.write(&header.name(), &file);
        let covered = self.index.replace(IndexEntry::new(header, file.len() as u64));
        for old in &covered {
            self.memory.remove(&old.header.from);
        }
        let fresh = header.name();
        self.folder.remove(covered.iter().map(|old| old.header.name()).filter(|name| *name != fresh));
        if written.is_err() {
            self.memory.insert(header.from, (header, file));
            self.retry();
        }
    }

    /// Puts a declared loss in the place of a record.
    fn declare(&mut self, reason: LossReason, counted: Option<(u64, u64)>, header: RecordHeader) -> Vec<u8> {
        let (slice, records) = (header.slice, header.to - header.from + 1);
        let losses = vec![Loss { reason, interval: slice, records, counted, interface: None }];
        let summary = Summary { slice, sealed: slice.to, losses, ..Summary::default() };
        let (payload, header) = (traf_proto::encode(&summary), RecordHeader { folded: true, ..header });
        self.state.lost += records;
        self.substitute(header, payload.clone());
        payload
    }

    /// The payload of a record, or of the loss that is declared in the place of a damaged one.
    fn payload(&mut self, header: &RecordHeader) -> Vec<u8> {
        let file = match self.memory.get(&header.from) {
            Some((_, file)) => Ok(file.clone()),
            None => self.folder.read(&header.name()),
        };
        let payload = file.map_err(|error| error.to_string()).and_then(|mut file| match RecordHeader::decode(&file) {
            Ok((read, _)) if (read.from, read.to) == (header.from, header.to) => Ok(file.split_off(record::HEADER)),
            Ok(_) => Err(RecordError::Name.to_string()),
            Err(error) => Err(error.to_string()),
        });
        payload.unwrap_or_else(|reason| self.damaged(header, &reason))
    }

    fn damaged(&mut self, header: &RecordHeader, reason: &str) -> Vec<u8> {
        tracing::error!("record {} of the spool is damaged: {reason}; it is set aside and declared as lost", header.to);
        self.folder.set_aside(&header.name());
        let payload = self.declare(LossReason::Damaged, None, self.mended(header));
        if let Err(error) = self.save() {
            self.trouble = Some(trouble(&error));
        }
        payload
    }

    fn summary(&mut self, header: &RecordHeader) -> Option<Summary> {
        let summary = traf_proto::decode(&self.payload(header));
        summary.or_else(|error| traf_proto::decode(&self.damaged(header, &format!("no summary: {error}")))).ok()
    }

    /// Everything that was counted until `now` is sealed, and the sensor ends.
    pub(crate) fn finish(&mut self, now: Timestamp) {
        self.retry();
        let ended = self.memory.is_empty();
        let last = self.state.last.get_or_insert_default();
        (last.end, last.ended) = (now.0, ended);
        if let Err(error) = self.save() {
            tracing::warn!("the spool's state cannot be written: {error}");
        }
    }

    fn save(&self) -> io::Result<()> {
        self.folder.write(STATE, &self.state.encode())
    }
}

fn trouble(error: &io::Error) -> String {
    format!("the spool's disk takes nothing: {error}")
}

#[cfg(test)]
mod tests;

//! Observers that are proved to see the same packets of a flow, and the one of them that is elected.
//!
//! First come, first elected; in the first slice a fuller observer still takes the mark. Whoever has it keeps it until it has
//! been silent for three slices, or lacks more octets than another one has in a slice, and of two slices running more than two
//! per cent: a maximum per slice would count twice whatever two observers put into different slices. What the successor of a silent one saw in the
//! meantime counts then, wherever the silent one's sensor was away.

use std::collections::{HashMap, VecDeque};
use std::num::NonZero;

use traf_model::{Interval, Timestamp};

use super::{Change, Found, Observation, Observer, RowKey};

/// Slices of silence after which the elected observer loses the mark, and a member its membership.
const SILENT: i64 = 3;
/// Rows of a successor that are remembered.
const ROWS: usize = 8;
/// Members beside the elected one that are remembered; more must prove themselves in every slice.
const MEMBERS: usize = 32;
/// Slices running in which the elected observer may fall behind before it loses the mark.
const BEHIND: u8 = 2;

/// Slices that each sensor has delivered lately.
pub(super) type Covered = HashMap<i64, VecDeque<Interval>>;

/// A row that was written: its slice, its key and its octets.
type Row = (Interval, RowKey, u64);

/// Observers of the same packets.
#[derive(Debug)]
pub(super) struct Group {
    elected: ObserverId,
    /// The last slice of the elected observer, and its octets in it; the greatest number where they are not known.
    last: Interval,
    octets: u64,
    /// Its row of that slice; `None` when there are several.
    row: Option<NonZero<RowKey>>,
    /// That slice is the first one of this election.
    first_slice: bool,
    /// What a flow with one observer does without.
    company: Option<Box<Company>>,
}

#[derive(Debug, Default)]
struct Company {
    members: Vec<Member>,
    successor: Option<Successor>,
    /// Rows that count although another group is there: of the last three slices, to be withdrawn with a late proof.
    doubtful: Vec<Row>,
}

/// An observer beside the elected one.
#[derive(Debug)]
struct Member {
    observer: ObserverId,
    last: Interval,
    octets: u64,
    /// Slices running in which the elected one had less than 98 % of its octets.
    ahead: u8,
    /// Octets by which it leads over all slices that were compared, and its most octets of one slice since it leads.
    lead: u64,
    most: u64,
    /// Start of the last slice that was compared.
    compared: Option<Timestamp>,
}

/// The first other observer, and its rows since the elected one's last slice.
#[derive(Debug)]
struct Successor {
    observer: ObserverId,
    rows: Vec<Row>,
}

/// An observer in one word: 24 bits each of its numbers, 16 of its VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ObserverId(u64);

impl From<Observer> for ObserverId {
    fn from(observer: Observer) -> Self {
        let Observer { sensor, interface, vlan } = observer;
        let number = |number: i64| number.cast_unsigned() & 0xff_ffff;
        Self(number(sensor) << 40 | number(interface) << 16 | u64::from(vlan.unwrap_or(u16::MAX)))
    }
}

impl ObserverId {
    fn sensor(self) -> i64 {
        (self.0 >> 40).cast_signed()
    }

    /// True if its sensor has delivered nothing of the time of a slice.
    fn is_away(self, slice: Interval, covered: &Covered) -> bool {
        let slices = covered.get(&self.sensor());
        !slices.is_some_and(|all| all.iter().any(|one| one.from < slice.to && one.to > slice.from))
    }

    fn observer(self) -> Observer {
        let vlan = self.0 as u16;
        let interface = (self.0 >> 16 & 0xff_ffff).cast_signed();
        Observer { sensor: self.sensor(), interface, vlan: (vlan != u16::MAX).then_some(vlan) }
    }
}

/// Nanoseconds of a slice of both: sensors may have slices of different lengths, and the longer one says what a silence is.
fn step(a: Interval, b: Interval) -> i64 {
    a.nanos().max(b.nanos())
}

impl Group {
    pub(super) fn new(observation: &Observation) -> Self {
        Self {
            elected: observation.observer.into(),
            last: observation.slice,
            octets: observation.octets,
            row: NonZero::new(observation.row),
            first_slice: true,
            company: None,
        }
    }

    /// One whose elected observer is known by its record alone.
    pub(super) fn known(observer: Observer, slice: Interval) -> Self {
        let (elected, octets) = (observer.into(), u64::MAX);
        Self { elected, last: slice, octets, row: None, first_slice: false, company: None }
    }

    /// The observer whose rows count.
    pub(super) fn elected(&self) -> Observer {
        self.elected.observer()
    }

    pub(super) fn is_elected(&self, observer: Observer) -> bool {
        self.elected == observer.into()
    }

    /// True if an observer belongs to it: it is elected, or was proved to be one of it and has spoken since.
    pub(super) fn holds(&self, observer: Observer, slice: Interval) -> bool {
        let observer = observer.into();
        let speaks = |member: &Member| slice.from.since(member.last.from) < SILENT * step(slice, member.last);
        self.elected == observer || self.member(observer).is_some_and(speaks)
    }

    /// True if a slice lies so far before its last one that its memory does not say who counted then.
    pub(super) fn is_past(&self, slice: Interval) -> bool {
        self.last.from.since(slice.from) > SILENT * step(slice, self.last)
    }

    /// True if a slice lies before its last one.
    pub(super) fn is_behind(&self, slice: Interval) -> bool {
        slice.from < self.last.from
    }

    /// True if its elected observer has been silent for so long in a slice that anybody may take the mark.
    pub(super) fn is_silent(&self, slice: Interval) -> bool {
        slice.from.since(self.last.from) >= SILENT * step(slice, self.last)
    }

    /// A row of its elected observer. What its successor saw counts where the elected one's sensor was away.
    pub(super) fn again(&mut self, observation: &Observation, covered: &Covered, changes: &mut Vec<Change>) {
        let slice = observation.slice;
        if slice.from.since(self.last.from) > step(slice, self.last) {
            self.fill_gap(slice.from, covered, changes);
        }
        self.note_elected(observation);
    }

    /// Notes a row of its elected observer.
    fn note_elected(&mut self, observation: &Observation) {
        let slice = observation.slice;
        if slice.from == self.last.from {
            // A second row in the slice: it can no longer lose its mark by changing one row.
            (self.octets, self.row) = (self.octets.saturating_add(observation.octets), None);
        } else if slice.from > self.last.from {
            (self.last, self.octets, self.row) = (slice, observation.octets, NonZero::new(observation.row));
            self.first_slice = false;
        }
        let Some(company) = &mut self.company else { return };
        if let Some(successor) = &mut company.successor
            && slice.from == self.last.from
        {
            successor.rows.retain(|(seen, ..)| seen.from >= slice.from);
        }
        for member in company.members.iter_mut().filter(|member| member.last.from == slice.from) {
            member.compare(self.octets);
        }
    }

    /// Takes from the tables who counts: rows of the elected observer that this memory has not seen, or another one that counts
    /// while the elected one is silent.
    pub(super) fn learn(&mut self, found: &[Found], slice: Interval) {
        let counting = found.iter().filter(|found| found.counts);
        let Some(newest) = counting.max_by_key(|found| (self.is_elected(found.observer), found.slice)) else { return };
        let elected = self.is_elected(newest.observer);
        if elected && newest.slice.from > self.last.from || !elected && self.is_silent(slice) {
            (self.elected, self.last, self.octets, self.row) = (newest.observer.into(), newest.slice, u64::MAX, None);
            self.first_slice = false;
            if let Some(company) = &mut self.company {
                company.members.retain(|member| member.observer != self.elected);
                company.successor = None;
            }
        }
    }

    /// Whether a row of one of its observers counts, or of one that takes over from a silent group.
    pub(super) fn see(&mut self, observation: &Observation, covered: &Covered, changes: &mut Vec<Change>) -> bool {
        let slice = observation.slice;
        if self.is_elected(observation.observer) {
            self.again(observation, covered, changes);
            return true;
        }
        if self.is_silent(slice) {
            self.hand_over(slice.from, covered, changes);
            self.elect(observation);
            // Who was silent is forgotten, and must prove itself when it comes back.
            if let Some(company) = &mut self.company {
                company.members.retain(|member| slice.from.since(member.last.from) < SILENT * step(slice, member.last));
            }
            return true;
        }
        let ahead = self.note_member(observation);
        // Only by more than two per cent, and only in the first slice: a later change would count twice what the two put
        // into different slices.
        let fuller = observation.octets > self.octets.saturating_add(self.octets / 50);
        let first = slice == self.last && self.first_slice && fuller && self.row.is_some();
        if first || (ahead && slice.from >= self.last.from) {
            return self.overtake(observation, changes);
        }
        if slice.from >= self.last.from {
            self.note_successor(observation);
        }
        false
    }

    /// The mark moves to an observer that has seen more.
    fn overtake(&mut self, observation: &Observation, changes: &mut Vec<Change>) -> bool {
        let (slice, before, octets, row) = (self.last, self.elected, self.octets, self.row);
        let together = slice == observation.slice;
        self.elect(observation);
        if together {
            // Where the other has several rows in this slice, those count, and the mark moves behind them.
            let Some(row) = row.map(NonZero::get) else {
                self.row = None;
                return false;
            };
            let elected = observation.observer;
            changes.push(Change { row, primary: false, elected, settles: false, replaces: false });
            let rows = vec![(slice, row, octets)];
            self.company().successor = Some(Successor { observer: before, rows });
        }
        true
    }

    /// Elects another observer; the one before stays a member.
    fn elect(&mut self, observation: &Observation) {
        let before = Member { octets: self.octets, ..Member::new(self.elected, self.last) };
        let elected = observation.observer.into();
        let company = self.company();
        company.members.retain(|member| member.observer != elected);
        company.add(before);
        company.successor = None;
        let company = self.company.take();
        *self = Self { company, ..Self::new(observation) };
    }

    /// Notes a row of a member; true if the elected observer has fallen behind it.
    fn note_member(&mut self, observation: &Observation) -> bool {
        let (slice, elected) = (self.last, self.octets);
        let observer = observation.observer.into();
        let company = self.company();
        let Some(member) = company.members.iter_mut().find(|member| member.observer == observer) else {
            company.add(Member { octets: observation.octets, ..Member::new(observer, observation.slice) });
            return false;
        };
        if member.last == observation.slice {
            member.octets = member.octets.saturating_add(observation.octets);
        } else if observation.slice.from > member.last.from {
            (member.last, member.octets) = (observation.slice, observation.octets);
        }
        if slice == observation.slice {
            member.compare(elected);
        }
        member.has_overtaken()
    }

    /// Takes in an observer that was proved to be one of its own.
    pub(super) fn take_in(&mut self, observer: Observer, slice: Interval) {
        let observer: ObserverId = observer.into();
        if observer == self.elected {
            return;
        }
        let company = self.company();
        match company.members.iter_mut().find(|member| member.observer == observer) {
            Some(member) if member.last.from < slice.from => (member.last, member.octets) = (slice, 0),
            Some(_) => {}
            None => company.add(Member::new(observer, slice)),
        }
    }

    /// Takes in all observers of a younger group that was proved to be of the same packets; its rows that count no longer do.
    pub(super) fn join(&mut self, younger: Self, changes: &mut Vec<Change>) {
        self.take_in(younger.elected(), younger.last);
        let elected = self.elected();
        let Some(company) = younger.company else { return };
        for member in company.members {
            self.take_in(member.observer.observer(), member.last);
        }
        let settled = company.doubtful.into_iter();
        changes.extend(settled.map(|(_, row, _)| Change {
            row,
            primary: false,
            elected,
            settles: true,
            replaces: false,
        }));
    }

    /// Notes a row that counts although another group is there.
    pub(super) fn doubt(&mut self, observation: &Observation) {
        let doubtful = &mut self.company().doubtful;
        let slice = observation.slice;
        doubtful.retain(|(seen, ..)| slice.from.since(seen.from) < SILENT * step(slice, *seen));
        doubtful.push((slice, observation.row, observation.octets));
        if doubtful.len() > ROWS {
            doubtful.remove(0);
        }
    }

    /// A row that was decided before a restart.
    pub(super) fn recall(&mut self, observation: &Observation, primary: bool) {
        match (self.is_elected(observation.observer), primary) {
            (true, _) => self.note_elected(observation),
            (false, true) => self.elect(observation),
            (false, false) => {
                self.take_in(observation.observer, observation.slice);
                if observation.slice.from >= self.last.from {
                    self.note_successor(observation);
                }
            }
        }
        // Its octets are not known to one.
        (self.octets, self.first_slice) = (u64::MAX, false);
    }

    fn note_successor(&mut self, observation: &Observation) {
        let row = (observation.slice, observation.row, observation.octets);
        let observer = observation.observer.into();
        match &mut self.company().successor {
            Some(successor) if successor.observer == observer => {
                // Mostly two.
                successor.rows.reserve_exact(1);
                successor.rows.push(row);
                if successor.rows.len() > ROWS {
                    successor.rows.remove(0);
                }
            }
            Some(successor) if !successor.rows.is_empty() => {}
            successor => *successor = Some(Successor { observer, rows: vec![row] }),
        }
    }

    /// Marks the successor's rows of slices in which the elected observer's sensor was away, before it came back.
    fn fill_gap(&mut self, until: Timestamp, covered: &Covered, changes: &mut Vec<Change>) {
        let (last, elected) = (self.last.from, self.elected);
        let Some(successor) = self.company.as_mut().and_then(|company| company.successor.as_mut()) else { return };
        let inside = |slice: Interval| slice.from > last && slice.from < until && elected.is_away(slice, covered);
        let rows = successor.rows.iter().filter(|(slice, ..)| inside(*slice)).map(|(_, row, _)| *row);
        let elected = successor.observer.observer();
        changes.extend(rows.map(|row| Change { row, primary: true, elected, settles: false, replaces: false }));
    }

    /// Marks the successor's rows before `until`, wherever the elected observer's sensor was away.
    fn hand_over(&mut self, until: Timestamp, covered: &Covered, changes: &mut Vec<Change>) {
        let Some(successor) = self.company.as_mut().and_then(|company| company.successor.take()) else { return };
        let last = self.last;
        let away = |slice: Interval| self.elected.is_away(slice, covered);
        let elected = successor.observer.observer();
        let mut change =
            |row, primary, replaces| changes.push(Change { row, primary, elected, settles: false, replaces });
        let next = Interval::new(last.to, Timestamp(last.to.0.saturating_add(last.nanos())));
        let together = successor.rows.iter().filter(|(slice, ..)| *slice == last).count() == 1;
        for (slice, row, octets) in successor.rows {
            if slice.from > last.from && slice.from < until {
                let apart = slice.from.since(last.from) > step(slice, last);
                if apart || away(slice) {
                    change(row, true, false);
                }
            } else if slice == last
                && together
                && octets > self.octets
                && away(next)
                && let Some(cut) = self.row.map(NonZero::get)
            {
                // The elected one's sensor ended within this slice: the successor saw all of it.
                change(cut, false, false);
                change(row, true, true);
            }
        }
    }

    /// The successor has the mark from now on if its own sensor has delivered enough slices without the elected one; `always`
    /// if the group is about to be forgotten.
    pub(super) fn promote_successor(&mut self, always: bool, covered: &Covered, changes: &mut Vec<Change>) {
        let Some(successor) = self.company.as_ref().and_then(|company| company.successor.as_ref()) else { return };
        let (observer, last) = (successor.observer, self.last);
        let Some(&(slice, row, octets)) = successor.rows.last() else { return };
        // One slice more than a newcomer must wait: a delivery may still be under way.
        let newest = covered.get(&observer.sensor()).and_then(VecDeque::back);
        let silent = newest.is_some_and(|newest| newest.from.since(last.from) > SILENT * last.nanos());
        if !silent && !always {
            return;
        }
        self.hand_over(Timestamp(i64::MAX), covered, changes);
        if slice.from > last.from {
            let company = self.company();
            company.members.retain(|member| member.observer != observer);
            (self.elected, self.last, self.octets, self.row) = (observer, slice, octets, NonZero::new(row));
            self.first_slice = true;
        }
    }

    fn member(&self, observer: ObserverId) -> Option<&Member> {
        self.company.as_ref()?.members.iter().find(|member| member.observer == observer)
    }

    fn company(&mut self) -> &mut Company {
        self.company.get_or_insert_default()
    }
}

impl Company {
    /// Adds a member, if there is room.
    fn add(&mut self, member: Member) {
        if self.members.len() < MEMBERS {
            // Mostly one or two: a vector would take room for four.
            self.members.reserve_exact(1);
            self.members.push(member);
        }
    }
}

impl Member {
    fn new(observer: ObserverId, last: Interval) -> Self {
        Self { observer, last, octets: 0, ahead: 0, lead: 0, most: 0, compared: None }
    }

    /// Compares the octets of its last slice with those of the elected observer in it.
    fn compare(&mut self, elected: u64) {
        // Another row of a slice that was compared is left out: the next slice tells as well.
        if self.compared == Some(self.last.from) {
            return;
        }
        self.compared = Some(self.last.from);
        let behind = u128::from(elected) * 100 < u128::from(self.octets) * 98;
        self.ahead = if behind { self.ahead.saturating_add(1) } else { 0 };
        self.lead = self.lead.saturating_add(self.octets).saturating_sub(elected);
        self.most = if self.lead == 0 { 0 } else { self.most.max(self.octets) };
    }

    /// True if the elected observer lacks more than clocks that are apart explain: those only move octets from one slice to
    /// the next.
    fn has_overtaken(&self) -> bool {
        self.ahead >= BEHIND && self.lead > self.most
    }
}

//! Answers that a snapshot leaves out because others had their turn: those that came last still hold for a while.

use std::collections::HashMap;

use traf_model::time::SECOND;
use traf_model::{Answer, Snapshot, Timestamp};

use super::ROWS;

/// Nanoseconds for which an answer holds: a sensor's turns are two seconds long.
const HOLD: i64 = 3 * SECOND;

/// Times at which the wishes of a sensor were answered last, by interface and wish.
#[derive(Default)]
pub(super) struct Carried(HashMap<(String, u64), Timestamp>);

impl Carried {
    /// Adds to a snapshot what the one before it answered to wishes that this one leaves out. An interface that was opened
    /// anew begins anew. What would be too many rows is not added.
    pub(super) fn complete(&mut self, snapshot: &mut Snapshot, before: Option<&Snapshot>, now: Timestamp) {
        self.0.retain(|_, at| (0..=HOLD).contains(&now.since(*at)));
        let sent = snapshot.interfaces.iter().flat_map(|interface| &interface.answers);
        let mut room = ROWS.saturating_sub(sent.map(|answer| answer.rows.len()).sum());
        for interface in &mut snapshot.interfaces {
            let name = &interface.interface.name;
            let fresh: Vec<u64> = interface.answers.iter().map(|answer| answer.id).collect();
            let earlier =
                before.and_then(|before| before.interfaces.iter().find(|other| other.interface.name == *name));
            let earlier =
                earlier.filter(|earlier| earlier.started == interface.started).map(|earlier| &earlier.answers);
            let held = |id: u64| !fresh.contains(&id) && self.0.contains_key(&(name.clone(), id));
            let earlier = earlier.into_iter().flatten().filter(|answer| held(answer.id));
            let fits = |answer: &&Answer| {
                let left = room.checked_sub(answer.rows.len());
                room = left.unwrap_or(room);
                left.is_some()
            };
            let held: Vec<_> = earlier.filter(fits).cloned().collect();
            interface.answers.extend(held);
            self.0.extend(fresh.into_iter().map(|id| ((name.clone(), id), now)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use traf_model::{Class, InterfaceSnapshot, Item, Row, Traffic};

    use super::*;

    fn snapshot(started: i64, answers: &[(u64, u64)]) -> Snapshot {
        let answer = |(id, matched): &(u64, u64)| Answer { id: *id, matched: *matched, ..Answer::default() };
        let answers = answers.iter().map(answer).collect();
        let mut interface = InterfaceSnapshot { started: Timestamp(started), answers, ..InterfaceSnapshot::default() };
        interface.interface.name = "eth0".to_owned();
        Snapshot { interfaces: vec![interface], ..Snapshot::default() }
    }

    /// Answers after each snapshot, which come a second apart.
    fn said(snapshots: &[Snapshot]) -> Vec<Vec<(u64, u64)>> {
        let (mut carried, mut before) = (Carried::default(), None);
        let mut all = Vec::new();
        for (second, snapshot) in (100..).zip(snapshots) {
            let mut now = snapshot.clone();
            carried.complete(&mut now, before.as_ref(), Timestamp::from_seconds(second));
            all.push(now.interfaces[0].answers.iter().map(|answer| (answer.id, answer.matched)).collect());
            before = Some(now);
        }
        all
    }

    #[test]
    fn an_answer_holds_for_three_seconds_unless_there_is_a_newer_one_or_the_interface_is_another() {
        let turns = [&[(1, 10), (2, 20)][..], &[(3, 30)], &[(1, 11)], &[], &[], &[]];
        let all = said(&turns.map(|answers| snapshot(5, answers)));
        let expected: [&[(u64, u64)]; 6] = [
            &[(1, 10), (2, 20)],
            &[(3, 30), (1, 10), (2, 20)],
            &[(1, 11), (3, 30), (2, 20)],
            &[(1, 11), (3, 30), (2, 20)],
            &[(1, 11), (3, 30)],
            &[(1, 11)],
        ];
        assert_eq!(all, expected);
        let all = said(&[snapshot(5, &[(1, 10)]), snapshot(6, &[(2, 20)])]);
        assert_eq!(all[1], [(2, 20)]);
    }

    #[test]
    fn answers_that_hold_are_bounded_in_rows() {
        let row = Row::new(Traffic::default(), Item::Other(Class::at(0).unwrap(), Traffic::default(), 1));
        let full = |id| {
            let mut full = snapshot(5, &[(id, 10)]);
            full.interfaces[0].answers[0].rows = vec![row.clone(); ROWS / 4];
            full
        };
        let (mut carried, mut before) = (Carried::default(), None);
        for (id, held) in (1..).zip([1, 2, 3, 4, 4, 4]) {
            let mut now = full(id);
            carried.complete(&mut now, before.as_ref(), Timestamp::from_seconds(100));
            assert_eq!(now.interfaces[0].answers.len(), held);
            before = Some(now);
        }
    }
}

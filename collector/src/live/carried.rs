//! Answers that a snapshot leaves out because others had their turn: those that came last still hold for a while.

use std::collections::HashMap;

use traf_model::time::SECOND;
use traf_model::{Snapshot, Timestamp};

/// Nanoseconds for which an answer holds: a sensor's turns are two seconds long.
const HOLD: i64 = 3 * SECOND;

/// Times at which the wishes of a sensor were answered last, by interface and wish.
#[derive(Default)]
pub(super) struct Carried(HashMap<(String, u64), Timestamp>);

impl Carried {
    /// Adds to a snapshot what the one before it answered to wishes that this one leaves out. An interface that was opened
    /// anew begins anew.
    pub(super) fn complete(&mut self, snapshot: &mut Snapshot, before: Option<&Snapshot>, now: Timestamp) {
        self.0.retain(|_, at| (0..=HOLD).contains(&now.since(*at)));
        for interface in &mut snapshot.interfaces {
            let name = &interface.interface.name;
            let fresh: Vec<u64> = interface.answers.iter().map(|answer| answer.id).collect();
            let earlier =
                before.and_then(|before| before.interfaces.iter().find(|other| other.interface.name == *name));
            let earlier =
                earlier.filter(|earlier| earlier.started == interface.started).map(|earlier| &earlier.answers);
            let held = |id: u64| !fresh.contains(&id) && self.0.contains_key(&(name.clone(), id));
            let held: Vec<_> = earlier.into_iter().flatten().filter(|answer| held(answer.id)).cloned().collect();
            interface.answers.extend(held);
            self.0.extend(fresh.into_iter().map(|id| ((name.clone(), id), now)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use traf_model::{Answer, InterfaceSnapshot};

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
}

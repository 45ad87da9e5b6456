//! Keys of a counted facility in a slice; of those that flows tell, with their flows that began in it and the keys at their other
//! ends.

use traf_model::{Answer, Counted, Counts, Item, Key, Order, Traffic, Wish};

use super::{Gather, Place, SliceFlow};
use crate::meter::live::LiveView;
use crate::meter::live::peers::Peers;
use crate::meter::live::sums::Sums;
use crate::meter::live::top::Top;
use crate::meter::tables::Tables;

/// Gathered in as many passes as the keys need, and then as their peers do.
pub(super) struct KeysOfSlice<'a> {
    view: &'a LiveView<'a>,
    facility: Counted,
    tables: &'a Tables,
    /// Flows count in the slice; what a filter selects is in its tables already.
    flows_count: bool,
    sums: Sums<Key>,
    /// Traffic in the tables without a key.
    other: Traffic,
    pass: Pass,
}

enum Pass {
    Keys(Top),
    Peers(Answer, Peers),
}

impl<'a> KeysOfSlice<'a> {
    pub(super) fn new(view: &'a LiveView<'a>, (facility, tables): (Counted, &'a Tables), wish: &Wish) -> Self {
        let top = Top::new(&Wish { order: Order::default(), ..wish.clone() });
        let (flows_count, sums) = (wish.filter.is_all(), Sums::new());
        let (other, pass) = (Traffic::default(), Pass::Keys(top));
        let mut gathered = Self { view, facility, tables, flows_count, sums, other, pass };
        gathered.begin();
        gathered
    }

    /// Begins a pass with what is in the tables. Keys that no flow tells are rows already.
    fn begin(&mut self) {
        let Self { sums, facility, tables, pass, .. } = self;
        let (told, facilities) = (facility.shares().is_some(), &tables.facilities);
        let add = |key, counts: Counts| match pass {
            _ if told && !counts.traffic.is_empty() => sums.add(key, counts.traffic, Traffic::default(), 0),
            Pass::Keys(top) if !told => {
                let rate = facilities.rate(*facility, key);
                if !counts.traffic.is_empty() || !rate.is_empty() {
                    top.push(rate, Item::Counted(*facility, key, counts));
                }
            }
            _ => {}
        };
        self.other = facilities.slice(*facility, add).traffic;
    }
}

impl Gather for KeysOfSlice<'_> {
    fn take(&mut self, flow: &SliceFlow<'_>) {
        // What parted is in the tables already.
        let Some(shares) = self.facility.shares().filter(|_| !matches!(flow.place, Place::Parted(_))) else { return };
        let shares = shares(flow.key, &self.view.meter.flows.tables.facilities.ports);
        if let Pass::Peers(_, peers) = &mut self.pass {
            if let [Some(one), Some(other)] = shares {
                peers.add(one.key, other.key);
            }
            return;
        }
        let mut before = None;
        for share in shares.into_iter().flatten() {
            let towards = |traffic: Traffic| if share.reversed { traffic.reversed() } else { traffic };
            // A flow from a key to itself is one flow.
            let flows = u64::from(before != Some(share.key) && flow.begins);
            let traffic = if self.flows_count { flow.traffic } else { Traffic::default() };
            self.sums.add(share.key, towards(traffic), towards(flow.growth), flows);
            before = Some(share.key);
        }
    }

    fn end(&mut self) -> bool {
        let top = match &mut self.pass {
            Pass::Keys(top) => top,
            Pass::Peers(_, peers) => return peers.end(),
        };
        let (sums, more) = self.sums.end();
        for (key, sum) in sums {
            let flows = if self.facility.peers { sum.flows } else { 0 };
            top.push(
                self.view.rate(sum.growth),
                Item::Counted(self.facility, key, Counts { flows, ..sum.traffic.into() }),
            );
        }
        if more {
            self.begin();
            return true;
        }
        let mut top = std::mem::take(top);
        top.add_total(self.other);
        let answer = top.answer();
        let shown = answer.rows.iter().filter(|_| self.facility.peers).filter_map(|row| match &row.item {
            Item::Counted(_, key, _) => Some(*key),
            _ => None,
        });
        let peers = Peers::new(shown);
        let again = !peers.is_empty();
        self.pass = Pass::Peers(answer, peers);
        again
    }

    fn answer(self: Box<Self>) -> Answer {
        let Pass::Peers(mut answer, peers) = self.pass else { return Answer::default() };
        for row in &mut answer.rows {
            if let Item::Counted(_, key, counts) = &mut row.item {
                counts.peers = peers.of(key).unwrap_or_default();
            }
        }
        answer
    }
}

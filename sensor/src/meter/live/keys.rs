//! Rows of counted facilities; of those that flows tell, with their flows and the keys at their other ends.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use traf_model::{Answer, Counted, Counts, Item, Key, OrderBy, Traffic, Wish};

use super::LiveView;
use super::gather::{Gather, Place, Span, WalkedFlow};
use super::peers::Peers;
use super::sums::{Sum, Sums};
use super::top::Top;
use crate::meter::tables::Tables;

/// Gathered in as many passes as the keys need, and then as the peers of the rows that are shown do. In an order by peers those of
/// all keys are counted first.
pub(super) struct GatheredKeys<'a> {
    view: LiveView<'a>,
    span: Span,
    facility: Counted,
    tables: &'a Tables,
    /// What flows counted in this slice is not in the tables yet; what a filter selects is.
    flows_count: bool,
    by_peers: bool,
    sums: Sums<Key>,
    top: Top,
    /// Traffic in the tables without a key.
    other: Traffic,
    pass: Pass,
}

type Found = HashMap<Key, Sum, RandomState>;

enum Pass {
    Keys,
    /// Of the keys that the last pass found, before it is known which are shown; whether keys are left for another one.
    AllPeers(Found, Peers, bool),
    Peers(Answer, Peers),
}

impl<'a> GatheredKeys<'a> {
    pub(super) fn new(view: LiveView<'a>, (facility, tables): (Counted, &'a Tables), span: Span, wish: &Wish) -> Self {
        let top = Top::of_span(wish, span);
        let by_peers = facility.peers && span == Span::Whole && wish.orders().any(|order| order.by == OrderBy::Peers);
        let (flows_count, other, pass) = (wish.filter.is_all(), Traffic::default(), Pass::Keys);
        let sums = Sums::new();
        let mut gathered = Self { view, span, facility, tables, flows_count, by_peers, sums, top, other, pass };
        gathered.begin();
        gathered
    }

    /// Begins a pass with what is in the tables. Keys that no flow tells are rows already.
    fn begin(&mut self) {
        let Self { sums, top, facility, tables, span, .. } = self;
        let (told, facilities) = (facility.shares().is_some(), &tables.facilities);
        let add = |key, counts: Counts| {
            if told {
                sums.add(key, counts.traffic, Traffic::default(), 0);
                return;
            }
            let rate = facilities.rate(*facility, key);
            if !counts.traffic.is_empty() || *span == Span::Slice && !rate.is_empty() {
                top.push(rate, Item::Counted(*facility, key, counts));
            }
        };
        let rest = match span {
            Span::Whole => facilities.totals(*facility, add),
            Span::Slice => facilities.slice(*facility, add),
        };
        self.other = rest.traffic;
    }

    /// Keys that were found become rows.
    fn show(&mut self, found: Found, peers: Option<&Peers>) {
        for (key, sum) in found {
            let flows = if self.facility.peers { sum.flows } else { 0 };
            let peers = peers.and_then(|peers| peers.of(&key)).unwrap_or_default();
            let counts = Counts { flows, peers, ..sum.traffic.into() };
            self.top.push(self.view.rate(sum.growth), Item::Counted(self.facility, key, counts));
        }
    }

    /// All keys are rows: what is left are the peers of those that are shown.
    fn shown(&mut self) -> bool {
        let mut top = std::mem::take(&mut self.top);
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

    /// Another pass for keys, if any are left.
    fn next(&mut self, more: bool) -> bool {
        self.pass = Pass::Keys;
        if more {
            self.begin();
        }
        more || self.shown()
    }
}

impl Gather for GatheredKeys<'_> {
    fn span(&self) -> Span {
        self.span
    }

    fn walks(&self) -> bool {
        self.facility.shares().is_some()
    }

    fn take(&mut self, flow: &WalkedFlow<'_>) {
        // What parted is in the tables already.
        let Some(shares) = self.facility.shares().filter(|_| !matches!(flow.place, Place::Parted(_))) else { return };
        let shares = shares(flow.key, &self.view.meter.flows.tables.facilities.ports);
        if let Pass::AllPeers(_, peers, _) | Pass::Peers(_, peers) = &mut self.pass {
            let counts = self.span == Span::Slice || matches!(flow.place, Place::Slot(_));
            if let ([Some(one), Some(other)], true) = (shares, counts) {
                peers.add(one.key, other.key);
            }
            return;
        }
        let mut before = None;
        for share in shares.into_iter().flatten() {
            let towards = |traffic: Traffic| if share.reversed { traffic.reversed() } else { traffic };
            // A flow from a key to itself is one flow.
            let flows = if before == Some(share.key) { 0 } else { flow.counts(self.span) };
            let traffic = if self.flows_count { flow.slice } else { Traffic::default() };
            self.sums.add(share.key, towards(traffic), towards(flow.growth), flows);
            before = Some(share.key);
        }
    }

    fn end(&mut self) -> bool {
        match &mut self.pass {
            Pass::Keys => {
                let (mut found, more) = self.sums.end();
                // Under a filter there are no keys but those that were counted.
                found.retain(|_, sum| self.span == Span::Slice || !sum.traffic.is_empty());
                if self.by_peers && !found.is_empty() {
                    let peers = Peers::new(found.keys().copied());
                    self.pass = Pass::AllPeers(found, peers, more);
                    return true;
                }
                self.show(found, None);
                self.next(more)
            }
            Pass::AllPeers(found, peers, more) => {
                if peers.end() {
                    return true;
                }
                let (found, more) = (std::mem::take(found), *more);
                let peers = std::mem::replace(peers, Peers::new(std::iter::empty()));
                self.show(found, Some(&peers));
                self.next(more)
            }
            Pass::Peers(_, peers) => peers.end(),
        }
    }

    fn answer(mut self: Box<Self>) -> Answer {
        // Nothing had to be walked.
        if matches!(self.pass, Pass::Keys) {
            self.shown();
        }
        let Self { pass: Pass::Peers(mut answer, peers), span, tables, .. } = *self else { return Answer::default() };
        for row in &mut answer.rows {
            if let Item::Counted(_, key, counts) = &mut row.item {
                counts.peers = peers.of(key).unwrap_or_default();
            }
        }
        if span == Span::Whole { LiveView::since(answer, tables) } else { answer }
    }
}

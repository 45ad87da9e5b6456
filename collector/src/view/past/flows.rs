//! Answers from recorded flows: conversations, and groups and counted facilities folded from them, each byte once.

use traf_model::facility::KeyKind;
use traf_model::{Facility, Filter, Group, Report};

use super::{Ask, Fact, StoreError};
use crate::report::conversation::{Conversations, Counting, JoinedFlow, Overflow, Sighting};
use crate::report::point::Share;
use crate::report::table::{Table, Unnamed};
use crate::report::{doubts, estimate, filter, left_out};
use crate::store::{EndsStep, ProvenFlow};

/// The columns of flows that an answer needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Ends, traffic and times.
    Ends,
    /// All of them.
    All,
}

impl Ask<'_> {
    /// The flows that a filter selects, each byte once, handed to `take`; returns the shares of the points, and what found no room.
    pub(super) async fn flows(
        &self,
        wanted: &Filter,
        detail: Detail,
        mut take: impl FnMut(JoinedFlow) + Send,
    ) -> Result<(Vec<Share>, Overflow), StoreError> {
        // The marks of the store are those of whole sites.
        let marked = self.several() && self.whole && !filter::depends_on_observer(wanted);
        let evidence = self.several() && !marked;
        let counting = || if marked { Counting::Marks } else { Counting::Fullest(None) };
        let mut conversations = Conversations::new(&self.points);
        let sighting = |place, flow, marked| {
            let point = *self.places.get(&place)?;
            let own = &self.points[point];
            Some(Sighting::stored(point, filter::masked(wanted, flow, &own.id.sensor, own.name())?, marked))
        };
        if evidence {
            let mut add = |place, ProvenFlow { flow, marked, proof }: ProvenFlow| {
                if let Some(seen) = sighting(place, flow, marked) {
                    conversations.add(match proof {
                        Some((slice, evidence)) => seen.with_evidence(slice, evidence),
                        None => seen,
                    });
                }
            };
            self.view.store.flows(&self.selection, &mut add).await?;
        } else {
            let details = detail == Detail::All || filter::tests_macs(wanted);
            let mut step = |step| match step {
                EndsStep::Flow(place, flow, marked) => {
                    sighting(place, flow, marked).into_iter().for_each(|seen| conversations.add(seen));
                }
                EndsStep::Next => conversations.count(counting(), &mut take),
            };
            self.view.store.flows_by_ends(&self.selection, details, &mut step).await?;
        }
        Ok(conversations.finish(counting(), take))
    }

    /// Flows of a class without a row, at each point.
    async fn without_row(&self, wanted: &Filter) -> Result<Vec<Unnamed>, StoreError> {
        let mut rest = Vec::new();
        let mut take = |place, fact| {
            if let (Some(point), Fact::OtherFlows(class, traffic, flows)) = (self.places.get(&place), fact) {
                let selected = self.points[*point].selected(wanted, Some(class));
                rest.push(Unnamed { point: *point, class, traffic, flows, selected });
            }
        };
        self.view.store.other_flows(&self.selection, &mut take).await?;
        Ok(rest)
    }

    /// Rows of a facility from recorded flows.
    pub(super) async fn conversations(&self, table: &mut Table<'_>, report: &mut Report) -> Result<(), StoreError> {
        let (facility, several) = (self.query.facility, self.several());
        let group = self.query.group;
        let detail = match facility {
            Facility::Counted(counted) if counted.key != KeyKind::Mac => Detail::Ends,
            Facility::Traffic if group != Group::Flow => Detail::Ends,
            _ => Detail::All,
        };
        let take = |once| table.conversation(once, facility, group);
        let (_, overflow) = self.flows(&self.query.filter, detail, take).await?;
        table.overflow(overflow);
        let others = if several { self.unrowed(table).await? } else { self.without_row(&self.query.filter).await? };
        if !several && facility == Facility::Traffic && self.query.filter.is_all() {
            self.aggregated(table).await?;
        }
        let estimates = table.unnamed(facility, others);
        report.notes.extend(left_out(estimates.undecided));
        if several && estimates.counted > 0 {
            report.notes.push(estimate(estimates.counted));
        }
        if several {
            report.notes.extend(doubts(self.view.store.doubts(&self.selection).await?));
        }
        Ok(())
    }
}

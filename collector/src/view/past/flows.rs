//! Answers from recorded flows: conversations, and groups and counted facilities folded from them, each byte once.

use traf_model::{Facility, Filter, Report};

use super::{Ask, Fact, StoreError};
use crate::report::conversation::{Conversations, Counting, Sighting};
use crate::report::table::{Table, Unnamed};
use crate::report::{doubts, estimate, filter, left_out};
use crate::store::ProvenFlow;

impl Ask<'_> {
    /// The flows that a filter selects, and how they are counted once.
    pub(super) async fn flows(&self, wanted: &Filter) -> Result<(Conversations<'_>, Counting<'static>), StoreError> {
        // The marks of the store are those of whole sites.
        let marked = self.several() && self.whole && !filter::depends_on_observer(wanted);
        let evidence = self.several() && !marked;
        let mut conversations = Conversations::new(&self.points);
        let mut take = |place, ProvenFlow { flow, marked, proof }: ProvenFlow| {
            let Some(point) = self.places.get(&place).copied() else { return };
            let own = &self.points[point];
            if let Some(flow) = filter::masked(wanted, flow, &own.id.sensor, own.name()) {
                let sighting = Sighting::stored(point, flow, marked);
                conversations.add(match proof {
                    Some((slice, evidence)) => sighting.with_evidence(slice, evidence),
                    None => sighting,
                });
            }
        };
        self.view.store.flows(&self.selection, evidence, &mut take).await?;
        Ok((conversations, if marked { Counting::Marks } else { Counting::Fullest(None) }))
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
        let (conversations, counting) = self.flows(&self.query.filter).await?;
        let (_, overflow) = conversations.finish(counting, |once| table.conversation(once, facility, self.query.group));
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

//! Answers from recorded flows: conversations, and groups and counted facilities folded from them, each byte once.

use traf_model::{Facility, Filter, Report, Traffic};

use super::{Ask, Fact, StoreError};
use crate::report::conversation::{Conversations, Elected, JoinedFlows};
use crate::report::table::{Table, Unnamed};
use crate::report::{doubts, estimate, filter, left_out};

impl Ask<'_> {
    /// The flows that a filter selects, each counted once, and if they are wanted those without a row.
    pub(super) async fn counted(
        &self,
        wanted: &Filter,
        others: bool,
    ) -> Result<(JoinedFlows, Vec<Unnamed>), StoreError> {
        let mut conversations = Conversations::new(&self.points);
        let mut rest = Vec::new();
        self.each(Facility::Traffic, |point, fact| {
            let own = &self.points[point];
            match fact {
                Fact::Flow(flow, marked) => {
                    if let Some(flow) = filter::masked(wanted, flow, &own.id.sensor, own.name()) {
                        conversations.add(point, Traffic::default(), flow, marked);
                    }
                }
                Fact::OtherFlows(class, traffic, flows) if others => {
                    let selected = own.selected(wanted, Some(class));
                    rest.push(Unnamed { point, class, traffic, flows, selected });
                }
                _ => {}
            }
        })
        .await?;
        let marked = self.several() && self.whole && !filter::depends_on_observer(wanted);
        let mut elected = Elected::default();
        let counted = conversations.finish((!marked).then_some(&mut elected));
        Ok((counted, rest))
    }

    /// Rows of a facility from recorded flows.
    pub(super) async fn conversations(&self, table: &mut Table<'_>, report: &mut Report) -> Result<(), StoreError> {
        let (facility, several) = (self.query.facility, self.several());
        let (counted, mut others) = self.counted(&self.query.filter, !several).await?;
        table.conversations(counted, facility, self.query.group);
        if several {
            others = self.unrowed(table).await?;
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

//! Answers from recorded flows: conversations, and hosts, services, groups and stations folded from them, each byte once.

use traf_model::{Facility, Filter, Report, Traffic};

use super::{Ask, Fact, StoreError};
use crate::report::conversation::{Conversations, Elected, JoinedFlows, Rule};
use crate::report::table::Table;
use crate::report::{estimate, filter, left_out};

/// Recorded flows that a filter selects.
pub(super) struct Recorded {
    pub(super) counted: JoinedFlows,
    /// By point: class, traffic and keys of what had no row, and whether the filter selects it.
    others: Vec<(usize, traf_model::Class, Traffic, u64, Option<bool>)>,
}

impl Ask<'_> {
    /// The flows that a filter selects, each counted once.
    pub(super) async fn counted(&self, wanted: &Filter, others: bool) -> Result<Recorded, StoreError> {
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
                Fact::OtherFlows(class, traffic, keys) if others => {
                    let selected = own.selected(wanted, Some(class));
                    rest.push((point, class, traffic, keys, selected));
                }
                _ => {}
            }
        })
        .await?;
        let marked = self.several() && self.whole && !filter::depends_on_observer(wanted);
        let mut elected = Elected::default();
        let counted = conversations.finish(if marked { Rule::Marked } else { Rule::Fullest(&mut elected) });
        Ok(Recorded { counted, others: rest })
    }

    /// Rows of a facility from recorded flows.
    pub(super) async fn conversations(&self, table: &mut Table<'_>, report: &mut Report) -> Result<(), StoreError> {
        let (facility, several) = (self.query.facility, self.several());
        let Recorded { counted, others } = self.counted(&self.query.filter, true).await?;
        let shares = counted.shares.clone();
        table.conversations(counted, facility, self.query.group);
        let (mut estimated, mut unknown) = (0u64, 0u64);
        for (point, class, traffic, keys, selected) in others {
            let share = if several { shares.get(point).copied().unwrap_or_default() } else { Default::default() };
            let (part, keys) = (share.of_traffic(traffic), share.of(keys));
            match selected {
                Some(false) => {}
                None => unknown = unknown.saturating_add(part.total().octets),
                Some(true) => {
                    estimated = estimated.saturating_add(part.total().octets);
                    table.add_unnamed(point, facility, class, part, keys);
                }
            }
        }
        report.notes.extend(left_out(unknown));
        if several && estimated > 0 {
            report.notes.push(estimate(estimated));
        }
        Ok(())
    }
}

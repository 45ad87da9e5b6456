//! Flow rows with what they prove of their packets: whether rows of several observation points are of the same. Evidence is kept for
//! a time and up to a size, less long than the rows.

use std::sync::LazyLock;

use traf_model::Timestamp;

use super::Store;
use super::columns::columns;
use super::facts::FlowRow;
use super::table::{SliceTable, of_window};
use crate::report::primary::{FLOW_BITS, RowEvidence, Run};
use crate::store::{PointKey, ProvenFlow, Selection, StoreError};

columns! {
    /// Key of a row; with the first row of each slice the run of the slice, where there is one.
    EvidenceRow {
        id: i64 = "f.id",
        records: Option<Vec<u8>> =
            "case when f.id & 1048575 = 0 then (select m.records from mark m where m.run = s.id) end",
    }
}

/// The flow rows of a window.
pub(super) static PROVEN: LazyLock<String> = LazyLock::new(|| {
    let from = format!("slice s cross join flow f on {}", FlowRow::ON);
    of_window::<(PointKey, (FlowRow, EvidenceRow))>(&from, "order by s.ts, s.sensor, s.seq, f.id")
});

impl Store {
    /// The flow rows of a selection with what they prove, in the order of their slices.
    pub(crate) async fn flows(
        &self,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, ProvenFlow) + Send),
    ) -> Result<(), StoreError> {
        let mut run: Option<Run> = None;
        let mut read = |(place, (row, of_row)): (PointKey, (FlowRow, EvidenceRow))| {
            let number = (of_row.id & ((1 << FLOW_BITS) - 1)) as usize;
            if number == 0 {
                run = of_row.records.and_then(|records| Run::read(place.sensor, &records));
            }
            let evidence = run.as_ref().and_then(|run| run.evidence(number));
            take(place, proven(row, evidence));
        };
        self.each(&PROVEN, selection, &mut read).await
    }
}

fn proven(row: FlowRow, evidence: Option<RowEvidence>) -> ProvenFlow {
    let slice = Timestamp::from_seconds(row.start);
    let marked = row.prim;
    ProvenFlow { flow: row.into(), marked, proof: evidence.map(|evidence| (slice, evidence)) }
}

//! Rows that need no joining: a single point's own answer, interfaces, lines.

use traf_model::{
    Answer, Classes, Filter, GroupKey, InterfaceSnapshot, InterfaceStats, Item, Query, Report, Row, SinglePacket,
};

use crate::report::EACH;
use crate::report::point::ObservationPoint;
use crate::report::table::Table;

/// Note of a table of interfaces while sensors have not counted what its filter asks for.
const BY_CLASS: &str =
    "interfaces are counted by class: what the filter says of addresses, ports and VLANs is not heeded";

/// A single point's own answer.
pub(crate) fn alone(query: &Query, answers: &[Option<&Answer>], points: &[ObservationPoint], report: &mut Report) {
    let (Some(point), Some(Some(answer))) = (points.first(), answers.first()) else { return };
    let named = |row: &Row| {
        let mut row = point.named(row);
        if let Item::Group(GroupKey::Sensor(name), ..) = &mut row.item {
            name.clone_from(&point.id.sensor);
        }
        row
    };
    let (others, mut rows): (Vec<Row>, Vec<Row>) =
        answer.rows.iter().map(named).partition(|row| matches!(row.item, Item::Other(..)));
    rows.sort_by(|a, b| a.compare(b, query.order));
    rows.truncate(query.limit as usize);
    rows.extend(others.into_iter().map(|row| Row { site: String::new(), observed_by: Vec::new(), ..row }));
    (report.rows, report.matched, report.total) = (rows, answer.matched, answer.total);
}

/// Each interface its own row.
pub(crate) fn interfaces(
    query: &Query,
    points: &[ObservationPoint],
    snapshots: &[&InterfaceSnapshot],
    answers: &[Option<&Answer>],
    report: &mut Report,
) {
    let mut table = Table::new(points);
    for (point, ((own, snapshot), answer)) in points.iter().zip(snapshots).zip(answers).enumerate() {
        // A sensor that counts what the filter says tells since when.
        if let Some(answer) = answer.filter(|answer| answer.since.is_some()) {
            answer.rows.iter().for_each(|row| table.add(point, row.rate, row.item.clone()));
            continue;
        }
        let (classes, undecided) = of_filter(&snapshot.classes, &query.filter, own);
        if undecided && !report.notes.iter().any(|note| note == BY_CLASS) {
            report.notes.push(BY_CLASS.to_owned());
        }
        let Some(classes) = classes else { continue };
        let (rates, _) = of_filter(&snapshot.rates, &query.filter, own);
        let stats = InterfaceStats {
            interface: snapshot.interface.clone(),
            ledger: snapshot.ledger,
            classes,
            rates: rates.unwrap_or_default(),
            peak: snapshot.peak,
            peak_total: snapshot.peak_total,
            own: snapshot.own,
        };
        table.add(point, snapshot.rate, Item::Interface(Box::new(stats)));
    }
    table.finish(query, None, report);
    if points.len() > 1 {
        report.notes.push(EACH.to_owned());
    }
}

/// The classes that a filter selects (none at all: `None`), and whether it asked for more than classes can tell.
fn of_filter(classes: &Classes, filter: &Filter, point: &ObservationPoint) -> (Option<Classes>, bool) {
    if point.selected(filter, None) == Some(false) {
        return (None, false);
    }
    let mut undecided = false;
    let selected = classes
        .rows()
        .filter(|(class, _)| {
            let selected = point.selected(filter, Some(*class));
            undecided |= selected.is_none();
            selected != Some(false)
        })
        .collect();
    (Some(selected), undecided)
}

/// The newest lines of all points, oldest first.
pub(crate) fn lines(query: &Query, answers: &[Option<&Answer>], points: &[ObservationPoint], report: &mut Report) {
    for (point, answer) in points.iter().zip(answers).filter_map(|(point, answer)| Some((point, (*answer)?))) {
        report.matched = report.matched.saturating_add(answer.matched);
        report.total += answer.total;
        report.rows.extend(answer.rows.iter().map(|row| point.named(row)));
    }
    let at = |row: &Row| match &row.item {
        Item::Packet(SinglePacket { at, number, .. }) => (*at, *number),
        _ => Default::default(),
    };
    report.rows.sort_by(|a, b| at(a).cmp(&at(b)).then_with(|| a.observed_by.cmp(&b.observed_by)));
    report.rows.drain(..report.rows.len().saturating_sub(query.limit as usize));
}

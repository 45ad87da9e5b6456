//! Rows that need no joining: a single point's own answer, interfaces, lines.

use traf_model::{Answer, Classes, Filter, GroupKey, InterfaceStats, Item, Line, Query, Report, Row};

use super::Voice;
use crate::view::apply;
use crate::view::past::EACH;
use crate::view::seat::Seat;
use crate::view::table::Table;

/// What a table of interfaces under a filter must say while sensors have not counted what it asks for.
const BY_CLASS: &str =
    "interfaces are counted by class: what the filter says of addresses, ports and VLANs is not heeded";

/// A single point's own answer.
pub(super) fn alone(query: &Query, answers: &[Option<&Answer>], seats: &[Seat], report: &mut Report) {
    let (Some(seat), Some(Some(answer))) = (seats.first(), answers.first()) else { return };
    let named = |row: &Row| {
        let mut row = Row { site: seat.site.clone(), observed_by: vec![seat.point.clone()], ..row.clone() };
        if let Item::Group(GroupKey::Sensor(name), ..) = &mut row.item {
            name.clone_from(&seat.point.sensor);
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
pub(super) fn interfaces(
    query: &Query,
    voices: &[Voice<'_>],
    answers: &[Option<&Answer>],
    seats: &[Seat],
    report: &mut Report,
) {
    let mut table = Table::new(seats);
    for (seat, (voice, answer)) in voices.iter().zip(answers).enumerate() {
        // A sensor that counts what the filter says tells since when.
        if let Some(answer) = answer.filter(|answer| answer.since.is_some()) {
            answer.rows.iter().for_each(|row| table.add(seat, row.rate, row.item.clone()));
            continue;
        }
        let snapshot = voice.snapshot;
        let name = &snapshot.interface.name;
        let (classes, undecided) = of_filter(&snapshot.classes, &query.filter, &voice.seen.name, name);
        if undecided && !report.notes.iter().any(|note| note == BY_CLASS) {
            report.notes.push(BY_CLASS.to_owned());
        }
        let Some(classes) = classes else { continue };
        let (rates, _) = of_filter(&snapshot.rates, &query.filter, &voice.seen.name, name);
        let stats = InterfaceStats {
            interface: snapshot.interface.clone(),
            ledger: snapshot.ledger,
            classes,
            rates: rates.unwrap_or_default(),
            peak: snapshot.peak,
            peak_total: snapshot.peak_total,
            own: snapshot.own,
        };
        table.add(seat, snapshot.rate, Item::Interface(Box::new(stats)));
    }
    let finished = table.finish(query.order, query.limit, None);
    (report.rows, report.matched, report.total) = (finished.rows, finished.matched, finished.total);
    if seats.len() > 1 {
        report.notes.push(EACH.to_owned());
    }
}

/// The classes that a filter selects (none at all: `None`), and whether it asked for more than classes can tell.
fn of_filter(classes: &Classes, filter: &Filter, sensor: &str, interface: &str) -> (Option<Classes>, bool) {
    if apply::selects(filter, sensor, interface, None) == Some(false) {
        return (None, false);
    }
    let mut undecided = false;
    let selected = classes
        .rows()
        .filter(|(class, _)| {
            let selected = apply::selects(filter, sensor, interface, Some(*class));
            undecided |= selected.is_none();
            selected != Some(false)
        })
        .collect();
    (Some(selected), undecided)
}

/// The newest lines of all points, oldest first.
pub(super) fn lines(query: &Query, answers: &[Option<&Answer>], seats: &[Seat], report: &mut Report) {
    for (seat, answer) in seats.iter().zip(answers).filter_map(|(seat, answer)| Some((seat, (*answer)?))) {
        report.matched = report.matched.saturating_add(answer.matched);
        report.total += answer.total;
        let named = |row: &Row| Row { site: seat.site.clone(), observed_by: vec![seat.point.clone()], ..row.clone() };
        report.rows.extend(answer.rows.iter().map(named));
    }
    let at = |row: &Row| match &row.item {
        Item::Line(Line { at, number, .. }) => (*at, *number),
        _ => Default::default(),
    };
    report.rows.sort_by(|a, b| at(a).cmp(&at(b)).then_with(|| a.observed_by.cmp(&b.observed_by)));
    report.rows.drain(..report.rows.len().saturating_sub(query.limit as usize));
}

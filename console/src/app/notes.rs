//! Notes on data that are missing from the numbers on the screen.

use traf_model::Gap;

use super::{App, Link};
use crate::moment;
use crate::number::{plural, span};

impl App {
    /// Notes of the reports, once each, and the newest gap; or the reason why the collector is away.
    pub fn notes(&self) -> Vec<String> {
        if let Link::Away(_, reason) = &self.link {
            return vec![reason.clone()];
        }
        let mut notes = Vec::new();
        let gaps = self.feeds.fresh().next().map_or(&[][..], |report| &report.gaps);
        if let Some(gap) = gaps.last() {
            let more = match gaps.len() {
                1 => String::new(),
                several => format!(", and {} (press !)", plural(several as u64 - 1, "more gap", "more gaps")),
            };
            notes.push(format!("blind: {}{more}", self.gap_words(gap)));
        }
        notes.extend(self.report_notes());
        notes
    }

    /// All of it, a line each.
    pub fn missing(&self) -> Vec<String> {
        let gaps = self.feeds.fresh().next().map_or(&[][..], |report| &report.gaps);
        let gaps = gaps.iter().rev().map(|gap| format!("blind: {}", self.gap_words(gap)));
        self.report_notes().into_iter().chain(gaps).collect()
    }

    fn report_notes(&self) -> Vec<String> {
        let mut notes: Vec<String> =
            self.last_message().into_iter().chain(self.names.note()).map(str::to_owned).collect();
        for note in self.feeds.fresh().flat_map(|report| &report.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    }

    fn gap_words(&self, gap: &Gap) -> String {
        let from = moment::show(gap.interval.from, self.now, &self.look.zone);
        format!("{} {from} for {}", gap.point, span(gap.interval.nanos()))
    }
}

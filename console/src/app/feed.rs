//! Questions that are open, and their newest answers.

use traf_model::{Query, Report};

use crate::event::Watch;

/// An open question.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// Its number.
    pub id: u64,
    /// The query.
    pub query: Query,
    /// The newest answer, maybe still to the question before.
    pub report: Option<Report>,
    /// The answer is to this question.
    pub fresh: bool,
    /// The collector will not answer, and why.
    pub refused: Option<String>,
    /// Answers that were passed over because sensors still owed theirs.
    passed: u32,
}

/// So many unfinished answers are passed over, which is about a second; then what there is will do.
const PATIENCE: u32 = 20;

impl Feed {
    /// True if a better answer than this one should be waited for: it has rows of some sensors only.
    pub fn pass_over(&mut self, report: &Report) -> bool {
        let unfinished = !self.fresh && report.notes.iter().any(|note| note == Report::WAITING);
        self.passed += u32::from(unfinished);
        unfinished && self.passed <= PATIENCE
    }
}

/// All open questions of a screen.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    feeds: Vec<Feed>,
    last: u64,
}

impl Feeds {
    /// Makes `wanted` the open questions; returns all watches if that changed something. An old answer stays until the
    /// new one comes if it is of the same table.
    pub fn ask(&mut self, wanted: Vec<Query>) -> Option<Vec<Watch>> {
        if wanted.iter().eq(self.feeds.iter().map(|feed| &feed.query)) {
            return None;
        }
        let mut old = std::mem::take(&mut self.feeds).into_iter();
        for query in wanted {
            let feed = match old.next() {
                Some(feed) if feed.query == query => feed,
                before => {
                    self.last += 1;
                    let kind = |query: &Query| (query.facility, query.group);
                    let report = before.filter(|old| kind(&old.query) == kind(&query)).and_then(|old| old.report);
                    Feed { id: self.last, query, report, ..Feed::default() }
                }
            };
            self.feeds.push(feed);
        }
        let watches = self.feeds.iter().map(|feed| Watch { id: feed.id, query: feed.query.clone() });
        Some(watches.collect())
    }

    /// The question of this number, and its place.
    pub fn find(&mut self, id: u64) -> Option<(usize, &mut Feed)> {
        self.feeds.iter_mut().enumerate().find(|(_, feed)| feed.id == id)
    }

    /// The question in a place.
    pub fn get(&self, place: usize) -> Option<&Feed> {
        self.feeds.get(place)
    }

    /// The newest answer in a place.
    pub fn report(&self, place: usize) -> Option<&Report> {
        self.feeds.get(place)?.report.as_ref()
    }

    /// Answers to the present questions.
    pub fn fresh(&self) -> impl Iterator<Item = &Report> {
        self.feeds.iter().filter(|feed| feed.fresh).filter_map(|feed| feed.report.as_ref())
    }

    /// All answers that are there.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.feeds.iter().filter_map(|feed| feed.report.as_ref())
    }
}

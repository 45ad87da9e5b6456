//! Arithmetic on facts: rows of several slices and observation points become one report.
//!
//! ```text
//! facts or answers ─► filter ─► conversation ─► table ─► rows, total, notes
//!  (store, sensors)                 │
//!                            point: shares         gaps: stretches without data
//! ```
//!
//! * [`primary`] decides which row counts in a LAN when a slice is stored; [`conversation`] counts each flow once in an answer
//! * [`lan`] and [`rows`] make live answers
//!
//! Everything here is a function of its arguments: no store, no network, no clock.

pub(crate) mod best;
pub(crate) mod conversation;
pub(crate) mod filter;
pub(crate) mod gaps;
pub(crate) mod interfaces;
mod keyed;
pub(crate) mod lan;
pub(crate) mod point;
pub(crate) mod primary;
pub(crate) mod rows;
pub(crate) mod strip;
pub(crate) mod table;

/// Note of a table per interface over more than one observation point.
pub(crate) const EACH: &str = "each interface is counted for itself: what several of them saw is in each of their rows";

/// Note on flows without a row that a filter may or may not select.
pub(crate) fn left_out(octets: u64) -> Option<String> {
    (octets > 0)
        .then(|| format!("{octets} octets had no row of their own: whether the filter selects them is not known"))
}

/// Notes on octets that may be counted twice, and on those that are left out because of a clock.
pub(crate) fn doubts(doubts: point::Doubts) -> impl Iterator<Item = String> {
    let point::Doubts { twice, left_out } = doubts;
    let twice = (twice > 0).then(|| {
        format!(
            "up to {twice} octets may be counted twice: several observation points saw flows of equal ends without proof that \
             they are the same"
        )
    });
    let left_out = (left_out > 0).then(|| {
        format!(
            "{left_out} octets are left out: the clock of their sensor was too far ahead, so they count for it only"
        )
    });
    twice.into_iter().chain(left_out)
}

/// Note on flows without a row that several observation points may have seen.
pub(crate) fn estimate(octets: u64) -> String {
    format!(
        "{octets} octets of the total had no row of their own: what several observation points saw of them is estimated"
    )
}

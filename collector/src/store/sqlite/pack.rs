//! Packing of a flow's small parts into one column, and of lists into a text.

use std::str::FromStr;

use traf_model::{Flow, FlowState, Half, Word};

use crate::store::StoreError;

const WORDS: [Word; 4] = [Word::Done, Word::Closed, Word::Reset, Word::TimedOut];

/// State 3 bits, complete 1, own 1, words 3 + 3, flags seen 8 + 8, last flags 8 + 8; from the lowest.
pub(super) fn status(flow: &Flow) -> i64 {
    let state = FlowState::ALL.iter().position(|state| *state == flow.state).unwrap_or(0) as i64;
    let word = |half: &Half| {
        half.word.and_then(|word| WORDS.iter().position(|other| *other == word)).map_or(0, |place| place as i64 + 1)
    };
    state
        | i64::from(flow.complete) << 3
        | i64::from(flow.own) << 4
        | word(&flow.forward) << 5
        | word(&flow.reverse) << 8
        | i64::from(flow.forward.flags) << 11
        | i64::from(flow.reverse.flags) << 19
        | i64::from(flow.forward.last_flags) << 27
        | i64::from(flow.reverse.last_flags) << 35
}

/// Reads [`status`] into a flow.
pub(super) fn read_status(status: i64, flow: &mut Flow) {
    let octet = |shift: u32| (status >> shift & 0xff) as u8;
    let word = |shift: u32| match status >> shift & 7 {
        0 => None,
        place => WORDS.get(place as usize - 1).copied(),
    };
    flow.state = FlowState::ALL.get((status & 7) as usize).copied().unwrap_or_default();
    flow.complete = status >> 3 & 1 == 1;
    flow.own = status >> 4 & 1 == 1;
    (flow.forward.word, flow.reverse.word) = (word(5), word(8));
    (flow.forward.flags, flow.reverse.flags) = (octet(11), octet(19));
    (flow.forward.last_flags, flow.reverse.last_flags) = (octet(27), octet(35));
}

/// With commas between.
pub(super) fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Reads [`list`].
pub(super) fn parse_list<T: FromStr>(text: &str) -> Result<Vec<T>, StoreError> {
    text.split(',').filter(|part| !part.is_empty()).map(parse).collect()
}

/// Reads what the store wrote as text.
pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Damaged(format!("`{}`", text.chars().take(60).collect::<String>())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use proptest::prelude::*;
    use traf_model::{Endpoint, FlowKey, Timestamp};

    use super::*;

    fn flow() -> Flow {
        let end = Endpoint::new([10, 0, 0, 1].into(), 1);
        let key = FlowKey { protocol: 6, vlan: None, source: end, destination: end };
        Flow::new(key, Default::default(), Timestamp(0))
    }

    proptest! {
        #[test]
        fn a_status_survives_its_column(
            state in 0usize..7, bits: (bool, bool), words in (0usize..5, 0usize..5), flags: [u8; 4],
        ) {
            let mut before = flow();
            before.state = FlowState::ALL[state];
            (before.complete, before.own) = bits;
            before.forward.word = words.0.checked_sub(1).map(|place| WORDS[place]);
            before.reverse.word = words.1.checked_sub(1).map(|place| WORDS[place]);
            [before.forward.flags, before.reverse.flags, before.forward.last_flags, before.reverse.last_flags] = flags;
            let mut after = flow();
            read_status(status(&before), &mut after);
            prop_assert_eq!(after, before);
        }
    }
}

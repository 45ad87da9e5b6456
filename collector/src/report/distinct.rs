//! The distinct values of many keys' lists: most lists are short, and a short one is a vector.

use std::collections::HashSet;
use std::hash::Hash;

use foldhash::quality::RandomState;

/// Values that are looked for one by one.
const FEW: usize = 8;

/// Distinct values.
#[derive(Debug)]
pub(crate) enum Distinct<T> {
    Few(Vec<T>),
    Many(HashSet<T, RandomState>),
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<T: Eq + Hash> Distinct<T> {
    pub(crate) fn insert(&mut self, value: T) {
        match self {
            Self::Few(values) if values.contains(&value) => {}
            Self::Few(values) if values.len() < FEW => {
                // Mostly one: a vector would take room for four.
                values.reserve_exact(if values.is_empty() { 1 } else { values.len() });
                values.push(value);
            }
            Self::Few(values) => {
                let mut many: HashSet<T, RandomState> = std::mem::take(values).into_iter().collect();
                many.insert(value);
                *self = Self::Many(many);
            }
            Self::Many(values) => {
                values.insert(value);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Few(values) => values.len(),
            Self::Many(values) => values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_however_many_they_are() {
        let mut distinct = Distinct::default();
        for number in 1..=100 {
            (0..number).for_each(|value| distinct.insert(value));
            assert_eq!(distinct.len(), number);
        }
    }
}

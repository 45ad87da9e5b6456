//! The table of counted facilities: a row is a key of a facility in a slice.
//!
//! A row of a MAC address does not say which part of its traffic carried IP, since mostly all did: the rest, where there is
//! any, is a row of its own, under the negative number of the facility.

use std::collections::HashMap;
use std::sync::LazyLock;

use traf_model::facility::{COUNTED, KeyKind};
use traf_model::{Counted, Counts, Key, Tally, Traffic};

use super::Store;
use super::columns::columns;
use super::dictionary::Dictionary;
use super::pack;
use super::table::{SliceKey, at_moment, sums_of_window};
use crate::store::{Fact, PointKey, Selection, StoreError};

/// Stored key of what found no place.
const OTHER: i64 = -1;

columns! {
    /// Traffic of a key. The word is the text of an address or a MAC.
    CountedRow in "counted" { facility: i64, key: i64, word: Option<String> = "w.word", traffic: Traffic }
}

/// The statement that adds up a facility over a window, by its stored number.
static SUMS: LazyLock<HashMap<i64, String>> = LazyLock::new(|| {
    let facilities = COUNTED.into_iter().flat_map(|facility| numbers(facility).map(|number| (facility, number)));
    facilities.map(|(facility, number)| (number, sums(facility, number))).collect()
});

/// The statement that reads the keys of a facility in the slices that begin at a moment, by its stored number.
static AT: LazyLock<HashMap<i64, String>> =
    LazyLock::new(|| COUNTED.into_iter().map(|facility| (i64::from(facility.number), at(facility))).collect());

/// Stored number of a facility, and of the part of its traffic that carried no IP.
fn numbers(facility: Counted) -> [i64; 2] {
    let number = i64::from(facility.number);
    [number, -number]
}

fn sums(facility: Counted, number: i64) -> String {
    let (word, join) = word(facility, "g");
    let on = format!("f.slice = s.id and f.facility = {number}");
    format!("{} {join}", sums_of_window::<CountedRow>(&on).replace("w.word", word))
}

fn at(facility: Counted) -> String {
    let (word, join) = word(facility, "f");
    let from = format!("slice s cross join counted f on f.slice = s.id and f.facility = {} {join}", facility.number);
    at_moment::<(PointKey, CountedRow)>(&from).replace("w.word", word)
}

/// The text of a key, and the join that it needs.
fn word(facility: Counted, table: &str) -> (&'static str, String) {
    match facility.key {
        KeyKind::Address => ("w.ip", format!("left join address w on w.id = {table}.key")),
        KeyKind::Mac => ("w.mac", format!("left join mac w on w.id = {table}.key")),
        KeyKind::Number => ("null", String::new()),
    }
}

/// The rows of a facility at an observation point in a slice.
pub(super) fn rows(
    (slice, interface): (i64, i64),
    (facility, tally): (Counted, &Tally<Key, Counts>),
    dictionary: &Dictionary,
    rows: &mut Vec<(SliceKey, CountedRow)>,
) -> Result<(), StoreError> {
    let [number, without_ip] = numbers(facility);
    let mut add = |facility, key, traffic: Traffic| {
        if !traffic.is_empty() {
            let row = CountedRow { facility, key, word: None, traffic };
            rows.push((SliceKey { slice, interface }, row));
        }
    };
    let keyed = tally.rows().map(|(key, counts)| (Some(*key), counts));
    for (key, counts) in keyed.chain([(None, tally.other())]) {
        let key = key.map_or(Ok(OTHER), |key| dictionary.key(key))?;
        add(number, key, counts.traffic);
        if facility.key == KeyKind::Mac {
            add(without_ip, key, counts.traffic - counts.ip);
        }
    }
    Ok(())
}

impl CountedRow {
    fn read(&self, facility: Counted) -> Result<Option<Key>, StoreError> {
        if self.key == OTHER {
            return Ok(None);
        }
        let word = || {
            let word = self.word.as_deref();
            word.ok_or_else(|| StoreError::Damaged(format!("a key of {} without text", facility.name)))
        };
        Ok(Some(match facility.key {
            KeyKind::Address => Key::Address(pack::parse(word()?)?),
            KeyKind::Mac => Key::Mac(pack::parse(word()?)?),
            KeyKind::Number => Key::Number(self.key.cast_unsigned()),
        }))
    }
}

impl Store {
    /// The keys of a counted facility in a selection, added up by observation point.
    pub(super) async fn counted_facts(
        &self,
        facility: Counted,
        selection: &Selection,
        take: &mut (dyn FnMut(PointKey, Fact) + Send),
    ) -> Result<(), StoreError> {
        let [sums, sums_without_ip] = numbers(facility).map(|number| SUMS.get(&number).map(String::as_str));
        let (Some(sums), Some(sums_without_ip)) = (sums, sums_without_ip) else { return Ok(()) };
        let macs = facility.key == KeyKind::Mac;
        let mut without_ip: HashMap<(PointKey, i64), Traffic> = HashMap::new();
        if macs {
            let take = &mut |(place, row): (PointKey, CountedRow)| {
                without_ip.insert((place, row.key), row.traffic);
            };
            self.each(sums_without_ip, selection, take).await?;
        }
        let mut damaged = Ok(());
        let take = &mut |(place, row): (PointKey, CountedRow)| {
            let mut counts = Counts::from(row.traffic);
            if macs {
                counts.ip = row.traffic - without_ip.remove(&(place, row.key)).unwrap_or_default();
            }
            match row.read(facility) {
                Ok(key) => take(place, Fact::Counted(key, counts)),
                Err(error) => damaged = Err(error),
            }
        };
        self.each(sums, selection, take).await?;
        damaged
    }
}

impl Store {
    /// The keys of a counted facility in the slices that begin at a moment.
    pub(super) async fn counted_at(
        &self,
        facility: Counted,
        (start, sensors): (i64, &[i64]),
        take: &mut (dyn FnMut(PointKey, Key, Traffic) + Send),
    ) -> Result<(), StoreError> {
        let Some(sql) = AT.get(&facility.number.into()) else { return Ok(()) };
        let mut damaged = Ok(());
        let row = &mut |(place, row): (PointKey, CountedRow)| match row.read(facility) {
            Ok(Some(key)) => take(place, key, row.traffic),
            Ok(None) => {}
            Err(error) => damaged = Err(error),
        };
        self.each_at(sql, start, sensors, row).await?;
        damaged
    }
}

/// All statements, for the test that prepares them.
#[cfg(test)]
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    SUMS.values().chain(AT.values()).map(String::as_str)
}

//! Named filters and what consoles change.

use super::WireError;
use crate as wire;
use traf_model::filter::{NamedFilter, check_name};

impl From<&NamedFilter> for wire::NamedFilter {
    fn from(filter: &NamedFilter) -> Self {
        Self { name: filter.name.clone(), rules: filter.rules.to_string() }
    }
}

impl TryFrom<wire::NamedFilter> for NamedFilter {
    type Error = WireError;

    fn try_from(wire: wire::NamedFilter) -> Result<Self, WireError> {
        check_name(&wire.name).map_err(WireError::Name)?;
        Ok(Self { name: wire.name, rules: wire.rules.parse()? })
    }
}

impl From<&[NamedFilter]> for wire::NamedFilters {
    fn from(filters: &[NamedFilter]) -> Self {
        Self { filters: filters.iter().map(Into::into).collect() }
    }
}

impl TryFrom<wire::NamedFilters> for Vec<NamedFilter> {
    type Error = WireError;

    fn try_from(wire: wire::NamedFilters) -> Result<Self, WireError> {
        match wire.filters.len() {
            count if count > NamedFilter::MOST => Err(WireError::TooMany("filters", count)),
            _ => super::each(wire.filters),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_filter_crosses_whole_and_what_is_wrong_with_it_is_said() {
        let filter = NamedFilter {
            name: "web".to_owned(),
            rules: "exclude host 10.0.0.7\ninclude tcp port 80".parse().unwrap(),
        };
        let wire = wire::NamedFilters::from(&[filter.clone()][..]);
        assert_eq!(Vec::<NamedFilter>::try_from(wire), Ok(vec![filter]));
        for (name, rules, words) in
            [("", "include tcp", "1 to 40"), ("web", "include tcp\nexclude port x", "line 2, column 14")]
        {
            let wire = wire::NamedFilter { name: name.to_owned(), rules: rules.to_owned() };
            assert!(NamedFilter::try_from(wire).unwrap_err().to_string().contains(words), "{name}");
        }
    }
}

//! The option `--filter`: words, or the name of a filter that all consoles share.

use anyhow::Result;
use traf_model::filter::check_name;
use traf_model::{Filter, NamedFilter};

use crate::client::Client;
use crate::failure::Usage;

/// The named filter of this name.
pub async fn named(client: &Client, name: &str) -> Result<NamedFilter> {
    let all = client.filters_now().await?;
    match all.iter().find(|filter| filter.name == name) {
        Some(filter) => Ok(filter.clone()),
        None if all.is_empty() => Err(Usage(format!("there is no filter `{name}`: none is defined")).into()),
        None => {
            let names: Vec<&str> = all.iter().map(|filter| filter.name.as_str()).collect();
            Err(Usage(format!("there is no filter `{name}`; there are: {}", names.join(", "))).into())
        }
    }
}

/// The filter of `--filter`: words, or `@` and the name of a filter that all consoles share.
pub async fn filter(client: &Client, text: &str) -> Result<Filter> {
    match text.strip_prefix('@') {
        Some(name) => Ok(named(client, name).await?.rules.compiled()),
        None => Ok(text.parse().map_err(|error: traf_model::FilterError| Usage(error.to_string()))?),
    }
}

/// Checks `--filter` before the collector is asked.
pub fn check_filter(text: &str) -> Result<(), Usage> {
    match text.strip_prefix('@') {
        Some(name) => check_name(name).map_err(Usage),
        None => text.parse::<Filter>().map(drop).map_err(|error| Usage(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_words_or_a_name() {
        assert!(check_filter("@web").is_ok() && check_filter("tcp").is_ok() && check_filter("").is_ok());
        assert!(check_filter("@").is_err() && check_filter("src port 70000").is_err());
    }
}

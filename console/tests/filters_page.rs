//! Every example of docs/filters.md is one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use traf_model::{Filter, Rules};

/// The code blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    page.split(&start[..]).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_filter_on_the_page_is_one_and_says_what_it_means_again() {
    let page = include_str!("../../docs/filters.md");
    let lines: Vec<&str> = blocks(page, "filter").into_iter().flat_map(str::lines).collect();
    assert!(lines.len() > 20, "{lines:?}");
    for line in lines {
        let filter: Filter = line.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter, "{line}");
    }
}

#[test]
fn every_list_of_rules_on_the_page_is_one_and_shows_something() {
    let page = include_str!("../../docs/filters.md");
    let all: Vec<Rules> = blocks(page, "rules").into_iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(Rules::shows_something));
    assert_eq!(all[1].compiled().to_string(), "not (host 10.0.0.9 and tcp port 22)");
}

//! Named filters: ordered rules, of which the first that matches decides; what none matches is not shown.
//!
//! ```text
//! # web, but not the monitoring host
//! exclude host 10.0.0.7
//! include tcp port 80 or 443
//! ```
//!
//! Rules are kept and edited as this text, one rule a line, and asked as one [`Filter`]: from the last rule to the first,
//! each `include` is another `or`, each `exclude` another `and not`. Both bind alike from the left, so no rule needs
//! brackets around those after it.

use std::fmt;
use std::str::FromStr;

use super::parse::LONGEST;
use super::{Expression, Filter, FilterError, Test};

/// A filter that one console defines and all consoles of a collector may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFilter {
    /// Unique among the collector's filters; see [`check_name`].
    pub name: String,
    /// Its rules.
    pub rules: Rules,
}

impl NamedFilter {
    /// Filters that one collector keeps.
    pub const MOST: usize = 100;
}

/// Characters of the longest name.
const LONGEST_NAME: usize = 40;

/// Checks a name: 1 to 40 letters, digits, spaces and signs, not beginning with `@`.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let fine = |c: char| c.is_alphanumeric() || c.is_ascii_punctuation() || c == ' ';
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(format!("a filter's name has 1 to {LONGEST_NAME} characters"));
    }
    if name.trim() != name || name.starts_with('@') || !name.chars().all(fine) {
        return Err(
            "a filter's name is made of letters, digits, spaces and signs, and begins with none of `@` and space"
                .to_owned(),
        );
    }
    Ok(())
}

/// Rules in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules(pub Vec<Rule>);

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// True if matching packets are shown, false if they are left out.
    pub include: bool,
    /// The packets that it matches.
    pub filter: Filter,
}

/// The first words of rules.
const INCLUDE: &str = "include";
const EXCLUDE: &str = "exclude";
/// The word for a filter that matches everything.
const ALL: &str = "all";

impl Rules {
    /// Rules of one filter.
    pub const MOST: usize = 100;
    /// Octets of their longest text. Less than a filter may have, so that more can be joined to it.
    pub const LONGEST: usize = LONGEST / 2;

    /// All rules as one filter: it selects what the first rule that matches includes.
    pub fn compiled(&self) -> Filter {
        let not = |rule: Expression| Expression::Not(rule.into());
        // Without a value nothing matches, without an expression everything does.
        let mut compiled: Option<Option<Expression>> = None;
        for Rule { include, filter } in self.0.iter().rev() {
            compiled = match (include, filter.expression.clone(), compiled) {
                (true, None, _) | (true, _, Some(None)) => Some(None),
                (true, rule, None) => Some(rule),
                (true, Some(rule), Some(Some(rest))) => Some(Some(Expression::Or(rest.into(), rule.into()))),
                (false, None, _) | (false, _, None) => None,
                (false, Some(rule), Some(None)) => Some(Some(not(rule))),
                (false, Some(rule), Some(Some(rest))) => Some(Some(Expression::And(rest.into(), not(rule).into()))),
            };
        }
        compiled.map_or_else(nothing, |expression| Filter { expression })
    }

    /// True if a rule includes anything; otherwise nothing is ever shown.
    pub fn shows_something(&self) -> bool {
        self.compiled() != nothing()
    }
}

/// tcpdump has no word for it.
fn nothing() -> Filter {
    let ip = || Expression::Test(Test::Ipv4);
    Filter::new(Expression::And(ip().into(), Expression::Not(ip().into()).into()))
}

/// `include tcp port 80`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.include { INCLUDE } else { EXCLUDE };
        if self.filter.is_all() { write!(f, "{word} {ALL}") } else { write!(f, "{word} {}", self.filter) }
    }
}

/// One rule a line.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

impl FromStr for Rule {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        rule(0, text)
    }
}

impl FromStr for Rules {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut rules = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let trimmed = text.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            if rules.len() == Self::MOST {
                return Err(FilterError::new(text, Some(line), 0, format!("more than {} rules", Self::MOST)));
            }
            rules.push(rule(line, text)?);
        }
        let rules = Self(rules);
        let octets = rules.to_string().len().max(rules.compiled().to_string().len());
        if octets > Self::LONGEST {
            let message = format!("the rules together have {octets} octets, at most {} are kept", Self::LONGEST);
            return Err(FilterError::new("", Some(text.lines().count().saturating_sub(1)), 0, message));
        }
        Ok(rules)
    }
}

fn rule(line: usize, text: &str) -> Result<Rule, FilterError> {
    let start = text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len());
    let rest = &text[start..];
    let word = rest.split(char::is_whitespace).next().unwrap_or_default();
    let wrong = |octets: usize, column, message| {
        FilterError::new(text, Some(line), text[..octets].chars().count() + column, message)
    };
    let include = match word {
        INCLUDE => true,
        EXCLUDE => false,
        _ => {
            let found = if word.is_empty() { "the end".to_owned() } else { format!("`{word}`") };
            return Err(wrong(start, 0, format!("expected `{INCLUDE}` or `{EXCLUDE}`, found {found}")));
        }
    };
    let (words, end) = (&rest[word.len()..], start + word.len());
    let filter = match words.trim() {
        // A rule that was left unfinished must not match everything.
        "" => return Err(wrong(end, 0, format!("expected a filter, or `{ALL}` for everything, found the end"))),
        ALL => Filter::default(),
        _ => words.parse().map_err(|error: FilterError| wrong(end, error.column, error.message))?,
    };
    Ok(Rule { include, filter })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::any_filter;
    use super::*;
    use crate::filter::Subject;
    use crate::{Endpoint, Mac};

    fn parsed(text: &str) -> Rules {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn subject(protocol: Option<u8>, host: u8, port: u16) -> Subject<'static> {
        let end = |last: u8, port| Endpoint::new([10, 0, 0, last].into(), port);
        Subject {
            sensor: "web1",
            interface: "eth0",
            ether_type: if protocol.is_some() { 0x0800 } else { 0x0806 },
            protocol,
            ends: protocol.map(|_| (end(host, 40_000), end(9, port))),
            vlan: None,
            macs: (Some(Mac([2, 0, 0, 0, 0, host])), None),
        }
    }

    #[test]
    fn the_first_rule_that_matches_decides_and_none_drops() {
        let rules = parsed("# web\nexclude host 10.0.0.7\n\n  include tcp port 80 or 443\nexclude tcp\ninclude ip\n");
        let filter = rules.compiled();
        for (protocol, host, port, shown) in [
            (Some(6), 3, 80, true),
            (Some(6), 7, 80, false),
            (Some(6), 3, 22, false),
            (Some(17), 3, 53, true),
            (Some(17), 7, 53, false),
            (None, 3, 0, false),
        ] {
            assert_eq!(filter.matches(&subject(protocol, host, port)), shown, "{protocol:?} {host} {port}");
        }
        assert_eq!(filter.to_string(), "ip and not tcp or (tcp port 80 or tcp port 443) and not host 10.0.0.7");
    }

    #[test]
    fn rules_that_include_nothing_show_nothing_and_all_means_everything() {
        for (text, shows, compiled) in [
            ("", false, "ip and not ip"),
            ("exclude all\ninclude tcp", false, "ip and not ip"),
            ("exclude tcp", false, "ip and not ip"),
            ("include all\nexclude tcp", true, ""),
            ("exclude tcp\ninclude all", true, "not tcp"),
        ] {
            let rules = parsed(text);
            assert_eq!((rules.shows_something(), rules.compiled().to_string().as_str()), (shows, compiled), "{text}");
        }
        assert!(
            !parsed("").compiled().matches(&subject(None, 3, 0))
                && !parsed("").compiled().matches(&subject(Some(6), 3, 80))
        );
    }

    #[test]
    fn an_error_points_at_line_and_column() {
        for (text, place, words) in [
            ("include tcp\nexclude src port 70000", (1, 17), "a port from 0 to 65535"),
            ("# a\n\n  allow tcp", (2, 2), "expected `include` or `exclude`, found `allow`"),
            ("include", (0, 7), "or `all` for everything"),
            ("include höst 1.2.3.4", (0, 8), "found `höst`"),
        ] {
            let error = text.parse::<Rules>().expect_err(text);
            let (line, column) = place;
            assert!(error.message.contains(words), "{text}: {error}");
            assert_eq!((error.line, error.column), (Some(line), column), "{text}: {error}");
        }
        let error = "include tcp\nexclude port 70000".parse::<Rules>().unwrap_err().to_string();
        assert!(
            error.contains("line 2, column 14:") && error.ends_with("\n  exclude port 70000\n               ^"),
            "{error}"
        );
    }

    #[test]
    fn rules_are_bounded_in_number_and_size() {
        assert!("include tcp\n".repeat(Rules::MOST).parse::<Rules>().is_ok());
        let error = "include tcp\n".repeat(Rules::MOST + 1).parse::<Rules>().unwrap_err();
        assert!(error.line == Some(Rules::MOST) && error.message.contains("more than 100 rules"), "{error}");
        let long = "include src net 2001:db8:1111:2222:3333:4444:5555:6660/124\n".repeat(90);
        assert!(long.parse::<Rules>().unwrap_err().message.contains("octets"));
    }

    #[test]
    fn names_are_what_a_person_can_type_after_an_at() {
        for name in ["web", "Büro (2. Stock)", "a", "tcp/80, no backup"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", " web", "web ", "@web", "a\nb", "a\u{202e}b", &"x".repeat(41)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    fn any_rules() -> impl Strategy<Value = Rules> {
        let rule = (any::<bool>(), any_filter()).prop_map(|(include, filter)| Rule { include, filter });
        proptest::collection::vec(rule, 0..8).prop_map(Rules)
    }

    proptest! {
        #[test]
        fn one_compiled_filter_is_the_first_match_of_the_rules(
            rules in any_rules(), host: u8, port in prop_oneof![Just(80u16), any::<u16>()],
            protocol in prop_oneof![Just(None), any::<u8>().prop_map(Some), Just(Some(6))],
        ) {
            let subject = subject(protocol, host, port);
            let first = rules.0.iter().find(|rule| rule.filter.matches(&subject));
            prop_assert_eq!(rules.compiled().matches(&subject), first.is_some_and(|rule| rule.include), "{}", rules);
        }

        #[test]
        fn any_rules_survive_print_and_parse(rules in any_rules()) {
            let printed = rules.to_string();
            match printed.parse::<Rules>() {
                Ok(parsed) => prop_assert_eq!(&parsed, &rules),
                Err(error) => prop_assert!(error.message.contains("octets"), "{error}"),
            }
            let compiled = rules.compiled();
            if compiled.to_string().len() <= LONGEST {
                prop_assert_eq!(compiled.to_string().parse::<Filter>(), Ok(compiled));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>(), line in "(include|exclude| |\t|é|host|1.2.3.4|\n){0,12}") {
            let _ = text.parse::<Rules>().map_err(|error| error.to_string());
            let _ = line.parse::<Rules>().map_err(|error| error.to_string());
        }
    }
}

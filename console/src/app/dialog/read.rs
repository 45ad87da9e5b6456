//! From a rule back to the form, where a form can say it.

use traf_model::filter::{End, Expression, Rule, Test};

use super::form::{Form, PROTOCOLS};

impl Form {
    /// The form that says this rule; `None` where no form can.
    pub fn of(rule: &Rule) -> Option<Self> {
        let mut form = Self { include: rule.include, opposite: false, ..Self::default() };
        if let Some(expression) = rule.filter.expression() {
            let mut parts = Vec::new();
            conjuncts(expression, &mut parts);
            if let Some(protocols) = parts.last().and_then(|last| protocol_tests(last)) {
                parts.pop();
                form.mark(&protocols);
            }
            match parts[..] {
                [Expression::Or(there, _)] => {
                    form.opposite = true;
                    let mut parts = Vec::new();
                    conjuncts(there, &mut parts);
                    form.fill(&parts)?;
                }
                _ => form.fill(&parts)?,
            }
        }
        // Whatever was read wrong does not come out as it went in.
        (form.rule().ok()? == *rule).then_some(form)
    }

    fn fill(&mut self, parts: &[&Expression]) -> Option<()> {
        for part in parts {
            let Expression::Test(test) = part else { return None };
            let (end, text, more) = match test {
                Test::Host(end, address) => (end, address.to_string(), None),
                Test::Net(end, address, length) => (end, format!("{address}/{length}"), None),
                Test::Mask(end, address, mask) => (end, address.to_string(), Some((2, mask.to_string()))),
                Test::Port(end, None, from, to) => {
                    (end, from.to_string(), Some((1, if from == to { String::new() } else { to.to_string() })))
                }
                _ => return None,
            };
            let second = match end {
                End::Source => false,
                End::Destination => true,
                _ => return None,
            };
            let place = match test {
                Test::Port(..) => 4 + 2 * usize::from(second),
                _ => usize::from(second),
            };
            self.texts[place] = text.into();
            if let Some((step, text)) = more {
                self.texts[place + step] = text.into();
            }
        }
        Some(())
    }

    fn mark(&mut self, words: &[String]) {
        let mut rest = words.to_vec();
        for ((_, own), mark) in PROTOCOLS.iter().zip(&mut self.marks) {
            if own.iter().all(|word| rest.iter().any(|other| other == word)) {
                *mark = true;
                rest.retain(|word| !own.contains(&word.as_str()));
            }
        }
        let numbers: Vec<u8> = rest.iter().filter_map(|word| word.strip_prefix("proto ")?.parse().ok()).collect();
        self.texts[8] = ranges(&numbers).into();
    }
}

/// Parts that are joined by `and`, from left to right.
fn conjuncts<'a>(expression: &'a Expression, parts: &mut Vec<&'a Expression>) {
    if let Expression::And(a, b) = expression {
        conjuncts(a, parts);
        conjuncts(b, parts);
    } else {
        parts.push(expression);
    }
}

/// The words of tests that are only of protocols, joined by `or`.
fn protocol_tests(expression: &Expression) -> Option<Vec<String>> {
    match expression {
        Expression::Or(a, b) => {
            let mut words = protocol_tests(a)?;
            words.extend(protocol_tests(b)?);
            Some(words)
        }
        Expression::Test(test @ (Test::Protocol(_) | Test::Ipv4 | Test::Ipv6 | Test::Icmp | Test::Icmpv6)) => {
            Some(vec![test.to_string()])
        }
        _ => None,
    }
}

/// `8, 18-20, 69`.
fn ranges(numbers: &[u8]) -> String {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let words = ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
    words.collect::<Vec<_>>().join(", ")
}

//! From a rule back to the form, where a form can say it.

use traf_model::filter::{End, Expression, Rule, Test};

use super::form::{Form, PROTOCOLS};

impl Form {
    /// The form that says this rule; `None` where no form can.
    pub fn of(rule: &Rule) -> Option<Self> {
        let mut form = Self { include: rule.include, opposite: false, ..Self::default() };
        if let Some(expression) = rule.filter.expression() {
            let mut parts = conjuncts(expression);
            if let Some(protocols) = parts.last().and_then(|last| protocol_tests(last)) {
                parts.pop();
                form.mark(protocols);
            }
            match parts[..] {
                [Expression::Or(there, _)] => {
                    form.opposite = true;
                    form.fill(&conjuncts(there))?;
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
            // Each text with its places for the source and for the destination.
            let (end, texts) = match test {
                Test::Host(end, address) => (end, vec![([0, 1], address.to_string())]),
                Test::Net(end, address, length) => (end, vec![([0, 1], format!("{address}/{length}"))]),
                Test::Mask(end, address, mask) => {
                    (end, vec![([0, 1], address.to_string()), ([2, 3], mask.to_string())])
                }
                Test::Port(end, None, port, to) if port == to => (end, vec![([4, 6], port.to_string())]),
                Test::Port(end, None, from, to) => (end, vec![([4, 6], from.to_string()), ([5, 7], to.to_string())]),
                _ => return None,
            };
            let end = [End::Source, End::Destination].iter().position(|known| known == end)?;
            for (places, text) in texts {
                self.texts[places[end]] = text.into();
            }
        }
        Some(())
    }

    fn mark(&mut self, mut rest: Vec<String>) {
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
fn conjuncts(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::And(a, b) => [conjuncts(a), conjuncts(b)].concat(),
        other => vec![other],
    }
}

/// The words of tests that are only of protocols, joined by `or`.
fn protocol_tests(expression: &Expression) -> Option<Vec<String>> {
    match expression {
        Expression::Or(a, b) => Some([protocol_tests(a)?, protocol_tests(b)?].concat()),
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

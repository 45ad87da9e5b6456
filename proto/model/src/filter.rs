//! One filter for everything, in tcpdump's words: `src host 10.0.0.3 and (tcp or icmp)`.
//!
//! It parses with errors that point at the place, prints what parses to the same filter again, and matches a packet or
//! a flow. As in tcpdump `and` and `or` bind alike and from the left, `not` binds tighter, and a bare value takes the
//! keyword before it (`port 80 or 443`). Beyond tcpdump: `sensor NAME`, `iface NAME`, `app NAME`. [`Rules`] are filters in
//! an order, of which the first that matches decides.
//!
//! How it becomes SQL is the collector's business.

mod matching;
mod network;
mod parse;
mod print;
mod rules;
mod words;

use std::net::{IpAddr, Ipv4Addr};

pub use matching::Subject;
pub use network::masked;
pub use parse::FilterError;
pub use rules::{NamedFilter, Rule, Rules, check_name};

use crate::Mac;

/// A condition on packets; the default selects all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    expression: Option<Expression>,
}

/// Tests and what joins them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expression {
    /// Both.
    And(Box<Expression>, Box<Expression>),
    /// Either.
    Or(Box<Expression>, Box<Expression>),
    /// The opposite.
    Not(Box<Expression>),
    /// One test.
    Test(Test),
}

/// The end of a packet that a test looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum End {
    /// `src or dst`, also what no word means.
    #[default]
    Either,
    /// `src`.
    Source,
    /// `dst`.
    Destination,
    /// `src and dst`.
    Both,
}

/// A primitive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// `host 10.0.0.3`.
    Host(End, IpAddr),
    /// `net 10.0.0.0/8`: address (its host bits are zero) and prefix length.
    Net(End, IpAddr, u8),
    /// `net 10.0.0.7 mask 255.0.0.255`: address and mask, whose ones and zeros may stand in any order; bits of the address
    /// beyond the mask are zero.
    Mask(End, Ipv4Addr, Ipv4Addr),
    /// `tcp port 80`, `portrange 1-1023`: IP protocol (none: TCP, UDP or SCTP), first and last port.
    Port(End, Option<u8>, u16, u16),
    /// `ether host 00:0c:29:b9:94:62`.
    Ether(End, Mac),
    /// `vlan 7`, or `vlan` for any.
    Vlan(Option<u16>),
    /// `ip`.
    Ipv4,
    /// `ip6`.
    Ipv6,
    /// `tcp`, `proto 47`: over either IP.
    Protocol(u8),
    /// `icmp`: over IPv4, as in tcpdump.
    Icmp,
    /// `icmp6`.
    Icmpv6,
    /// `arp`.
    Arp,
    /// `rarp`.
    Rarp,
    /// `broadcast`: to the broadcast MAC.
    Broadcast,
    /// `multicast`: to a group MAC.
    Multicast,
    /// `sensor web1`.
    Sensor(String),
    /// `iface eth0`.
    Interface(String),
    /// `app https`: a service by name.
    App(String),
}

impl Filter {
    /// A filter of `expression`.
    pub const fn new(expression: Expression) -> Self {
        Self { expression: Some(expression) }
    }

    /// Selects everything.
    pub const fn is_all(&self) -> bool {
        self.expression.is_none()
    }

    /// The tests; `None` if it selects everything.
    pub const fn expression(&self) -> Option<&Expression> {
        self.expression.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn end() -> impl Strategy<Value = End> {
        prop_oneof![Just(End::Either), Just(End::Source), Just(End::Destination), Just(End::Both)]
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-z0-9][a-z0-9_.-]{0,14}".prop_filter("reserved", |name| !["and", "or", "not"].contains(&name.as_str()))
    }

    fn any_test() -> impl Strategy<Value = Test> {
        let address = any::<IpAddr>;
        prop_oneof![
            (end(), address()).prop_map(|(end, address)| Test::Host(end, address)),
            (end(), address(), 0u8..=128).prop_map(|(end, address, length)| {
                let length = if address.is_ipv4() { length.min(32) } else { length };
                Test::Net(end, masked(address, length), length)
            }),
            (end(), any::<(u32, u32)>())
                .prop_filter("a prefix", |(_, (_, mask))| mask.leading_ones() + mask.trailing_zeros() < 32)
                .prop_map(|(end, (address, mask))| Test::Mask(end, (address & mask).into(), mask.into())),
            (end(), prop_oneof![Just(None), Just(Some(6)), Just(Some(17)), Just(Some(132))], any::<(u16, u16)>())
                .prop_map(|(end, protocol, (a, b))| Test::Port(end, protocol, a.min(b), a.max(b))),
            (end(), any::<[u8; 6]>()).prop_map(|(end, mac)| Test::Ether(end, Mac(mac))),
            prop_oneof![Just(None), (0u16..4096).prop_map(Some)].prop_map(Test::Vlan),
            any::<u8>().prop_map(Test::Protocol),
            Just(Test::Ipv4),
            Just(Test::Ipv6),
            Just(Test::Icmp),
            Just(Test::Icmpv6),
            Just(Test::Arp),
            Just(Test::Rarp),
            Just(Test::Broadcast),
            Just(Test::Multicast),
            name().prop_map(Test::Sensor),
            name().prop_map(Test::Interface),
            name().prop_map(Test::App),
        ]
    }

    pub(crate) fn any_filter() -> impl Strategy<Value = Filter> {
        let expression = any_test().prop_map(Expression::Test).prop_recursive(5, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::And(a.into(), b.into())),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::Or(a.into(), b.into())),
                inner.prop_map(|a| Expression::Not(a.into())),
            ]
        });
        prop_oneof![9 => expression.prop_map(Filter::new), 1 => Just(Filter::default())]
    }

    proptest! {
        #[test]
        fn any_filter_survives_print_and_parse(filter in any_filter()) {
            let printed = filter.to_string();
            prop_assert_eq!(printed.parse::<Filter>(), Ok(filter), "{}", printed);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = text.parse::<Filter>().map_err(|error| error.to_string());
        }

        #[test]
        fn no_words_make_the_parser_panic(words in proptest::collection::vec(
            prop_oneof!["host|net|port|src|dst|and|or|not|vlan|ether|proto|tcp|ip6|mask|portrange|sensor", "[()!]|&&|[0-9./:a-f-]{1,9}"], 0..20)
        ) {
            let _ = words.join(" ").parse::<Filter>().map_err(|error| error.to_string());
        }
    }
}

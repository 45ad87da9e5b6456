//! Text to filter: a scanner and a descent over tcpdump's grammar.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::network::{masked, short};
use super::words::{Words, Wrong};
use super::{End, Expression, Filter, Test};
use crate::PortRange;
use crate::names::{PORT_NAMES, protocol_number, service_port};

/// Octets of the longest filter, so that no text makes the descent deep.
pub(super) const LONGEST: usize = 8_192;
/// Brackets and `not`s inside each other.
const DEEPEST: usize = 64;

/// An error in a filter, or in the filter of a rule, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    text: String,
    /// Line of the rules, from zero; `None` in a filter.
    pub line: Option<usize>,
    /// Column, in characters, from zero.
    pub column: usize,
    /// The error, in words.
    pub message: String,
}

impl FilterError {
    pub(super) fn new(text: &str, line: Option<usize>, column: usize, message: String) -> Self {
        Self { text: text.chars().take(200).collect(), line, column: column.min(200), message }
    }
}

impl std::error::Error for FilterError {}

/// The message, the text, and a mark under the place.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "rules, line {}", line + 1)?,
            None => f.write_str("filter")?,
        }
        let Self { text, column, message, .. } = self;
        // Escaping may have moved the place.
        let mark = text.chars().take(*column).flat_map(char::escape_debug).count();
        write!(f, ", column {}: {message}\n  {}\n  {:mark$}^", column + 1, text.escape_debug(), "")
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let fail = |column: usize, message: String| {
            FilterError::new(text, None, text.char_indices().take_while(|(at, _)| *at < column).count(), message)
        };
        if text.len() > LONGEST {
            return Err(fail(0, format!("longer than {LONGEST} octets")));
        }
        let words = Words::scan(text);
        if words.peek().is_none() {
            return Ok(Self::default());
        }
        let mut parser = Parser { words, depth: 0, keyword: Keyword::default() };
        let parsed = parser.expression().and_then(|expression| match parser.words.peek() {
            Some(_) => Err(parser.words.wrong("`and`, `or` or the end")),
            None => Ok(Self::new(expression)),
        });
        parsed.map_err(|Wrong(at, message)| fail(at, message))
    }
}

/// Keywords that a bare value takes over from the primitive before it.
#[derive(Clone, Copy, Default)]
struct Keyword {
    end: End,
    kind: Kind,
    protocol: Option<u8>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    Host,
    Net,
    Port,
    PortRange,
    Ether,
}

const KINDS: [(&str, Kind); 4] =
    [("host", Kind::Host), ("net", Kind::Net), ("port", Kind::Port), ("portrange", Kind::PortRange)];

struct Parser<'a> {
    words: Words<'a>,
    depth: usize,
    keyword: Keyword,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Expression, Wrong> {
        let mut left = self.term()?;
        loop {
            let join = if self.words.eat(&["and", "&&"]) {
                Expression::And
            } else if self.words.eat(&["or", "||"]) {
                Expression::Or
            } else {
                return Ok(left);
            };
            left = join(left.into(), self.term()?.into());
        }
    }

    fn term(&mut self) -> Result<Expression, Wrong> {
        if !matches!(self.words.peek(), Some("not" | "!" | "(")) {
            return self.primitive().map(Expression::Test);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.words.wrong(&format!("at most {DEEPEST} brackets inside each other")));
        }
        let term = if self.words.eat(&["("]) {
            let inner = self.expression()?;
            if !self.words.eat(&[")"]) {
                return Err(self.words.wrong("`)`"));
            }
            inner
        } else {
            self.words.skip();
            Expression::Not(self.term()?.into())
        };
        self.depth -= 1;
        Ok(term)
    }

    fn primitive(&mut self) -> Result<Test, Wrong> {
        let Some(word) = self.words.peek() else { return Err(self.words.wrong(PRIMITIVE)) };
        let test = match word {
            "vlan" => {
                self.words.skip();
                let id = self.words.peek().and_then(|word| word.parse().ok()).filter(|id| *id < 4096);
                match self.words.peek() {
                    _ if id.is_some() => self.words.skip(),
                    Some(word) if numeric(word) => return Err(self.words.wrong("a VLAN identifier from 0 to 4095")),
                    _ => {}
                }
                return Ok(Test::Vlan(id));
            }
            "sensor" => return self.name(Test::Sensor),
            "iface" => return self.name(Test::Interface),
            "app" => return self.name(Test::App),
            "proto" => {
                self.words.skip();
                return self.protocol().map(Test::Protocol);
            }
            "arp" => Test::Arp,
            "rarp" => Test::Rarp,
            "broadcast" => Test::Broadcast,
            "multicast" => Test::Multicast,
            "icmp" => Test::Icmp,
            "icmp6" => Test::Icmpv6,
            "ether" => return self.ether(),
            "ip" | "ip6" | "tcp" | "udp" | "sctp" => return self.qualified(word),
            "igmp" | "gre" | "esp" | "ah" | "pim" | "vrrp" | "ospf" => return self.protocol().map(Test::Protocol),
            _ => return self.typed(None),
        };
        self.words.skip();
        Ok(test)
    }

    fn name(&mut self, test: fn(String) -> Test) -> Result<Test, Wrong> {
        self.words.skip();
        Ok(test(self.words.word("a name")?.to_owned()))
    }

    /// `ip`, `ip6`, `tcp` ...: alone, or before what they narrow.
    fn qualified(&mut self, word: &str) -> Result<Test, Wrong> {
        self.words.skip();
        let protocol = protocol_number(word);
        match self.words.peek() {
            Some("proto") if protocol.is_none() => {
                self.words.skip();
                match (word, self.protocol()?) {
                    ("ip", 1) => Ok(Test::Icmp),
                    ("ip6", 58) => Ok(Test::Icmpv6),
                    _ => Err(self.words.last_wrong("`icmp`, or `proto` without `ip` before it")),
                }
            }
            Some("broadcast" | "multicast") if protocol.is_none() => self.primitive(),
            Some("src" | "dst" | "host" | "net" | "port" | "portrange") => {
                let kind = self.words.rest().find(|word| matches!(*word, "host" | "net" | "port" | "portrange"));
                match (protocol, kind) {
                    (Some(_), Some("port" | "portrange")) | (None, Some("host" | "net")) => self.typed(protocol),
                    (Some(_), _) => Err(self.words.wrong("`port` or `portrange`")),
                    _ => Err(self.words.wrong("`host` or `net`")),
                }
            }
            _ => Ok(protocol.map_or(if word == "ip" { Test::Ipv4 } else { Test::Ipv6 }, Test::Protocol)),
        }
    }

    fn ether(&mut self) -> Result<Test, Wrong> {
        self.words.skip();
        if let Some("broadcast" | "multicast") = self.words.peek() {
            return self.primitive();
        }
        let end = self.which_end();
        self.words.eat(&["host"]);
        self.keyword = Keyword { end: end.unwrap_or_default(), kind: Kind::Ether, protocol: None };
        self.value()
    }

    /// `[src|dst] [host|net|port|portrange] VALUE`, or a bare value.
    fn typed(&mut self, protocol: Option<u8>) -> Result<Test, Wrong> {
        let end = self.which_end();
        let kind = KINDS.into_iter().find(|(word, _)| self.words.eat(&[word])).map(|(_, kind)| kind);
        if end.is_some() || kind.is_some() {
            self.keyword = Keyword { end: end.unwrap_or_default(), kind: kind.unwrap_or_default(), protocol };
        }
        self.value()
    }

    fn which_end(&mut self) -> Option<End> {
        let (end, other) = match self.words.peek()? {
            "src" => (End::Source, "dst"),
            "dst" => (End::Destination, "src"),
            _ => return None,
        };
        self.words.skip();
        // `src host 1.2.3.4 and dst ...` never comes here: a value stands between.
        let joined = match self.words.peek() {
            Some("and" | "&&") if self.words.rest().nth(1) == Some(other) => End::Both,
            Some("or" | "||") if self.words.rest().nth(1) == Some(other) => End::Either,
            _ => return Some(end),
        };
        self.words.skip();
        self.words.skip();
        Some(joined)
    }

    fn value(&mut self) -> Result<Test, Wrong> {
        let Keyword { end, kind, protocol } = self.keyword;
        let word = self.words.word(match kind {
            Kind::Ether => "a MAC address",
            Kind::Host => PRIMITIVE,
            Kind::Net => "a network such as 10.0.0.0/8",
            Kind::Port => "a port",
            Kind::PortRange => "a range of ports such as 1-1023",
        })?;
        let wrong = |expected| self.words.last_wrong(expected);
        match kind {
            Kind::Ether => match word.parse() {
                Ok(mac) => Ok(Test::Ether(end, mac)),
                Err(_) => Err(wrong("a MAC address such as 00:0c:29:b9:94:62")),
            },
            Kind::Host if !word.contains('/') => match word.parse() {
                Ok(address) => Ok(Test::Host(end, address)),
                Err(_) if !numeric(word) && !word.contains(':') => Err(wrong(PRIMITIVE)),
                Err(_) => Err(wrong("an address (names are not looked up in filters)")),
            },
            Kind::Host | Kind::Net => self.net(word, end),
            Kind::Port => self.port(word).map(|port| Test::Port(end, protocol, port, port)),
            Kind::PortRange => {
                let PortRange { from, to } = PortRange::read(word, |port| self.port(port))?;
                Ok(Test::Port(end, protocol, from.min(to), from.max(to)))
            }
        }
    }

    fn port(&self, word: &str) -> Result<u16, Wrong> {
        word.parse().ok().or_else(|| service_port(word)).ok_or_else(|| {
            self.words
                .last_wrong(&format!("a port from 0 to 65535 or one of {}", PORT_NAMES.map(|(name, _)| name).join(" ")))
        })
    }

    fn protocol(&mut self) -> Result<u8, Wrong> {
        let word = self.words.word("a protocol")?.trim_start_matches('\\');
        let number = word.parse().ok().or_else(|| protocol_number(word));
        number.ok_or_else(|| self.words.last_wrong("a protocol number from 0 to 255 or a name such as gre"))
    }

    fn net(&mut self, word: &str, end: End) -> Result<Test, Wrong> {
        let wrong = "a network such as 10.0.0.0/8, 192.168 or 2001:db8::/32";
        let (address, length) = word.split_once('/').map_or((word, None), |(a, l)| (a, Some(l)));
        let (address, implied) = match address.parse::<IpAddr>() {
            Ok(address) => (address, if address.is_ipv4() { 32 } else { 128 }),
            Err(_) => short(address).ok_or_else(|| self.words.last_wrong(wrong))?,
        };
        let length = match length {
            Some(length) => length.parse().map_err(|_| self.words.last_wrong(wrong))?,
            None if self.words.eat(&["mask"]) => {
                let mask = self.words.word("a network mask")?.parse::<Ipv4Addr>();
                let mask = mask.map_err(|_| self.words.last_wrong("a network mask such as 255.255.0.0"))?;
                let bits = u32::from(mask);
                if bits.leading_ones() + bits.trailing_zeros() < 32 {
                    return match address {
                        IpAddr::V4(v4) if u32::from(v4) & !bits == 0 => Ok(Test::Mask(end, v4, mask)),
                        IpAddr::V4(_) => Err(self.words.last_wrong("a mask that holds all bits of the address")),
                        IpAddr::V6(_) => Err(self.words.last_wrong("a mask after an IPv4 address")),
                    };
                }
                bits.leading_ones() as u8
            }
            None => implied,
        };
        if length > if address.is_ipv4() { 32 } else { 128 } || masked(address, length) != address {
            return Err(self.words.last_wrong("a network whose address has no bits beyond its length"));
        }
        Ok(Test::Net(end, address, length))
    }
}

const PRIMITIVE: &str = "a test such as `host`, `net`, `port`, `tcp`, `ether`, `vlan`, `sensor`, `iface`";

fn numeric(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<Filter>().unwrap_or_else(|error| panic!("{error}")).to_string()
    }

    #[test]
    fn tcpdumps_words_are_understood() {
        for (text, canonical) in [
            ("", ""),
            ("src host 10.0.0.3 and (tcp or icmp)", "src host 10.0.0.3 and (tcp or icmp)"),
            ("port 80 or 443", "port 80 or port 443"),
            ("tcp dst port https or ssh", "tcp dst port 443 or tcp dst port 22"),
            ("10.0.0.3", "host 10.0.0.3"),
            ("net 192.168 and not net 10/8", "net 192.168.0.0/16 and not net 10.0.0.0/8"),
            ("net 10.1.0.0 mask 255.255.0.0", "net 10.1.0.0/16"),
            ("net 10.0.0.7 mask 255.0.0.255", "net 10.0.0.7 mask 255.0.0.255"),
            ("dst net 0.0.0.1 mask 0.0.0.1 or 0.0.0.2", "dst net 0.0.0.1 mask 0.0.0.1 or dst net 0.0.0.2/32"),
            ("ip6 net 2001:db8::/32", "net 2001:db8::/32"),
            ("src or dst portrange 100-50", "portrange 50-100"),
            ("src and dst net fd00::/8", "src and dst net fd00::/8"),
            ("ether host 0:c:29:b9:94:62", "ether host 00:0c:29:b9:94:62"),
            ("ether src 00:0c:29:b9:94:62", "ether src host 00:0c:29:b9:94:62"),
            ("vlan 7 && !arp || vlan", "vlan 7 and not arp or vlan"),
            ("proto 47 or gre or ip proto \\icmp", "gre or gre or icmp"),
            ("not (udp port 53)", "not udp port 53"),
            ("sensor web1 and iface eth0.7", "sensor web1 and iface eth0.7"),
        ] {
            assert_eq!(printed(text), canonical, "{text}");
        }
    }

    #[test]
    fn and_and_or_bind_alike_from_the_left() {
        assert_eq!("tcp or udp and vlan".parse::<Filter>(), "(tcp or udp) and vlan".parse());
        assert_ne!("tcp or udp and vlan".parse::<Filter>(), "tcp or (udp and vlan)".parse());
    }

    #[test]
    fn an_error_points_at_the_place() {
        for (text, column, words) in [
            ("host", 4, "found the end"),
            ("tcp and", 7, "found the end"),
            ("src port 70000", 9, "a port from 0 to 65535"),
            ("tcp host 10.0.0.3", 4, "`port` or `portrange`"),
            ("net 10.0.0.1/8", 4, "no bits beyond"),
            ("net 10.0.0.7 mask 255.0.0.1", 18, "holds all bits"),
            ("(tcp", 4, "`)`"),
            ("tcp)", 3, "`and`, `or` or the end"),
            ("host example.org", 5, "a test such as"),
            ("vlan 4096", 5, "VLAN identifier"),
            ("höst", 0, "found `höst`"),
        ] {
            let error = text.parse::<Filter>().expect_err(text);
            assert!(error.message.contains(words) && error.column == column, "{text}: {error}");
        }
    }
}

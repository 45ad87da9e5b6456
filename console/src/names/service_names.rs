//! Names of ports: `/etc/services` (services(5)) over a short list of our own.

use std::collections::HashMap;

use traf_model::names::PORT_NAMES;

use super::text_of;

/// Lines that are read: the registry of the IANA has some 12,000.
const LINES: usize = 20_000;
/// Characters of the longest name (RFC 6335, 5.1 says 15; files hold longer ones).
const LONGEST: usize = 32;

/// Ports and their names.
#[derive(Clone, Debug, Default)]
pub struct ServiceNames(HashMap<(u8, u16), String>);

impl ServiceNames {
    /// Parses a file.
    pub fn parse(text: &str) -> Self {
        let mut names = HashMap::new();
        for line in text.lines().take(LINES) {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let (Some(name), Some((port, protocol))) =
                (words.next(), words.next().and_then(|word| word.split_once('/')))
            else {
                continue;
            };
            let protocol = match protocol {
                "tcp" => 6,
                "udp" => 17,
                _ => continue,
            };
            let plain = name.len() <= LONGEST && name.bytes().all(|c| c.is_ascii_graphic());
            if let (Ok(port), true) = (port.parse(), plain) {
                // The first name of a port is its own, later ones are aliases.
                names.entry((protocol, port)).or_insert_with(|| name.to_owned());
            }
        }
        Self(names)
    }

    /// From this machine's file; without one there is still our own list.
    pub fn of_machine() -> Self {
        Self::parse(&text_of("/etc/services", 4 << 20).unwrap_or_default())
    }

    /// The name of a port.
    pub fn name(&self, protocol: u8, port: u16) -> Option<&str> {
        let ours = || PORT_NAMES.iter().find(|(_, number)| *number == port && matches!(protocol, 6 | 17));
        self.0.get(&(protocol, port)).map(String::as_str).or_else(|| ours().map(|(name, _)| *name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_file_comes_before_our_own_list() {
        let services = ServiceNames::parse(
            "# services\nwww 80/tcp http # WorldWideWeb\nhttp-alt 80/udp\nbad\nx 99999/tcp\nsctp 80/sctp\nstrange\x1b 7/tcp\n\
             second 80/tcp\n",
        );
        for (protocol, port, name) in [
            (6, 80, Some("www")),
            (17, 80, Some("http-alt")),
            (6, 22, Some("ssh")),
            (6, 7, None),
            (47, 80, None),
            (132, 22, None),
        ] {
            assert_eq!(services.name(protocol, port), name, "{protocol}/{port}");
        }
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let text: String = (0..30_000u32).map(|n| format!("s{n} {}/tcp\n", n % 65_000 + 1)).collect();
        assert_eq!(ServiceNames::parse(&text).0.len(), LINES);
    }
}

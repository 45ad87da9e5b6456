//! DSCP classes: the codepoint in the DS field of each IP packet (RFC 2474).

use super::{Counted, Definition, KeyKind, Octets, Source};
use crate::{Family, Key, OrderBy};

/// Traffic of each code point.
pub const DSCP: Counted = Counted(&Definition {
    number: 9,
    name: "dscp",
    key: KeyKind::Number,
    octets: Octets::Ip,
    capacity: 64,
    orders: &[OrderBy::Octets, OrderBy::Packets, OrderBy::Rate, OrderBy::Key, OrderBy::OctetsIn, OrderBy::OctetsOut],
    source: Source::Packets,
    covers: |class| class.family != Family::NonIp,
    both_ends: false,
    everywhere: true,
    peers: false,
    print: |key| name(key).map_or_else(|| key.to_string(), str::to_owned),
    read: |text| {
        let named = NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(number, _)| *number);
        named.or_else(|| text.parse().ok().filter(|number| *number < 64)).map(Key::Number)
    },
    fields: |key| vec![("dscp", key.and_then(Key::number).into()), ("name", key.and_then(name).into())],
});

fn name(key: Key) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| Some(*number) == key.number()).map(|(_, name)| *name)
}

/// Names of code points: class selectors (RFC 2474), assured (RFC 2597), expedited (RFC 3246), admitted voice (RFC 5865), lower
/// effort (RFC 8622).
#[rustfmt::skip]
const NAMES: [(u64, &str); 23] = [
    (0, "CS0"), (8, "CS1"), (16, "CS2"), (24, "CS3"), (32, "CS4"), (40, "CS5"), (48, "CS6"), (56, "CS7"),
    (10, "AF11"), (12, "AF12"), (14, "AF13"), (18, "AF21"), (20, "AF22"), (22, "AF23"),
    (26, "AF31"), (28, "AF32"), (30, "AF33"), (34, "AF41"), (36, "AF42"), (38, "AF43"),
    (46, "EF"), (44, "VOICE-ADMIT"), (1, "LE"),
];

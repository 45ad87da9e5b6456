//! MAC addresses.

use std::fmt;
use std::str::FromStr;

/// A MAC address (EUI-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// To all.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The group bit (IEEE 802): broadcast or multicast.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

/// `00:0c:29:b9:94:62`.
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Six pairs of hexadecimal digits with `:` or `-` between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address: six pairs of hexadecimal digits, as in 00:0c:29:b9:94:62")]
pub struct MacError;

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut mac = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut mac {
            let part = parts.next().filter(|part| part.bytes().all(|c| c.is_ascii_hexdigit())).ok_or(MacError)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        parts.next().is_none().then_some(Self(mac)).ok_or(MacError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_prints_and_parses() {
        let mac = Mac([0, 0x0c, 0x29, 0xb9, 0x94, 0x62]);
        assert_eq!(mac.to_string(), "00:0c:29:b9:94:62");
        assert_eq!("00-0C-29-B9-94-62".parse(), Ok(mac));
        for wrong in
            ["", "00:0c:29:b9:94", "00:0c:29:b9:94:62:1", "00:0c:29:b9:94:g2", "000c29b99462", "+1:2:3:4:5:6", "::::::"]
        {
            assert_eq!(wrong.parse::<Mac>(), Err(MacError), "{wrong}");
        }
    }
}

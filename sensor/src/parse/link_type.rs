//! pcap's link types, as far as they are understood.

/// A link type (DLT number).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet.
    #[default]
    Ethernet,
    /// Linux cooked capture, version 1: the device `any`.
    LinuxSll,
    /// Linux cooked capture, version 2.
    LinuxSll2,
    /// Bare IPv4 or IPv6.
    RawIp,
    /// BSD loopback: an address family in the byte order of the machine that captured.
    Null,
    /// OpenBSD loopback: an address family in network byte order.
    Loop,
    /// PPP, with or without address and control octets (RFC 1662).
    Ppp,
    /// Frames of this type are counted as unsupported.
    Unsupported(i32),
}

impl LinkType {
    /// By the number that libpcap gives for a device, or that a file's header carries.
    pub(crate) const fn from_dlt(dlt: i32) -> Self {
        match dlt {
            1 => Self::Ethernet,
            0 => Self::Null,
            108 => Self::Loop,
            // DLT_RAW is 12 or 14 on devices, 101 in files; 228 and 229 are IPv4 and IPv6 alone.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            9 | 50 => Self::Ppp,
            other => Self::Unsupported(other),
        }
    }

    /// As libpcap names it: `EN10MB`, `LINUX_SLL2`, `RAW` ...
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ethernet => "EN10MB".to_owned(),
            Self::LinuxSll => "LINUX_SLL".to_owned(),
            Self::LinuxSll2 => "LINUX_SLL2".to_owned(),
            Self::RawIp => "RAW".to_owned(),
            Self::Null => "NULL".to_owned(),
            Self::Loop => "LOOP".to_owned(),
            Self::Ppp => "PPP".to_owned(),
            Self::Unsupported(dlt) => format!("DLT {dlt}"),
        }
    }
}

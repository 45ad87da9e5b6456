//! Interface classes: parts that no two packets share, and IPTraf's rows, which are sums of them.

use crate::{Counters, Traffic};

enumeration! {
    /// Network layer.
    #[derive(Default)]
    pub enum Family {
        /// IPv4.
        Ipv4,
        /// IPv6.
        Ipv6,
        /// ARP, LLDP, IPX ...: anything else.
        #[default]
        NonIp,
    }
}

enumeration! {
    /// Protocol that IP carries.
    #[derive(Default)]
    pub enum Transport {
        /// TCP.
        Tcp,
        /// UDP.
        Udp,
        /// ICMP, and ICMPv6 over IPv6.
        Icmp,
        /// Any other protocol, and everything that is not IP.
        #[default]
        Other,
    }
}

impl Transport {
    /// By IP protocol number.
    pub const fn of(protocol: u8) -> Self {
        match protocol {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 | 58 => Self::Icmp,
            _ => Self::Other,
        }
    }
}

enumeration! {
    /// To whom a frame was sent, by its destination MAC.
    #[derive(Default)]
    pub enum Cast {
        /// To one station, or a link without addresses.
        #[default]
        Unicast,
        /// To all.
        Broadcast,
        /// To a group.
        Multicast,
    }
}

/// One part: every parsed packet is in exactly one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class {
    /// Network layer.
    pub family: Family,
    /// Protocol that IP carries.
    pub transport: Transport,
    /// To whom.
    pub cast: Cast,
}

impl Class {
    /// Number of classes; a few of them cannot occur.
    pub const COUNT: usize = 36;

    /// Its place in an array of [`Class::COUNT`].
    pub const fn index(self) -> usize {
        (self.family as usize * 4 + self.transport as usize) * 3 + self.cast as usize
    }

    /// The class at a place; places from [`Class::COUNT`] on have none.
    pub const fn at(index: usize) -> Option<Self> {
        if index >= Self::COUNT {
            return None;
        }
        let (family, transport) = (Family::ALL[index / 12], Transport::ALL[index / 3 % 4]);
        Some(Self { family, transport, cast: Cast::ALL[index % 3] })
    }
}

enumeration! {
    /// IPTraf's rows: overlapping groups of classes.
    pub enum ClassGroup {
        /// Everything parsed.
        Total = "total",
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
        /// TCP, over either.
        Tcp = "tcp",
        /// UDP, over either.
        Udp = "udp",
        /// ICMP and ICMPv6.
        Icmp = "icmp",
        /// IP, but none of these.
        OtherIp = "other_ip",
        /// Not IP.
        NonIp = "non_ip",
        /// To the broadcast MAC.
        Broadcast = "broadcast",
        /// To a group MAC.
        Multicast = "multicast",
    }
}

impl ClassGroup {
    /// True if `class` counts here.
    pub fn holds(self, class: Class) -> bool {
        let ip = class.family != Family::NonIp;
        match self {
            Self::Total => true,
            Self::Ipv4 => class.family == Family::Ipv4,
            Self::Ipv6 => class.family == Family::Ipv6,
            Self::Tcp => ip && class.transport == Transport::Tcp,
            Self::Udp => ip && class.transport == Transport::Udp,
            Self::Icmp => ip && class.transport == Transport::Icmp,
            Self::OtherIp => ip && class.transport == Transport::Other,
            Self::NonIp => !ip,
            Self::Broadcast => class.cast == Cast::Broadcast,
            Self::Multicast => class.cast == Cast::Multicast,
        }
    }
}

/// Traffic of every class of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes([Traffic; Class::COUNT]);

impl Default for Classes {
    fn default() -> Self {
        Self([Traffic::default(); Class::COUNT])
    }
}

impl Classes {
    /// Adds to one class.
    #[inline]
    pub fn add(&mut self, class: Class, traffic: Traffic) {
        self.0[class.index()] += traffic;
    }

    /// The counters of a class, of packets sent or received.
    #[inline]
    pub fn counters_mut(&mut self, class: Class, sent: bool) -> &mut Counters {
        self.0[class.index()].counters_mut(sent)
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine += *theirs);
    }

    /// Traffic since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index] - earlier.0[index]))
    }

    /// The traffic of one of IPTraf's rows.
    pub fn group(&self, group: ClassGroup) -> Traffic {
        self.rows().filter(|(class, _)| group.holds(*class)).map(|(_, traffic)| traffic).sum()
    }

    /// The classes that have traffic.
    pub fn rows(&self) -> impl Iterator<Item = (Class, Traffic)> {
        (0..Class::COUNT).filter_map(|index| Some((Class::at(index)?, self.0[index]))).filter(|(_, t)| !t.is_empty())
    }
}

impl FromIterator<(Class, Traffic)> for Classes {
    fn from_iter<I: IntoIterator<Item = (Class, Traffic)>>(rows: I) -> Self {
        let mut classes = Self::default();
        rows.into_iter().for_each(|(class, traffic)| classes.add(class, traffic));
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_place() {
        for index in 0..Class::COUNT {
            assert_eq!(Class::at(index).map(Class::index), Some(index));
        }
        assert_eq!(Class::at(Class::COUNT), None);
    }

    #[test]
    fn families_and_transports_part_the_total() {
        let classes: Classes = (0..Class::COUNT)
            .filter_map(Class::at)
            .map(|class| (class, Traffic::inbound(Counters::new(1, 1 << class.index()))))
            .collect();
        let sum = |groups: &[ClassGroup]| groups.iter().map(|group| classes.group(*group)).sum::<Traffic>();
        let total = classes.group(ClassGroup::Total);
        assert_eq!(sum(&[ClassGroup::Ipv4, ClassGroup::Ipv6, ClassGroup::NonIp]), total);
        let transports = [ClassGroup::Tcp, ClassGroup::Udp, ClassGroup::Icmp, ClassGroup::OtherIp, ClassGroup::NonIp];
        assert_eq!(sum(&transports), total);
    }
}

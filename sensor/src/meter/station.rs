//! A station as it is counted here: as in the model, and which of the addresses behind it are proven.
//!
//! An address is proven where the station itself said that it is its own, in ARP or in IPv6's neighbour discovery. Packets
//! prove nothing: behind a router's MAC is the whole Internet. A proven address gives way to proven ones only; of the others
//! the newest stay.

use std::net::IpAddr;

use traf_model::{Counts, Learnt, Merge, Timestamp, Traffic};

/// A station of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct StationCounters {
    /// All frames.
    pub(super) traffic: Traffic,
    /// Those that carried IP.
    pub(super) ip: Traffic,
    addresses: Vec<(Learnt, bool)>,
}

impl StationCounters {
    /// Notes an address at this time.
    pub(super) fn seen(&mut self, address: IpAddr, at: i64, proven: bool) {
        let at = Timestamp(at);
        self.note(Learnt { address, first: at, last: at }, proven);
    }

    fn note(&mut self, learnt: Learnt, proven: bool) {
        if let Some((known, was_proven)) = self.addresses.iter_mut().find(|(known, _)| known.address == learnt.address)
        {
            (known.first, known.last) = (known.first.min(learnt.first), known.last.max(learnt.last));
            *was_proven |= proven;
            return;
        }
        self.addresses.push((learnt, proven));
        if self.addresses.len() > Counts::ADDRESSES {
            let weakest = (0..self.addresses.len()).min_by_key(|place| {
                let (learnt, proven) = self.addresses[*place];
                (proven, learnt.last)
            });
            weakest.map(|place| self.addresses.swap_remove(place));
        }
    }

    /// As the model has it.
    pub(super) fn into_counts(self) -> Counts {
        let mut addresses: Vec<Learnt> = self.addresses.into_iter().map(|(learnt, _)| learnt).collect();
        addresses.sort_unstable();
        Counts { traffic: self.traffic, ip: self.ip, addresses, ..Counts::default() }
    }
}

impl Merge for StationCounters {
    fn merge(&mut self, other: Self) {
        self.traffic += other.traffic;
        self.ip += other.ip;
        other.addresses.into_iter().for_each(|(learnt, proven)| self.note(learnt, proven));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> IpAddr {
        [10, 0, 0, number].into()
    }

    #[test]
    fn proven_addresses_stay_and_of_the_others_the_newest() {
        let mut station = StationCounters::default();
        station.seen(address(1), 1, true);
        for number in 2..=200 {
            station.seen(address(number), i64::from(number), false);
        }
        station.seen(address(1), 500, false);
        let addresses = station.clone().into_counts().addresses;
        let numbers: Vec<IpAddr> = addresses.iter().map(|learnt| learnt.address).collect();
        let expected: Vec<IpAddr> = std::iter::once(1).chain(194..=200).map(address).collect();
        assert_eq!(numbers, expected);
        assert_eq!((addresses[0].first, addresses[0].last), (Timestamp(1), Timestamp(500)));

        let mut later = StationCounters::default();
        (1..=20).for_each(|number| later.seen(address(100 + number), 1000, true));
        station.merge(later);
        assert!(
            station
                .into_counts()
                .addresses
                .iter()
                .all(|learnt| learnt.first == Timestamp(1000) || learnt.address == address(1))
        );
    }
}

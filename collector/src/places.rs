//! Places of connections, bounded in all and for each owner. A newcomer gets the place of the owner with the most.
//!
//! Nobody is kept out by connections that merely stay: where no place is free, the owner with the most connections loses its
//! oldest one. Whoever speaks promptly is done before it is the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Owner of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// An IPv4 address, or the first address of an IPv6 /64, which one machine may have to itself (RFC 7934).
    Address(IpAddr),
    /// SHA-256 of the key of an admitted peer, wherever it calls from.
    Key([u8; 32]),
}

impl Owner {
    /// The owner of a connection of which only the address is known.
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self::Address(match address.ip().to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            ip => ip,
        })
    }
}

/// Places of one kind of connection.
#[derive(Debug)]
pub(crate) struct Places {
    /// Connections in all.
    all: usize,
    /// Connections of an owner.
    each: usize,
    /// Connections that other owners leave to an owner.
    kept: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    next: u64,
    /// Tokens that end the connections, by the number of the place; numbers grow with time.
    owners: HashMap<Owner, BTreeMap<u64, CancellationToken>>,
}

/// A place, left when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    owner: Owner,
    number: u64,
    displaced: CancellationToken,
}

impl Places {
    /// Makes at least one place in all and for each owner.
    pub(crate) fn new(all: usize, each: usize, kept: usize) -> Arc<Self> {
        Arc::new(Self { all: all.max(1), each: each.max(1), kept, taken: Mutex::default() })
    }

    /// Gives a place to one more connection of `owner`, if need be that of an older one; `None` if every owner has only
    /// the connections that are left to it.
    pub(crate) fn enter(self: &Arc<Self>, owner: Owner) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.owners.get(&owner).is_some_and(|places| places.len() >= self.each) {
            taken.displace(owner);
        } else if taken.all >= self.all {
            let fullest = taken.owners.iter().filter(|(_, places)| places.len() > self.kept);
            let oldest = |places: &BTreeMap<u64, _>| Reverse(places.keys().next().copied());
            let (&fullest, _) = fullest.max_by_key(|(_, places)| (places.len(), oldest(places)))?;
            taken.displace(fullest);
        }
        let (number, displaced) = (taken.next, CancellationToken::new());
        taken.next += 1;
        taken.all += 1;
        taken.owners.entry(owner).or_default().insert(number, displaced.clone());
        Some(Place { places: self.clone(), owner, number, displaced })
    }

    /// Ends all connections of an owner.
    pub(crate) fn expel(&self, owner: Owner) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while taken.owners.contains_key(&owner) {
            taken.displace(owner);
        }
    }
}

impl Taken {
    /// Ends the oldest connection of an owner.
    fn displace(&mut self, owner: Owner) {
        if let Some(&oldest) = self.owners.get(&owner).and_then(|places| places.keys().next())
            && let Some(displaced) = self.leave(owner, oldest)
        {
            displaced.cancel();
        }
    }

    fn leave(&mut self, owner: Owner, number: u64) -> Option<CancellationToken> {
        let places = self.owners.get_mut(&owner)?;
        let place = places.remove(&number)?;
        self.all -= 1;
        if places.is_empty() {
            self.owners.remove(&owner);
        }
        Some(place)
    }
}

impl Place {
    /// Waits until a newer connection has got this place.
    pub(crate) fn displaced(&self) -> WaitForCancellationFutureOwned {
        self.displaced.clone().cancelled_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().unwrap_or_else(PoisonError::into_inner).leave(self.owner, self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn owner(address: &str) -> Owner {
        Owner::of(SocketAddr::new(address.parse().unwrap(), 1))
    }

    /// Numbers of the places that were given to others.
    fn gone(places: &[Place]) -> Vec<u64> {
        places.iter().filter(|place| place.displaced.is_cancelled()).map(|place| place.number).collect()
    }

    #[test]
    fn the_oldest_of_the_owner_with_the_most_makes_room() {
        let places = Places::new(4, 3, 0);
        let [many, few, new] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(owner);
        let mut entered: Vec<Place> = [few, many, many, many].map(|owner| places.enter(owner).unwrap()).into();
        entered.push(places.enter(new).unwrap());
        assert_eq!(gone(&entered), [1]);
        // Two of one and one each of two others: again the same one; then one each, and the oldest of all.
        entered.push(places.enter(owner("10.0.0.4")).unwrap());
        assert_eq!(gone(&entered), [1, 2]);
        entered.push(places.enter(owner("10.0.0.5")).unwrap());
        assert_eq!(gone(&entered), [0, 1, 2]);
    }

    #[test]
    fn an_owner_with_all_its_places_makes_room_for_itself() {
        let places = Places::new(9, 2, 0);
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(owner);
        let mut entered: Vec<Place> = [other, one, one, one].map(|owner| places.enter(owner).unwrap()).into();
        assert_eq!(gone(&entered), [1]);
        // A displaced place that is dropped later frees no second one.
        drop(entered.remove(1));
        assert_eq!(places.taken.lock().unwrap().all, 3);
        entered.clear();
        let taken = places.taken.lock().unwrap();
        assert_eq!((taken.all, taken.owners.len()), (0, 0));
    }

    #[test]
    fn what_is_left_to_an_owner_is_taken_by_nobody() {
        let places = Places::new(2, 2, 1);
        let [a, b, c] = [1, 2, 3].map(|key| Owner::Key([key; 32]));
        let mut entered: Vec<Place> = [a, a, b].map(|key| places.enter(key).unwrap()).into();
        assert_eq!(gone(&entered), [0]);
        assert!(places.enter(c).is_none());
        entered.pop();
        assert!(places.enter(c).is_some());
    }

    #[test]
    fn an_owner_that_is_expelled_leaves_all_its_places() {
        let places = Places::new(9, 9, 1);
        let [a, b] = [1, 2].map(|key| Owner::Key([key; 32]));
        let entered: Vec<Place> = [a, b, a].map(|key| places.enter(key).unwrap()).into();
        places.expel(a);
        assert_eq!(gone(&entered), [0, 2]);
        places.expel(a);
        assert_eq!(places.taken.lock().unwrap().all, 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_owner() {
        assert_eq!(owner("fd00:1:2:3::1"), owner("fd00:1:2:3:ffff::2"));
        assert_ne!(owner("fd00:1:2:3::1"), owner("fd00:1:2:4::1"));
        assert_ne!(owner("10.0.0.1"), owner("10.0.0.2"));
        assert_eq!(owner("10.0.0.1"), owner("::ffff:10.0.0.1"));
    }
}

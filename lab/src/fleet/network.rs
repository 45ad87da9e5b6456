//! The network that a simulated fleet watches: the conversations of each slice, and the sensors that see them. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use traf_model::{Endpoint, FlowKey, Interval, Mac};

use super::conversation::Conversation;
use super::random::{Random, mix};

/// Conversations of a fleet.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetworkConfig {
    /// Number of the first sensor. Sensors have numbers of their own, and hosts of their own.
    pub(super) first: usize,
    /// Number of sensors.
    pub(super) sensors: usize,
    /// Conversations that each sensor sees in a slice.
    pub(super) flows: usize,
    /// Conversations of 100 that two or three sensors see: of four of them, three are seen by two.
    pub(super) shared: u64,
    /// New conversations of 100 that have a lookalike: equal ends and counts at another sensor, but different packets.
    pub(super) lookalikes: u64,
    /// Makes the same network each time.
    pub(super) seed: u64,
}

/// Conversations, slice by slice.
#[derive(Clone, Debug)]
pub(super) struct Network {
    config: NetworkConfig,
    random: Random,
    made: u64,
    conversations: Vec<Conversation>,
    /// Sensors that share nothing.
    alone: Vec<usize>,
}

/// Tries to find another observer with room.
const TRIES: usize = 8;
/// Hosts of a sensor.
const HOSTS: f64 = 160.0;

impl Network {
    /// A network without conversations. Sensors in `alone` share none.
    pub(super) fn new(config: NetworkConfig, alone: Vec<usize>) -> Self {
        let random = Random::new(config.seed);
        Self { config, random, made: config.seed << 32, conversations: Vec::new(), alone }
    }

    /// The conversations that have packets in the present slice or had some in the one before.
    pub(super) fn conversations(&self) -> &[Conversation] {
        &self.conversations
    }

    /// Goes on to the next slice: some conversations end, and new ones begin until every sensor sees enough of them. The last
    /// `rest` nanoseconds of the slice stay without packets.
    pub(super) fn advance(&mut self, slice: Interval, rest: i64) {
        self.conversations.retain_mut(|conversation| conversation.advance(slice, rest));
        let mut room = Room::new(self.config.first, self.config.sensors, self.config.flows);
        let going = self.conversations.iter().filter(|conversation| !conversation.traffic().is_empty());
        going.flat_map(|conversation| &conversation.observers).for_each(|observer| room.take(*observer));
        while let Some(home) = room.any(&mut self.random) {
            let observers = self.observers(home, &room);
            let conversation = self.conversation(observers);
            let lookalike = self.lookalike(&conversation, &room);
            for mut one in [Some(conversation), lookalike].into_iter().flatten() {
                one.advance(slice, rest);
                one.observers.iter().for_each(|observer| room.take(*observer));
                self.conversations.push(one);
            }
        }
    }

    /// The conversations of each sensor, by their places.
    pub(super) fn by_sensor(&self) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::with_capacity(2 * self.config.flows); self.config.sensors];
        for (place, conversation) in self.conversations.iter().enumerate() {
            for observer in &conversation.observers {
                all[observer - self.config.first].push(place);
            }
        }
        all
    }

    fn observers(&mut self, home: usize, room: &Room) -> Vec<usize> {
        let mut observers = vec![home];
        let wanted = match (self.random.chance(self.config.shared), self.random.below(4)) {
            _ if self.alone.contains(&home) => 1,
            (true, 0) => 3,
            (true, _) => 2,
            (false, _) => 1,
        };
        for _ in 0..TRIES {
            if observers.len() == wanted {
                break;
            }
            observers.extend(self.another(&observers, room));
        }
        observers
    }

    /// Another sensor with room, if the first try finds one.
    fn another(&mut self, observers: &[usize], room: &Room) -> Option<usize> {
        room.any(&mut self.random).filter(|sensor| !observers.contains(sensor) && !self.alone.contains(sensor))
    }

    fn lookalike(&mut self, conversation: &Conversation, room: &Room) -> Option<Conversation> {
        if !self.random.chance(self.config.lookalikes) || self.alone.contains(&conversation.observers[0]) {
            return None;
        }
        let observer = (0..TRIES).find_map(|_| self.another(&conversation.observers, room))?;
        self.made += 1;
        Some(conversation.lookalike(vec![observer], mix(self.made)))
    }

    /// Few hosts have most of the conversations, and few servers.
    fn conversation(&mut self, observers: Vec<usize>) -> Conversation {
        self.made += 1;
        let (random, made, home) = (&mut self.random, self.made, observers[0]);
        let v6 = random.chance(10);
        let near = (HOSTS * random.fraction().powi(2)) as u8;
        let far = (1e5 * random.fraction().powi(9)) as u32;
        let protocol = match random.below(100) {
            0..78 => 6,
            78..98 => 17,
            _ if v6 => 58,
            _ => 1,
        };
        let port = match (protocol, random.below(100)) {
            (6, 0..70) | (17, 55..85) => 443,
            (6, 70..82) => 80,
            (6, 82..88) => 22,
            (6, _) => 993,
            (17, 0..55) => 53,
            (17, _) => 123,
            _ => 0,
        };
        // Ends without ports are told apart by the address alone: each has a server of its own.
        let far = if port == 0 { (made as u32).wrapping_add(1 << 20) } else { far };
        let (client, far) = match port {
            0 => (0, far.wrapping_mul(0x9e37_79b1)),
            _ => (32_768 + (made % 28_000) as u16, far.wrapping_mul(0x9e37_79b1)),
        };
        let (local, remote) = match v6 {
            true => (
                IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, home as u16, 0, 0, 0, 0, near.into())),
                IpAddr::from(Ipv6Addr::new(0x2a00, (far >> 16) as u16, 1, 0, 0, 0, 0, far as u16)),
            ),
            false => (
                IpAddr::from(Ipv4Addr::from(0x0a00_0000 + ((home as u32) << 8) + u32::from(near))),
                IpAddr::from(Ipv4Addr::from(0x1400_0000 + far % 0x6000_0000)),
            ),
        };
        let (source, destination) = (Endpoint::new(local, client), Endpoint::new(remote, port));
        let key = FlowKey { protocol, vlan: None, source, destination };
        Conversation::new(key, observers, mix(made), mix(made ^ 1 << 63))
    }
}

/// The sensors that see fewer conversations than they are to see.
struct Room {
    first: usize,
    /// Conversations that each sensor has room for.
    left: Vec<usize>,
    /// The sensors with room, in no order, and the place of each in that list.
    open: Vec<usize>,
    places: Vec<usize>,
}

impl Room {
    fn new(first: usize, sensors: usize, each: usize) -> Self {
        let open = if each == 0 { Vec::new() } else { (first..first + sensors).collect() };
        Self { first, left: vec![each; sensors], open, places: (0..sensors).collect() }
    }

    /// Any sensor with room.
    fn any(&self, random: &mut Random) -> Option<usize> {
        self.open.get(random.below(self.open.len() as u64) as usize).copied()
    }

    fn take(&mut self, sensor: usize) {
        let left = &mut self.left[sensor - self.first];
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        if less == 0 {
            let place = self.places[sensor - self.first];
            self.open.swap_remove(place);
            if let Some(moved) = self.open.get(place) {
                self.places[moved - self.first] = place;
            }
        }
    }
}

/// The MAC address of a local host.
pub(super) fn mac_of(address: IpAddr) -> Mac {
    let (home, near) = match address {
        IpAddr::V4(address) => {
            let [_, a, b, near] = address.octets();
            ([a, b], near)
        }
        IpAddr::V6(address) => (address.segments()[2].to_be_bytes(), address.segments()[7] as u8),
    };
    Mac([2, 0, 0, home[0], home[1], near])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use traf_model::Timestamp;

    use super::super::clock::SLICE;
    use super::*;

    const CONFIG: NetworkConfig =
        NetworkConfig { first: 0, sensors: 20, flows: 500, shared: 80, lookalikes: 0, seed: 3 };

    fn slice(number: i64) -> Interval {
        Interval::new(Timestamp(number * SLICE), Timestamp(number * SLICE + SLICE))
    }

    #[test]
    fn every_sensor_sees_as_many_conversations_as_it_is_told_of_which_a_third_is_new() {
        let mut network = Network::new(CONFIG, vec![7]);
        let (mut kinds, mut new, mut all) = ([0; 4], 0, 0);
        for number in 0..6 {
            network.advance(slice(number), 0);
            let going = network.conversations().iter().filter(|one| !one.traffic().is_empty());
            let mut load = [0; 20];
            for one in going {
                one.observers.iter().for_each(|observer| load[*observer] += 1);
                kinds[one.observers.len()] += 1;
                assert!(one.observers.len() == 1 || !one.observers.contains(&7));
                (all, new) = (all + 1, new + usize::from(number > 0 && one.born >= slice(number).from));
            }
            assert_eq!(load, [500; 20]);
        }
        let part = |kind: usize| kinds[kind] * 100 / all;
        assert!((18..30).contains(&part(1)) && (52..62).contains(&part(2)) && part(3) > 13, "{kinds:?}");
        assert!((25..35).contains(&(new * 100 / all)), "{new} of {all} are new");
    }

    #[test]
    fn a_seed_makes_the_same_network_and_no_ends_are_used_twice_but_by_lookalikes() {
        let networks = [3, 3, 4].map(|seed| {
            let mut network = Network::new(NetworkConfig { seed, lookalikes: 10, ..CONFIG }, vec![]);
            (0..3).for_each(|number| network.advance(slice(number), 0));
            network
        });
        let keys = |network: &Network| network.conversations().iter().map(|one| one.key).collect::<Vec<_>>();
        assert_eq!(keys(&networks[0]), keys(&networks[1]));
        assert_ne!(keys(&networks[0]), keys(&networks[2]));
        let mut profiles = HashMap::new();
        for one in networks[0].conversations() {
            assert_eq!(*profiles.entry(one.key).or_insert(one.profile()), one.profile(), "{:?}", one.key);
        }
        let twins = networks[0].conversations().len() - profiles.len();
        assert!(twins > 200, "{twins} lookalikes");
    }
}

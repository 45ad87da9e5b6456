//! A switch: a bridge in a namespace of its own, with a port per machine and mirror ports.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::machine::Machine;
use crate::namespaces::Namespaces;

/// A bridge. Machines behind it share the networks `10.77.<subnet>.0/24` and `fd77:<subnet>::/64`.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The network namespace of the bridge.
    pub machine: Machine,
    /// The third octet of its network.
    pub subnet: u8,
}

/// A machine's interface on a switch.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its MAC address.
    pub mac: String,
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address.
    pub ipv6: Ipv6Addr,
}

impl Switch {
    /// Makes a switch without ports.
    pub fn new(namespaces: &Arc<Namespaces>, name: &str, subnet: u8, folder: &Path) -> Result<Self> {
        let machine = Machine::new(namespaces, name, folder)?;
        // No address of its own, no querier, no spanning tree: a switch that sends nothing.
        machine.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; \
             ip link add bridge type bridge stp_state 0 forward_delay 0 mcast_snooping 0; \
             ip link set bridge up")?;
        Ok(Self { machine, subnet })
    }

    /// The IPv4 address of the machine with this number.
    pub fn ipv4(&self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.subnet, number)
    }

    /// The IPv6 address of the machine with this number.
    pub fn ipv6(&self, number: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd77, self.subnet.into(), 0, 0, 0, 0, 0, number.into())
    }

    /// Connects a machine by an interface of this name. `number` is the last octet of its addresses.
    pub fn connect(&self, machine: &Machine, interface: &str, number: u8) -> Result<Interface> {
        let (port, name) = (self.port(machine), &machine.name);
        let (ipv4, ipv6) = (self.ipv4(number), self.ipv6(number));
        let mac = format!("02:54:{:02x}:00:00:{number:02x}", self.subnet);
        self.machine.run("ip", &["link", "add", &port, "type", "veth", "peer", "name", interface, "netns", name])?;
        machine.sh(&format!(
            "ip link set {interface} address {mac}; \
             ethtool -K {interface} rxvlan off txvlan off; \
             sysctl -qw net.ipv4.neigh.{interface}.delay_first_probe_time=0 net.ipv6.neigh.{interface}.delay_first_probe_time=0; \
             ip link set {interface} up; \
             ip addr add {ipv4}/24 dev {interface}; \
             ip addr add {ipv6}/64 dev {interface} nodad"
        ))?;
        // Kernel counters leave out the four octets of a tag that the "hardware" took off; the ports leave tags on.
        let line = "ethtool -K $p rxvlan off txvlan off; ip link set $p master bridge; ip link set $p up";
        self.machine.sh(&format!("p={port}; {line}"))?;
        Ok(Interface { mac, ipv4, ipv6 })
    }

    /// Copies each frame once, as it enters the switch, to an interface of `watcher` that has no address.
    ///
    /// Call it after the machines are connected.
    pub fn mirror(&self, watcher: &Machine, interface: &str) -> Result<()> {
        let (port, name) = (format!("m-{}", watcher.name), &watcher.name);
        self.machine.run("ip", &["link", "add", &port, "type", "veth", "peer", "name", interface, "netns", name])?;
        watcher.sh(&format!(
            "sysctl -qw net.ipv6.conf.{interface}.disable_ipv6=1; \
             ethtool -K {interface} rxvlan off txvlan off; ip link set {interface} up promisc on"
        ))?;
        self.machine.sh(&format!("ethtool -K {port} rxvlan off txvlan off; ip link set {port} up"))?;
        self.machine.sh(&format!(
            "for p in $(ls /sys/class/net/bridge/brif); do \
               tc qdisc add dev $p clsact; \
               tc filter add dev $p ingress protocol all u32 match u32 0 0 action mirred egress mirror dev {port}; \
             done"
        ))?;
        Ok(())
    }

    /// Cuts a machine's cable: both ends lose their carrier.
    pub fn cut(&self, machine: &Machine) -> Result<()> {
        self.machine.run("ip", &["link", "set", &self.port(machine), "down"]).map(drop)
    }

    /// Mends a machine's cable.
    pub fn mend(&self, machine: &Machine) -> Result<()> {
        self.machine.run("ip", &["link", "set", &self.port(machine), "up"]).map(drop)
    }

    /// The switch's end of a machine's cable.
    pub fn port(&self, machine: &Machine) -> String {
        format!("p-{}", machine.name)
    }
}

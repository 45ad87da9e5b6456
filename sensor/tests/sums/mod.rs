//! Invariants I1 and I2: every frame is in exactly one place, in every facility.

use traf_model::{ClassGroup, Counters, InterfaceSummary, Merge, Traffic};

/// Panics unless the summary adds up.
pub(crate) fn hold(summary: &InterfaceSummary, what: &str) {
    let ledger = &summary.ledger;
    assert_eq!(ledger.residue(), 0, "{what}: I1 {ledger:?}");
    let classes = summary.classes();
    let group = |group| classes.group(group);
    assert_eq!(group(ClassGroup::Total).total().packets, ledger.parsed, "{what}: classes");

    let flows: Traffic = summary.flows.iter().map(|flow| flow.traffic).sum();
    let other: Traffic = summary.other_flows.iter().map(|(_, traffic, _)| *traffic).sum();
    let ip = group(ClassGroup::Ipv4) + group(ClassGroup::Ipv6);
    assert_eq!((flows + other).total().packets, ip.total().packets, "{what}: flows");
    for (class, protocol) in [(ClassGroup::Tcp, 6), (ClassGroup::Udp, 17)] {
        let rows: u64 =
            summary.flows.iter().filter(|f| f.key.protocol == protocol).map(|f| f.traffic.total().packets).sum();
        let others: u64 =
            summary.other_flows.iter().filter(|(c, ..)| class.holds(*c)).map(|(_, t, _)| t.total().packets).sum();
        assert_eq!(rows + others, group(class).total().packets, "{what}: {class:?}");
    }

    let sizes: Traffic = summary.sizes.iter().map(|(_, traffic)| *traffic).sum();
    assert_eq!(sizes, group(ClassGroup::Total), "{what}: sizes");

    let services = summary.services.rows().map(|(_, traffic)| *traffic).sum::<Traffic>() + *summary.services.other();
    let ports = group(ClassGroup::Tcp) + group(ClassGroup::Udp);
    assert_eq!(services.total().packets, ports.total().packets, "{what}: services");

    let hosts = summary.hosts.rows().map(|(_, traffic)| *traffic).sum::<Traffic>() + *summary.hosts.other();
    assert_eq!(hosts.inbound, hosts.outbound, "{what}: each IP packet has two hosts");
    assert_eq!(hosts.inbound, (flows + other).total(), "{what}: hosts");

    let mut stations = summary.stations.other().clone();
    summary.stations.rows().for_each(|(_, station)| stations.merge(station.clone()));
    assert_eq!(stations.traffic.inbound, stations.traffic.outbound, "{what}: each frame has two stations");
    assert!(stations.traffic.inbound.packets <= ledger.parsed, "{what}: stations");
    assert_eq!(stations.ip.inbound, stations.ip.outbound, "{what}: stations' IP");

    let counted: Counters = group(ClassGroup::Total).total();
    assert!(counted.octets >= (flows + other).total().octets, "{what}: IP octets exceed frame octets");
}

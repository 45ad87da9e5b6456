-- The views for people, and the public interface of the store: readable times, addresses and names. Each keeps `ts`
-- (seconds since 1970, the start of the slice), so that `where ts >= unixepoch('2026-01-01 12:00')` stays one range of the
-- key. Dictionaries hang on by left joins, so that the facts stay the outer loop. `docs/sql.md` explains each of them. Until the
-- first release they may change in place; then a change is a new file, listed in `collector/src/store/sqlite.rs`.

create view sensors as
select
    s.id as sensor_id,
    s.name as sensor,
    s.uuid as id,
    s.site,
    s.version,
    s.epoch,
    s.mark_epoch,
    s.mark_seq,
    s.stored_records,
    s.lost_records,
    strftime('%Y-%m-%dT%H:%M:%SZ', s.stored_ns / 1000000000, 'unixepoch') as stored_until,
    s.clock_ahead / 1000000000 as clock_ahead,
    s.suspect_slices
from sensor s;

create view interfaces as
select
    s.name as sensor,
    i.name as interface,
    i.mac,
    i.addresses,
    i.mtu,
    i.speed,
    i.link,
    i.loopback,
    i.mirror,
    i.in_packets,
    i.in_octets,
    i.out_packets,
    i.out_octets,
    i.in_packets + i.out_packets as packets,
    i.in_octets + i.out_octets as octets,
    i.received,
    i.dropped
from interface i
join sensor s on s.id = i.sensor;

create view flows as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    s.site,
    f.prim,
    case f.protocol when 1 then 'icmp' when 2 then 'igmp' when 6 then 'tcp' when 17 then 'udp' when 47 then 'gre'
        when 50 then 'esp' when 51 then 'ah' when 58 then 'icmp6' when 89 then 'ospf' when 132 then 'sctp'
        else cast(f.protocol as text) end as protocol,
    f.vlan,
    a.ip as source,
    f.source_port,
    b.ip as destination,
    f.destination_port,
    f.forward_packets,
    f.forward_octets,
    f.forward_coalesced,
    f.reverse_packets,
    f.reverse_octets,
    f.reverse_coalesced,
    f.forward_packets + f.reverse_packets as packets,
    f.forward_octets + f.reverse_octets as octets,
    strftime('%Y-%m-%dT%H:%M:%S', (d.ts * 1000000 + f.first_us) / 1000000, 'unixepoch')
        || printf('.%06dZ', (d.ts * 1000000 + f.first_us) % 1000000) as first,
    strftime('%Y-%m-%dT%H:%M:%S', (d.ts * 1000000 + f.last_us) / 1000000, 'unixepoch')
        || printf('.%06dZ', (d.ts * 1000000 + f.last_us) % 1000000) as last,
    case f.status & 7 when 0 then 'active' when 1 then 'opening' when 2 then 'established' when 3 then 'closing'
        when 4 then 'closed' when 5 then 'reset' else 'timed_out' end as state,
    f.status >> 3 & 1 as complete,
    f.status >> 4 & 1 as own,
    m.mac as source_mac,
    n.mac as destination_mac
from slice d
cross join flow f on f.id between d.id << 20 and d.id << 20 | 1048575
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = f.interface
left join address a on a.id = f.source
left join address b on b.id = f.destination
left join mac m on m.id = f.forward_mac
left join mac n on n.id = f.reverse_mac;

-- Conversations without a row in `flows`, by their ends, as far as the sensor had room for them.
create view aggregated_flows as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    s.site,
    case f.protocol when 1 then 'icmp' when 2 then 'igmp' when 6 then 'tcp' when 17 then 'udp' when 47 then 'gre'
        when 50 then 'esp' when 51 then 'ah' when 58 then 'icmp6' when 89 then 'ospf' when 132 then 'sctp'
        else cast(f.protocol as text) end as protocol,
    a.ip as source,
    b.ip as destination,
    f.destination_port,
    f.forward_packets,
    f.forward_octets,
    f.forward_coalesced,
    f.reverse_packets,
    f.reverse_octets,
    f.reverse_coalesced,
    f.forward_packets + f.reverse_packets as packets,
    f.forward_octets + f.reverse_octets as octets,
    f.flows
from slice d
cross join flow_aggregated f on f.slice = d.id
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = f.interface
left join address a on a.id = f.source
left join address b on b.id = f.destination;

create view hosts as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    coalesce(a.ip, 'other') as address,
    h.in_packets,
    h.in_octets,
    h.out_packets,
    h.out_octets
from slice d
cross join counted h on h.slice = d.id and h.facility = 6
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = h.interface
left join address a on a.id = h.key;

create view services as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    case v.key >> 16 when 6 then 'tcp' when 17 then 'udp' else 'other' end as protocol,
    case when v.key < 0 then 0 else v.key & 65535 end as port,
    v.in_packets,
    v.in_octets,
    v.out_packets,
    v.out_octets
from slice d
cross join counted v on v.slice = d.id and v.facility = 4
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = v.interface;

create view stations as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    coalesce(m.mac, 'other') as mac,
    t.in_packets,
    t.in_octets,
    t.out_packets,
    t.out_octets,
    t.in_packets - coalesce(n.in_packets, 0) as ip_in_packets,
    t.in_octets - coalesce(n.in_octets, 0) as ip_in_octets,
    t.out_packets - coalesce(n.out_packets, 0) as ip_out_packets,
    t.out_octets - coalesce(n.out_octets, 0) as ip_out_octets,
    coalesce((select group_concat(a.ip, ',') from identity e join address a on a.id = e.address
        where e.sensor = d.sensor and e.mac = t.key and e.first_ns < d.to_ns and e.last_ns >= d.from_ns), '') as addresses
from slice d
cross join counted t on t.slice = d.id and t.facility = 5
left join counted n on n.slice = t.slice and n.facility = -5 and n.interface = t.interface and n.key = t.key
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = t.interface
left join mac m on m.id = t.key;

-- Who was behind which MAC address, and from when to when.
create view identities as
select
    s.name as sensor,
    s.site,
    m.mac,
    a.ip as address,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.first_ns / 1000000000, 'unixepoch') as first,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.last_ns / 1000000000, 'unixepoch') as last
from identity d
left join sensor s on s.id = d.sensor
left join mac m on m.id = d.mac
left join address a on a.id = d.address;

create view sizes as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    z.key >> 32 as size_from,
    nullif(z.key & 4294967295, 4294967295) as size_to,
    z.in_packets,
    z.in_octets,
    z.out_packets,
    z.out_octets
from slice d
cross join counted z on z.slice = d.id and z.facility = 3
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = z.interface;

-- 0 is untagged.
create view vlans as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    v.key as vlan,
    v.in_packets,
    v.in_octets,
    v.out_packets,
    v.out_octets
from slice d
cross join counted v on v.slice = d.id and v.facility = 8
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = v.interface;

-- IP octets.
create view dscp as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    v.key as dscp,
    v.in_packets,
    v.in_octets,
    v.out_packets,
    v.out_octets
from slice d
cross join counted v on v.slice = d.id and v.facility = 9
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = v.interface;

-- `out` is what the initiators of the flows sent. IP octets.
create view protocols as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    case v.key when 1 then 'icmp' when 2 then 'igmp' when 6 then 'tcp' when 17 then 'udp' when 47 then 'gre'
        when 50 then 'esp' when 51 then 'ah' when 58 then 'icmp6' when 89 then 'ospf' when 132 then 'sctp'
        else cast(v.key as text) end as protocol,
    v.key as number,
    v.in_packets,
    v.in_octets,
    v.out_packets,
    v.out_octets
from slice d
cross join counted v on v.slice = d.id and v.facility = 10
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = v.interface;

create view traffic as
select
    d.ts,
    c.at,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.at, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    case c.class / 12 when 0 then 'ipv4' when 1 then 'ipv6' else 'non_ip' end as family,
    case when c.class >= 24 then 'non_ip' when c.class / 3 % 4 = 0 then 'tcp' when c.class / 3 % 4 = 1 then 'udp'
        when c.class / 3 % 4 = 2 then 'icmp' else 'other_ip' end as transport,
    case c.class % 3 when 0 then 'unicast' when 1 then 'broadcast' else 'multicast' end as "cast",
    c.in_packets,
    c.in_octets,
    c.out_packets,
    c.out_octets
from slice d
cross join second c on c.slice = d.id
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = c.interface;

-- Where every frame went, by slice: the table slice_ledger with names.
create view ledger as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    l.received,
    l.parsed,
    l.malformed,
    l.unsupported,
    l.dropped,
    l.bad_checksum,
    l.unparsed_octets,
    l.nic_rx_packets,
    l.nic_rx_octets,
    l.nic_tx_packets,
    l.nic_tx_octets,
    l.nic_rx_dropped,
    l.nic_tx_dropped,
    l.kernel_received,
    l.clock_step
from slice d
cross join slice_ledger l on l.slice = d.id
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = l.interface;

create view events as
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', o.from_ns / 1000000000, 'unixepoch') as time,
    s.name as sensor,
    o.interface,
    case o.reason when 1 then 'sensor ended before it sealed the slice' when 2 then 'spool full'
        when 3 then 'spooled record damaged' when 4 then 'interface vanished'
        else 'collector forgot what it had acknowledged' end as what,
    strftime('%Y-%m-%dT%H:%M:%SZ', o.to_ns / 1000000000, 'unixepoch') as until,
    o.records,
    o.packets,
    o.octets
from loss o
cross join slice d on d.id = o.slice
left join sensor s on s.id = d.sensor
union all
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch'),
    s.name,
    i.name,
    'kernel dropped frames',
    null,
    null,
    l.dropped,
    null
from slice d
cross join slice_ledger l on l.slice = d.id
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = l.interface
where l.dropped > 0
union all
select
    d.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.ts, 'unixepoch'),
    s.name,
    i.name,
    'clock moved by ' || (l.clock_step / 1000000) || ' ms',
    null,
    null,
    null,
    null
from slice d
cross join slice_ledger l on l.slice = d.id
left join sensor s on s.id = d.sensor
left join interface i on i.sensor = d.sensor and i.id = l.interface
where abs(l.clock_step) >= 100000000;

-- Do totals add up? One row per observation point and slice whose details are all still kept; every `residue_*` is in
-- packets and is zero, or something is wrong. Stations are counted where the link has MAC addresses at all.
create view accounting as
with sums as (
    select
        d.ts, d.sensor, d.seq, l.interface, l.parsed,
        l.received - l.parsed - l.malformed - l.unsupported - l.dropped as residue_capture,
        coalesce((select sum(c.in_packets + c.out_packets) from second c
            where c.slice = l.slice and c.interface = l.interface), 0) as frames,
        coalesce((select sum(c.in_packets + c.out_packets) from second c
            where c.slice = l.slice and c.interface = l.interface
            and c.class < 24), 0) as ip,
        coalesce((select sum(c.in_packets + c.out_packets) from second c
            where c.slice = l.slice and c.interface = l.interface
            and c.class < 24 and c.class / 3 % 4 < 2), 0) as tcp_udp,
        coalesce((select sum(f.forward_packets + f.reverse_packets) from flow f
            where f.id between l.slice << 20 and l.slice << 20 | 1048575 and f.interface = l.interface), 0)
        + coalesce((select sum(o.in_packets + o.out_packets) from flow_other o
            where o.slice = l.slice and o.interface = l.interface), 0) as flows,
        coalesce((select sum(z.in_packets + z.out_packets) from counted z
            where z.slice = l.slice and z.facility = 3 and z.interface = l.interface), 0) as sizes,
        coalesce((select sum(v.in_packets + v.out_packets) from counted v
            where v.slice = l.slice and v.facility = 4 and v.interface = l.interface), 0) as services,
        coalesce((select sum(h.in_packets) from counted h
            where h.slice = l.slice and h.facility = 6 and h.interface = l.interface), 0) as hosts_in,
        coalesce((select sum(h.out_packets) from counted h
            where h.slice = l.slice and h.facility = 6 and h.interface = l.interface), 0) as hosts_out,
        coalesce((select sum(t.in_packets) from counted t
            where t.slice = l.slice and t.facility = 5 and t.interface = l.interface), 0) as stations_in,
        coalesce((select sum(t.out_packets) from counted t
            where t.slice = l.slice and t.facility = 5 and t.interface = l.interface), 0) as stations_out
    from slice d
    cross join slice_ledger l on l.slice = d.id
    where d.ts >= (select max(k.since) from kept k where k.tier in ('flow', 'second', 'ledger'))
)
select
    c.ts,
    strftime('%Y-%m-%dT%H:%M:%SZ', c.ts, 'unixepoch') as time,
    s.name as sensor,
    i.name as interface,
    c.seq,
    c.parsed,
    c.residue_capture,
    c.parsed - c.frames as residue_classes,
    c.ip - c.flows as residue_flows,
    c.parsed - c.sizes as residue_sizes,
    c.tcp_udp - c.services as residue_services,
    c.ip - c.hosts_in as residue_hosts_in,
    c.ip - c.hosts_out as residue_hosts_out,
    case when c.stations_in + c.stations_out = 0 then 0 else c.parsed - c.stations_in end as residue_stations_in,
    case when c.stations_in + c.stations_out = 0 then 0 else c.parsed - c.stations_out end as residue_stations_out
from sums c
left join sensor s on s.id = c.sensor
left join interface i on i.sensor = c.sensor and i.id = c.interface;

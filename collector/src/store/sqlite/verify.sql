-- The checks behind `traf-collector verify`. Each begins with its invariant and its claim, and gives how many rows were
-- looked at, how many are wrong, and the first of those. In front of each stand the tables that several of them look at. `{in_octets}`
-- is the sum of that column, at most the greatest number. In the last one, which is made for each counted facility, `{...}` stands
-- for what its definition says.

with k as (select max(since) as since from kept where tier in ('second', 'minute')),
-- Flows as all observation points of a site know them: `home` is the sensor of what never leaves its host.
sightings as (
    select
        s.site as site,
        case when i.loopback or a.ip = '::1' or a.ip like '127.%' or b.ip = '::1' or b.ip like '127.%' then d.sensor
            else 0 end as home,
        f.protocol as protocol,
        min(f.source * 65536 + f.source_port, f.destination * 65536 + f.destination_port) as low,
        max(f.source * 65536 + f.source_port, f.destination * 65536 + f.destination_port) as high,
        d.ts as ts,
        s.name || '/' || i.name as who,
        d.sensor || '/' || f.interface || '/' || coalesce(f.vlan, -1) as observer,
        f.prim as prim,
        d.doubtful_octets as doubtful,
        -- addresses of a link: flows between other stations are others
        case when a.ip in ('0.0.0.0', '::', '255.255.255.255') or b.ip in ('0.0.0.0', '::', '255.255.255.255')
            or a.ip glob 'fe[89ab]?:*' or b.ip glob 'fe[89ab]?:*' or a.ip like '169.254.%' or b.ip like '169.254.%'
            or a.ip like '224.0.0.%' or b.ip like '224.0.0.%' or a.ip glob 'ff?[12]:*' or b.ip glob 'ff?[12]:*'
            then min(f.forward_mac, f.reverse_mac) || '/' || max(f.forward_mac, f.reverse_mac)
            || case when 0 in (f.forward_mac, f.reverse_mac) then '/' || d.sensor || '/' || f.interface else '' end
            else '' end as link
    from slice d
    cross join flow f on f.id between d.id << 20 and d.id << 20 | 1048575
    join sensor s on s.id = d.sensor
    join interface i on i.sensor = d.sensor and i.id = f.interface
    join address a on a.id = f.source
    join address b on b.id = f.destination
    where not d.clock_suspect
)

--- I1 capture: received = parsed + malformed + unsupported + dropped, in every slice
select
    count(*),
    coalesce(sum(received <> parsed + malformed + unsupported + dropped), 0),
    (select s.name || '/' || i.name || ' at ' || datetime(d.ts, 'unixepoch')
     from slice_ledger l
     join slice d on d.id = l.slice
     join sensor s on s.id = d.sensor
     join interface i on i.sensor = d.sensor and i.id = l.interface
     where l.received <> l.parsed + l.malformed + l.unsupported + l.dropped limit 1)
from slice_ledger;

--- I2 meter: parsed = the sum of every facility's rows and its `other`, in every slice whose details are kept
, wrong as (
    select
        sensor || '/' || interface || ' at ' || time || ': classes ' || residue_classes || ', flows ' || residue_flows
            || ', sizes ' || residue_sizes || ', services ' || residue_services || ', hosts ' || residue_hosts_in || ' and '
            || residue_hosts_out || ', stations ' || residue_stations_in || ' and ' || residue_stations_out as what,
        residue_classes or residue_flows or residue_sizes or residue_services or residue_hosts_in or residue_hosts_out
            or residue_stations_in or residue_stations_out as bad
    from accounting
)
select count(*), coalesce(sum(bad), 0), (select what from wrong where bad limit 1) from wrong;

--- I3 deliver: deliveries follow each other without gap or overlap up to the mark
, d as (
    select sensor, seq, from_seq, lag(seq) over (partition by sensor order by seq) as before from slice
)
select
    count(*),
    coalesce(sum(before is not null and from_seq <> before + 1), 0),
    (select s.name || ': after ' || d.before || ' comes ' || d.from_seq
     from d
     join sensor s on s.id = d.sensor
     where d.before is not null and d.from_seq <> d.before + 1 limit 1)
from d;

--- I3 deliver: the mark is the last delivery, and what is stored or declared lost makes it up
, m as (
    select
        s.name,
        s.mark_seq,
        s.stored_records + s.lost_records as made,
        (select max(seq) from slice d where d.sensor = s.id) as last
    from sensor s
)
select
    count(*),
    coalesce(sum(mark_seq <> made or mark_seq <> coalesce(last, mark_seq)), 0),
    (select name || ': mark ' || mark_seq || ', made up of ' || made || ', last delivery ' || coalesce(last, 0)
     from m where mark_seq <> made or mark_seq <> coalesce(last, mark_seq) limit 1)
from m;

--- I3 deliver: every fact belongs to a delivery
, f as (select distinct slice from slice_ledger union select distinct slice from second)
select count(*), coalesce(sum(slice not in (select id from slice)), 0), null from f;

--- I4 roll-up: a minute = the sum of its seconds, wherever both are kept
, a as (
    select
        at - at % 60 as ts, sensor, interface, class,
        {in_packets} as p, {in_octets} as o, {out_packets} as q, {out_octets} as r
    from second c
    join slice d on d.id = c.slice
    where at >= (select since from k) + 3600 * ((select since from k) > 0)
    group by 1, 2, 3, 4
),
w as (
    select
        a.ts, a.sensor, a.interface,
        m.class is null or a.p <> m.in_packets or a.o <> m.in_octets
            or a.q <> m.out_packets or a.r <> m.out_octets as bad
    from a
    left join minute m on m.ts = a.ts and m.sensor = a.sensor and m.interface = a.interface and m.class = a.class
)
select
    count(*),
    coalesce(sum(bad), 0),
    (select s.name || ' at ' || datetime(w.ts, 'unixepoch') from w join sensor s on s.id = w.sensor where bad limit 1)
from w;

--- I4 roll-up: no minute without seconds, wherever both are kept
, a as (
    select distinct at - at % 60 as ts, sensor, interface, class from second c join slice d on d.id = c.slice
)
select count(*), coalesce(sum(a.ts is null), 0), null
from minute m
left join a on a.ts = m.ts and a.sensor = m.sensor and a.interface = m.interface and a.class = m.class
where m.ts >= (select since from k) + 3600 * ((select since from k) > 0);

--- I4 roll-up: an interface's totals = the sum of its minutes, where none has been retired
, m as (
    select
        sensor, interface,
        {in_packets} as p, {in_octets} as o, {out_packets} as q, {out_octets} as r
    from minute
    group by 1, 2
),
w as (
    select
        s.name || '/' || i.name as what,
        i.in_packets <> coalesce(m.p, 0) or i.in_octets <> coalesce(m.o, 0)
            or i.out_packets <> coalesce(m.q, 0) or i.out_octets <> coalesce(m.r, 0) as bad
    from interface i
    join sensor s on s.id = i.sensor
    left join m on m.sensor = i.sensor and m.interface = i.id
    where (select since from kept where tier = 'minute') = 0
)
select count(*), coalesce(sum(bad), 0), (select what from w where bad limit 1) from w;

--- LAN once: of all observation points of a site that saw a flow in a slice, one at most counts, or its octets are doubtful
, w as (
    select ts, min(who) as a, max(who) as b, iif(max(doubtful) > 0, 1, count(distinct observer)) as observers
    from sightings
    where prim = 1
    group by site, home, protocol, low, high, link, ts
)
select
    count(*),
    coalesce(sum(observers > 1), 0),
    (select a || ' and ' || b || ' at ' || datetime(ts, 'unixepoch') from w where observers > 1 limit 1)
from w;

--- LAN once: wherever a flow was seen, somebody's row of it counts within a minute
, g as (
    select site, home, protocol, low, high, link, ts, max(prim) as prim, min(who) as who
    from sightings
    group by site, home, protocol, low, high, link, ts
),
w as (
    select
        who, ts,
        max(prim) over (
            partition by site, home, protocol, low, high, link order by ts range between 70 preceding and 70 following
        ) as counts
    from g
)
select
    count(*),
    coalesce(sum(counts = 0), 0),
    (select who || ' at ' || datetime(ts, 'unixepoch') from w where counts = 0 limit 1)
from w;

--- I3 deliver: a delivery counts as lost what it declares, and as stored only what brought traffic
, w as (
    select
        d.sensor, d.ts, d.lost,
        min(
            -- full, damaged, forgotten; one sum of absurd numbers must not end the check
            coalesce((select sum(min(l.records, 1 << 40)) from loss l where l.slice = d.id and l.reason in (2, 3, 5)), 0),
            d.seq - d.from_seq + (not exists (select 1 from slice_ledger g where g.slice = d.id))
        ) as declared
    from slice d
)
select
    count(*),
    coalesce(sum(lost <> declared), 0),
    (select s.name || ' at ' || datetime(w.ts, 'unixepoch') || ': ' || w.lost || ' of ' || w.declared || ' declared'
     from w join sensor s on s.id = w.sensor where w.lost <> w.declared limit 1)
from w;

--- I3 deliver: the losses of a sensor are those of its deliveries, where none has been retired
, w as (
    select s.name, s.lost_records as lost, coalesce((select sum(d.lost) from slice d where d.sensor = s.id), 0) as declared
    from sensor s
    where (select since from kept where tier = 'ledger') = 0
)
select
    count(*),
    coalesce(sum(lost <> declared), 0),
    (select name || ': ' || lost || ' of ' || declared || ' declared' from w where lost <> declared limit 1)
from w;

--- I2 meter: flows without a row that have ends are no more than all without a row, in every slice
, w as (
    select
        a.slice, a.interface, a.packets,
        coalesce((select sum(o.in_packets + o.out_packets) from flow_other o
            where o.slice = a.slice and o.interface = a.interface), 0) as others
    from (
        select slice, interface, sum(forward_packets + reverse_packets) as packets from flow_aggregated group by 1, 2
    ) a
)
select
    count(*),
    coalesce(sum(packets > others), 0),
    (select s.name || '/' || n.name || ' at ' || datetime(d.ts, 'unixepoch') || ': ' || packets || ' of ' || others
     from w
     join slice d on d.id = w.slice
     join sensor s on s.id = d.sensor
     join interface n on n.sensor = d.sensor and n.id = w.interface
     where packets > others limit 1)
from w;

--- I2 meter: the {name} and their `other` are the packets of their classes, in every slice
, w as (
    select
        d.ts as ts, d.sensor as sensor, l.interface as interface,
        coalesce((select sum(c.in_packets + c.out_packets) from second c
            where c.slice = l.slice and c.interface = l.interface and c.class in ({classes})), 0) as p,
        coalesce((select sum(f.in_packets) from counted f
            where f.slice = l.slice and f.facility = {number} and f.interface = l.interface), 0) as i,
        coalesce((select sum(f.out_packets) from counted f
            where f.slice = l.slice and f.facility = {number} and f.interface = l.interface), 0) as o
    from slice d
    cross join slice_ledger l on l.slice = d.id
    where d.ts >= (select max(since) from kept where tier in ('flow', 'second', 'ledger'))
)
select
    count(*),
    coalesce(sum({wrong}), 0),
    (select s.name || '/' || n.name || ' at ' || datetime(ts, 'unixepoch') || ': {name} ' || i || ' and ' || o || ' of ' || p
     from w
     join sensor s on s.id = w.sensor
     join interface n on n.sensor = w.sensor and n.id = w.interface
     where {wrong} limit 1)
from w;

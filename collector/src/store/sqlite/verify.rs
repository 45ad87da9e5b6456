//! Do totals add up? The statements behind `traf-collector verify`: each finds what does not.

use traf_model::facility::{COUNTED, KeyKind};
use traf_model::{Class, Counted};

use super::Store;
use crate::store::{Finding, Invariant, StoreError};

/// Each gives how many rows were looked at, how many are wrong, and the first of those.
const CHECKS: [(Invariant, &str, &str); 10] = [
    (
        Invariant::Capture,
        "received = parsed + malformed + unsupported + dropped, in every slice",
        "select count(*), coalesce(sum(received <> parsed + malformed + unsupported + dropped), 0), \
      (select s.name || '/' || i.name || ' at ' || datetime(d.ts, 'unixepoch') from slice_ledger l \
       join slice d on d.id = l.slice join sensor s on s.id = d.sensor \
       join interface i on i.sensor = d.sensor and i.id = l.interface \
       where l.received <> l.parsed + l.malformed + l.unsupported + l.dropped limit 1) from slice_ledger",
    ),
    (
        Invariant::Meter,
        "parsed = the sum of the classes, and the IP packets = the sum of the flows, in every slice whose details are kept",
        "with wrong as (select sensor || '/' || interface || ' at ' || time || ': classes ' || residue_classes || ', flows ' || \
      residue_flows as what, (residue_classes or residue_flows) as bad from accounting) \
      select count(*), coalesce(sum(bad), 0), (select what from wrong where bad limit 1) from wrong",
    ),
    (
        Invariant::Deliver,
        "deliveries follow each other without gap or overlap up to the mark",
        "with d as (select sensor, seq, from_seq, lag(seq) over (partition by sensor order by seq) as before from slice) \
      select count(*), coalesce(sum(before is not null and from_seq <> before + 1), 0), \
      (select s.name || ': after ' || d.before || ' comes ' || d.from_seq from d join sensor s on s.id = d.sensor \
       where d.before is not null and d.from_seq <> d.before + 1 limit 1) from d",
    ),
    (
        Invariant::Deliver,
        "the mark is the last delivery, and what is stored or declared lost makes it up",
        "with m as (select s.name, s.mark_seq, s.stored_records + s.lost_records as made, \
      (select max(seq) from slice d where d.sensor = s.id) as last from sensor s) \
      select count(*), coalesce(sum(mark_seq <> made or mark_seq <> coalesce(last, mark_seq)), 0), \
      (select name || ': mark ' || mark_seq || ', made up of ' || made || ', last delivery ' || coalesce(last, 0) from m \
       where mark_seq <> made or mark_seq <> coalesce(last, mark_seq) limit 1) from m",
    ),
    (
        Invariant::Deliver,
        "every fact belongs to a delivery",
        "with f as (select distinct slice from slice_ledger union select distinct slice from second) \
      select count(*), coalesce(sum(slice not in (select id from slice)), 0), null from f",
    ),
    (
        Invariant::RollUp,
        "a minute = the sum of its seconds, wherever both are kept",
        "with k as (select max(since) as since from kept where tier in ('second', 'minute')), \
      a as (select at - at % 60 as ts, sensor, interface, class, sum(in_packets) p, sum(in_octets) o, sum(out_packets) q, \
       sum(out_octets) r from second c join slice d on d.id = c.slice where at >= (select since from k) + 3600 * ((select since from k) > 0) group by 1, 2, 3, 4), \
      w as (select a.ts, a.sensor, a.interface, m.class is null or a.p <> m.in_packets or a.o <> m.in_octets \
       or a.q <> m.out_packets or a.r <> m.out_octets as bad from a left join minute m on m.ts = a.ts \
       and m.sensor = a.sensor and m.interface = a.interface and m.class = a.class) \
      select count(*), coalesce(sum(bad), 0), (select s.name || ' at ' || datetime(w.ts, 'unixepoch') from w \
       join sensor s on s.id = w.sensor where bad limit 1) from w",
    ),
    (
        Invariant::RollUp,
        "no minute without seconds, wherever both are kept",
        "with k as (select max(since) as since from kept where tier in ('second', 'minute')), \
      a as (select distinct at - at % 60 as ts, sensor, interface, class from second c join slice d on d.id = c.slice) \
      select count(*), coalesce(sum(a.ts is null), 0), null from minute m left join a on a.ts = m.ts \
      and a.sensor = m.sensor and a.interface = m.interface and a.class = m.class \
      where m.ts >= (select since from k) + 3600 * ((select since from k) > 0)",
    ),
    (
        Invariant::RollUp,
        "an interface's totals = the sum of its minutes, where none has been retired",
        "with m as (select sensor, interface, sum(in_packets) p, sum(in_octets) o, sum(out_packets) q, sum(out_octets) r \
      from minute group by 1, 2), \
      w as (select s.name || '/' || i.name as what, i.in_packets <> coalesce(m.p, 0) or i.in_octets <> coalesce(m.o, 0) \
       or i.out_packets <> coalesce(m.q, 0) or i.out_octets <> coalesce(m.r, 0) as bad from interface i \
       join sensor s on s.id = i.sensor left join m on m.sensor = i.sensor and m.interface = i.id \
       where (select since from kept where tier = 'minute') = 0) \
      select count(*), coalesce(sum(bad), 0), (select what from w where bad limit 1) from w",
    ),
    (
        Invariant::Once,
        "of all observation points of a site that saw a flow in a slice, one at most counts",
        "with w as (select s.site as site, case when i.loopback or a.ip = '::1' or a.ip like '127.%' or b.ip = '::1' or b.ip like '127.%' then d.sensor \
       else 0 end as home, f.protocol as protocol, min(f.source * 65536 + f.source_port, f.destination * 65536 + \
       f.destination_port) as low, max(f.source * 65536 + f.source_port, f.destination * 65536 + f.destination_port) as high, d.ts as ts, min(s.name || '/' || i.name) as a, max(s.name || '/' || i.name) as b, \
       count(distinct d.sensor || '/' || f.interface || '/' || coalesce(f.vlan, -1)) as observers \
       from slice d cross join flow f on f.id between d.id << 20 and d.id << 20 | 1048575 join sensor s on s.id = d.sensor \
       join interface i on i.sensor = d.sensor and i.id = f.interface \
       join address a on a.id = f.source join address b on b.id = f.destination \
       where f.prim = 1 group by 1, 2, 3, 4, 5, 6) \
      select count(*), coalesce(sum(observers > 1), 0), (select a || ' and ' || b || ' at ' || datetime(ts, 'unixepoch') \
       from w where observers > 1 limit 1) from w",
    ),
    (
        Invariant::Once,
        "wherever a flow was seen, somebody's row of it counts within a minute",
        "with g as (select s.site as site, case when i.loopback or a.ip = '::1' or a.ip like '127.%' or b.ip = '::1' or b.ip like '127.%' then d.sensor \
       else 0 end as home, f.protocol as protocol, min(f.source * 65536 + f.source_port, f.destination * 65536 + \
       f.destination_port) as low, max(f.source * 65536 + f.source_port, f.destination * 65536 + f.destination_port) as high, d.ts as ts, max(f.prim) as prim, min(s.name || '/' || i.name) as who \
       from slice d cross join flow f on f.id between d.id << 20 and d.id << 20 | 1048575 join sensor s on s.id = d.sensor \
       join interface i on i.sensor = d.sensor and i.id = f.interface \
       join address a on a.id = f.source join address b on b.id = f.destination group by 1, 2, 3, 4, 5, 6), \
      w as (select who, ts, max(prim) over (partition by site, home, protocol, low, high order by ts \
       range between 70 preceding and 70 following) as counts from g) \
      select count(*), coalesce(sum(counts = 0), 0), (select who || ' at ' || datetime(ts, 'unixepoch') from w \
       where counts = 0 limit 1) from w",
    ),
];

/// The check of a counted facility: its rows and `other` are the packets of the classes that it covers. If a packet counts at
/// both of its ends, this holds each way, and nothing is counted where the link has no MAC addresses.
fn check_of(facility: Counted) -> String {
    let classes = (0..Class::COUNT).filter_map(Class::at).filter(|class| (facility.covers)(*class));
    let classes: Vec<String> = classes.map(|class| class.index().to_string()).collect();
    let (number, name, classes) = (facility.number, facility.name, classes.join(", "));
    let wrong = match (facility.both_ends, facility.key) {
        (false, _) => "p <> i + o",
        (true, KeyKind::Mac) => "i + o > 0 and (p <> i or p <> o)",
        (true, _) => "p <> i or p <> o",
    };
    format!(
        "with w as (select d.ts as ts, d.sensor as sensor, l.interface as interface, \
         coalesce((select sum(c.in_packets + c.out_packets) from second c where c.slice = l.slice \
          and c.interface = l.interface and c.class in ({classes})), 0) as p, \
         coalesce((select sum(f.in_packets) from counted f where f.slice = l.slice and f.facility = {number} \
          and f.interface = l.interface), 0) as i, \
         coalesce((select sum(f.out_packets) from counted f where f.slice = l.slice and f.facility = {number} \
          and f.interface = l.interface), 0) as o \
         from slice d cross join slice_ledger l on l.slice = d.id \
         where d.ts >= (select max(since) from kept where tier in ('flow', 'second', 'ledger'))) \
         select count(*), coalesce(sum({wrong}), 0), (select s.name || '/' || n.name || ' at ' || datetime(ts, 'unixepoch') \
          || ': {name} ' || i || ' and ' || o || ' of ' || p from w join sensor s on s.id = w.sensor \
          join interface n on n.sensor = w.sensor and n.id = w.interface where {wrong} limit 1) from w"
    )
}

impl Store {
    /// Runs the checks of [`crate::verify`]: a name, and how many rows were looked at and were wrong.
    pub async fn verify(&self) -> Result<Vec<Finding>, StoreError> {
        // One transaction: all checks look at the same moment, while the collector may go on writing.
        let mut transaction = self.readers.begin().await?;
        let mut findings = Vec::with_capacity(CHECKS.len());
        let checks = CHECKS.map(|(invariant, claim, sql)| (invariant, claim.to_owned(), sql.to_owned()));
        let facilities = COUNTED.map(|facility| {
            let claim =
                format!("the {} and their `other` are the packets of their classes, in every slice", facility.name);
            (Invariant::Meter, claim, check_of(facility))
        });
        for (invariant, claim, sql) in checks.into_iter().chain(facilities) {
            let (rows, wrong, example) = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *transaction).await?;
            findings.push(Finding { invariant, claim, rows, wrong, example });
        }
        Ok(findings)
    }
}

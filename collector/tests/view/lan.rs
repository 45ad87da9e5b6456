//! A LAN of three sensors with thousands of flows: live while slices run, when some are committed, and as the past.

use std::collections::{BTreeMap, HashMap};

use traf_model::{Class, Endpoint, Evidence, Flow, FlowKey, FlowState, Half, Order, Ports, Summary, Wish};

use super::*;

const FLOWS: u32 = 3_000;
const NAMES: [&str; 3] = ["web1", "web2", "mirror"];

struct Sensor {
    present: Present,
    export: Export,
    wishes: Vec<Wish>,
    seq: u64,
}

/// The flow of a number in the slice of another, the same wherever it is seen: after `tenths` of the slice.
fn flow_of(number: u32, slice: Interval, tenths: u64) -> Flow {
    let [_, b, c, d] = number.wrapping_mul(7_919).to_be_bytes();
    let mixed = u64::from(number.wrapping_mul(2_654_435_761) >> 8);
    let udp = number.is_multiple_of(11);
    let ports = [443, 80, 22, 53, 8_080];
    let destination = Endpoint::new([10, 2, 0, (mixed % 250) as u8].into(), ports[number as usize % 5]);
    let source = Endpoint::new([10, 1, b ^ c, d].into(), 1_024 + (mixed % 60_000) as u16);
    let packets = tenths * (1 + mixed % 40);
    let counters = Counters::new(packets, packets * (60 + mixed % 1_400));
    Flow {
        key: FlowKey { protocol: if udp { 17 } else { 6 }, vlan: None, source, destination },
        traffic: Traffic { outbound: counters, inbound: Counters::new(packets, packets * 52) },
        first: Timestamp(slice.from.0 + i64::from(number)),
        last: Timestamp(slice.from.0 + 9_000_000_000),
        forward: Half::default(),
        reverse: Half::default(),
        state: FlowState::Active,
        complete: true,
        own: false,
        evidence: Evidence::new([number | 1 << 31, number.wrapping_mul(31) | 1 << 30]),
    }
}

/// One of five flows is seen by its sensor alone, the others by the mirror as well.
fn sees(point: usize, number: u32) -> bool {
    let home = number as usize % 2;
    point == home || point == 2 && !number.is_multiple_of(5)
}

fn flows_of(point: usize, slice: Interval, tenths: u64) -> Vec<Flow> {
    let numbers = (0..FLOWS).filter(|number| sees(point, *number));
    // Every third of them is another one in each slice.
    let other = (slice.from.seconds() / 10 % 1_000) as u32 * FLOWS;
    let numbers = numbers.map(|number| if number.is_multiple_of(3) { number + other } else { number });
    numbers.map(|number| flow_of(number, slice, tenths)).collect()
}

/// Keys of a table with the traffic of these flows.
fn sums(facility: Facility, group: Group, flows: &[Flow]) -> BTreeMap<String, (Item, Traffic)> {
    let mut sums = BTreeMap::<String, (Item, Traffic)>::new();
    let mut add = |name: String, item: Item, traffic: Traffic| {
        sums.entry(name).or_insert((item, Traffic::default())).1 += traffic;
    };
    for flow in flows {
        match facility {
            Facility::Counted(facility) => {
                let shares = facility.shares().unwrap()(&flow.key, &Ports::default());
                for share in shares.into_iter().flatten() {
                    let traffic = if share.reversed { flow.traffic.reversed() } else { flow.traffic };
                    let item = Item::Counted(facility, share.key, Counts::default());
                    add(facility.text(share.key), item, traffic);
                }
            }
            _ => {
                let key = group.of(&flow.key, "").unwrap();
                add(key.to_string(), Item::Group(key, Traffic::default(), 0), flow.traffic);
            }
        }
    }
    sums
}

fn answer(wish: &Wish, slice: Interval, flows: &[Flow]) -> Answer {
    let octets = |row: &Row| std::cmp::Reverse(row.item.traffic().total().octets);
    let (mut rows, total): (Vec<Row>, Traffic) = if (wish.facility, wish.group) == (Facility::Traffic, Group::Flow) {
        let rows = flows.iter().map(|flow| Row::new(Traffic::default(), Item::Flow(*flow))).collect();
        (rows, flows.iter().map(|flow| flow.traffic).sum())
    } else {
        let sums = sums(wish.facility, wish.group, flows);
        let total = sums.values().map(|(_, traffic)| *traffic).sum();
        let row = |(item, traffic): (Item, Traffic)| match item {
            Item::Counted(facility, key, _) => Item::Counted(facility, key, traffic.into()),
            Item::Group(key, ..) => Item::Group(key, traffic, 0),
            item => item,
        };
        (sums.into_values().map(|sum| Row::new(Traffic::default(), row(sum))).collect(), total)
    };
    rows.sort_by_key(octets);
    let left = rows.split_off((wish.limit as usize).min(rows.len()));
    let mut others = HashMap::<bool, Traffic>::new();
    for row in left {
        if let Item::Flow(flow) = row.item {
            *others.entry(flow.key.protocol == 17).or_default() += flow.traffic;
        }
    }
    // TCP and UDP over IPv4.
    let class = |udp: bool| Class::at(if udp { 3 } else { 0 }).unwrap();
    rows.extend(others.into_iter().map(|(udp, sum)| Row::new(Traffic::default(), Item::Other(class(udp), sum, 1))));
    Answer { id: wish.id, matched: rows.len() as u64, total, rows, slice: Some(slice.from), ..Answer::default() }
}

impl Sensor {
    /// Takes the wishes that have come.
    async fn listen(&mut self) {
        while let Ok(message) = tokio::time::timeout(Duration::from_millis(200), self.present.wishes.message()).await {
            self.wishes = message.unwrap().unwrap().wishes.into_iter().map(|wish| wish.try_into().unwrap()).collect();
        }
    }

    /// Says what it has counted after so many tenths of each of these slices.
    async fn say(&self, point: usize, slices: &[(Interval, u64)]) {
        let mut said = snapshot(1);
        said.at = Timestamp::from_seconds(slices[0].0.from.seconds());
        for (slice, tenths) in slices {
            let flows = flows_of(point, *slice, *tenths);
            let wishes = self.wishes.iter().filter(|wish| wish.slice);
            said.interfaces[0].answers.extend(wishes.map(|wish| answer(wish, *slice, &flows)));
        }
        self.present.say(&said).await;
    }

    async fn commit(&mut self, point: usize, slice: Interval) {
        self.seq += 1;
        let mut part = summary(0).interfaces.remove(0);
        part.flows = flows_of(point, slice, 10);
        (part.other_flows, part.aggregated_flows, part.counted, part.seconds) = Default::default();
        let summary = Summary { slice, sealed: slice.to, interfaces: vec![part], generation: 1, ..Summary::default() };
        self.export.send(1, self.seq, self.seq, &summary).await;
        self.export.acked(self.seq).await;
    }
}

/// Rows by key; live and past name them alike.
fn rows(report: &Report) -> BTreeMap<String, Traffic> {
    let keyed = report.rows.iter().filter_map(|row| match &row.item {
        Item::Counted(facility, key, counts) => Some((facility.text(*key), counts.traffic)),
        Item::Group(key, traffic, _) => Some((key.to_string(), *traffic)),
        _ => None,
    });
    keyed.collect()
}

const TABLES: [(Facility, Group); 4] = [
    (Facility::Counted(HOSTS), Group::Flow),
    (Facility::Counted(SERVICES), Group::Flow),
    (Facility::Traffic, Group::Address),
    (Facility::Traffic, Group::Port),
];

fn question(facility: Facility, group: Group) -> Query {
    Query { facility, group, limit: 1_000, order: Order::default(), ..Query::default() }
}

/// The first report of each table that is as wanted.
async fn look(desk: &Channel, wanted: impl Fn(&Report) -> bool + Copy) -> Vec<Report> {
    let answered = |report: &Report| !report.notes.iter().any(|note| note == Report::WAITING);
    let one = async |(facility, group)| {
        let mut stream = watch(desk, &question(facility, group)).await;
        until(&mut stream, |report| answered(report) && wanted(report)).await
    };
    futures_util::future::join_all(TABLES.map(one)).await
}

/// Octets of the LAN that a table counts.
fn octets(report: &Report) -> u64 {
    report.total.total().octets / if report.facility == HOSTS.into() { 2 } else { 1 }
}

fn near(found: u64, truth: u64, thousandths: u64) -> bool {
    found.abs_diff(truth) <= truth * thousandths / 1_000
}

#[tokio::test]
#[allow(clippy::disallowed_methods)] // slices are of the present
async fn live_is_what_is_committed_and_the_last_seconds_and_becomes_the_past() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(&folder).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let slice = |number: i64| {
        let from = now - now % 10 + 10 * number;
        Interval::new(Timestamp::from_seconds(from), Timestamp::from_seconds(from + 10))
    };
    let desk = collector.joined(Role::Admin, "desk").await;
    let mut sensors = Vec::new();
    for name in NAMES {
        let channel = collector.joined(Role::Sensor, name).await;
        let (export, _) = Export::open(channel.clone(), 1).await.unwrap();
        let present = Present::open(channel).await;
        present.say(&snapshot(1)).await;
        sensors.push(Sensor { present, export, wishes: Vec::new(), seq: 0 });
    }
    // Streams that stay open, so that the sensors go on to answer.
    let mut open = Vec::new();
    for (facility, group) in TABLES {
        let mut stream = watch(&desk, &question(facility, group)).await;
        until(&mut stream, |report| report.sensors_reporting == 3).await;
        open.push(stream);
    }
    for sensor in &mut sensors {
        sensor.listen().await;
        assert_eq!(sensor.wishes.iter().filter(|wish| wish.slice).count(), 5, "{:?}", sensor.wishes);
    }
    let truth = |slices: &[(Interval, u64)]| -> Vec<Flow> {
        let all = |(slice, tenths): &(Interval, u64)| {
            let seen = (0..2).flat_map(|point| flows_of(point, *slice, *tenths));
            seen.collect::<Vec<Flow>>()
        };
        slices.iter().flat_map(all).collect()
    };
    let total = |flows: &[Flow]| flows.iter().map(|flow| flow.traffic.total().octets).sum::<u64>();

    // The first slice runs: nothing is known of who sees what, but for the busiest flows.
    let first = slice(0);
    for (point, sensor) in sensors.iter().enumerate() {
        sensor.say(point, &[(first, 4)]).await;
    }
    let running = truth(&[(first, 4)]);
    for report in look(&desk, |report| report.total.total().octets > 0).await {
        assert!(near(octets(&report), total(&running), 100), "{} of {}", octets(&report), total(&running));
    }

    // It is committed: every row is exact.
    for (point, sensor) in sensors.iter_mut().enumerate() {
        sensor.commit(point, first).await;
    }
    let whole = truth(&[(first, 10)]);
    let all = total(&whole);
    for (report, (facility, group)) in look(&desk, |report| octets(report) == all).await.iter().zip(TABLES) {
        let expected: BTreeMap<String, Traffic> =
            sums(facility, group, &whole).into_iter().map(|(name, (_, traffic))| (name, traffic)).collect();
        let found = rows(report);
        assert!(found.iter().all(|(name, traffic)| expected.get(name) == Some(traffic)), "{facility:?}");
        assert_eq!(found.len(), expected.len().min(1_000), "{facility:?}");
        assert_eq!(report.matched, found.len() as u64, "what the title counts can be scrolled to");
        assert!(report.notes.is_empty(), "{:?}", report.notes);
    }

    // The same window asked in the past gives the same rows.
    let past = |facility, group| {
        let window = Window::Past(first);
        Query { window, ..question(facility, group) }
    };
    let all = total(&truth(&[(first, 10)]));
    let live = look(&desk, |report| near(octets(report), all, 20)).await;
    for (live, (facility, group)) in live.iter().zip(TABLES) {
        let past = next(&mut watch(&desk, &past(facility, group)).await).await;
        assert_eq!(octets(&past), all);
        assert!(near(octets(live), all, 20), "{} of {all}", octets(live));
        let (shown, stored) = (rows(live), rows(&past));
        let same = stored.iter().filter(|(name, traffic)| {
            shown.get(*name).is_some_and(|shown| near(shown.total().octets, traffic.total().octets, 20))
        });
        assert!(same.count() * 100 >= stored.len() * 95, "{facility:?} {group:?}");
    }
    drop(open);
    collector.stop().await;
}

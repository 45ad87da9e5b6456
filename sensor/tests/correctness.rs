#![allow(clippy::unwrap_used, clippy::expect_used)]
mod captures;
use std::collections::BTreeSet;
use std::time::Duration;
use traf_sensor::meter::MeterConfig;

#[test]
fn survey() {
    let Some(folder) = captures::folder() else { return };
    let index = std::fs::read_to_string(folder.join("correctness/index.tsv")).unwrap();
    for line in index.lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        let path = folder.join("correctness").join(f[0]).join(f[1]);
        let n = |i: usize| f[i].parse::<u64>().unwrap();
        let run = |tunnels| {
            let c = MeterConfig { flows: 4096, idle: Duration::MAX, tunnels, ..Default::default() };
            let (frames, trouble, s) = captures::metered(&path, c);
            let c = |p: u8| {
                let k: BTreeSet<_> = s
                    .flows
                    .iter()
                    .filter(|f| f.key.protocol == p)
                    .map(|f| {
                        let mut k = f.key;
                        k.vlan = None;
                        k.canonical()
                    })
                    .collect();
                let rows = s.flows.iter().filter(|f| f.key.protocol == p).count();
                let pk: u64 = s.flows.iter().filter(|f| f.key.protocol == p).map(|f| f.traffic.total().packets).sum();
                (k.len(), rows, pk)
            };
            (frames, trouble, c(6), c(17))
        };
        let (a, b) = (run(false), run(true));
        let want = (n(5), (n(7), n(8)), (n(10), n(11)));
        let ok = a.0 == want.0 && (a.2.1 as u64, a.2.2) == want.1 && (a.3.1 as u64, a.3.2) == want.2;
        println!("{} {}/{} want {:?} closed {:?} open {:?}", if ok { "ok  " } else { "DIFF" }, f[0], f[1], want, a, b);
    }
}

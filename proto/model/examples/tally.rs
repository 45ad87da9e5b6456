//! A tally of bounded size: detail may be shed, totals never.
//!
//! Run it by `cargo run -p traf-model --example tally`.

use traf_model::{Counters, Tally, Traffic};

fn main() {
    // Room for two keys.
    let mut tally = Tally::with_capacity(2);
    for (service, octets) in [("tcp/443", 1500), ("udp/53", 80), ("tcp/22", 100), ("tcp/443", 700)] {
        tally.add(service, Traffic::inbound(Counters::new(1, octets)));
    }
    let mut total = *tally.other();
    for (service, traffic) in tally.rows() {
        println!("{service:8} {:5} octets", traffic.inbound.octets);
        total += *traffic;
    }
    println!("{:8} {:5} octets", "other", tally.other().inbound.octets);
    assert_eq!(total.inbound, Counters::new(4, 2380));
}

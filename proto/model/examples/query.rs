//! A question to the collector: the busiest connections to one host in a minute of the past.
//!
//! Run it by `cargo run -p traf-model --example query -- 'src host 10.0.0.3 and tcp'`.

use traf_model::{Facility, FilterError, Interval, Query, Timestamp, Window};

const SECOND: i64 = 1_000_000_000;

fn main() -> Result<(), FilterError> {
    let words = std::env::args().nth(1).unwrap_or_else(|| "dst host 10.0.0.3 and tcp port https".to_owned());
    let minute = Interval::new(Timestamp(1_767_244_800 * SECOND), Timestamp(1_767_244_860 * SECOND));
    let query = Query {
        facility: Facility::Traffic,
        window: Window::Past(minute),
        filter: words.parse()?,
        limit: 10,
        ..Query::default()
    };
    println!("{} {} of {}", query.facility.name(), query.filter, query.scope);
    // Printed, a filter parses to the same filter.
    assert_eq!(query.filter.to_string().parse(), Ok(query.filter));
    Ok(())
}

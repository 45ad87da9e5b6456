//! A fleet of simulated sensors over mutual TLS: whatever the order of arrival and the clocks, each byte counts once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use clap::Parser;
use traf_lab::fleet::{Figures, Plan, run};

/// Most that the sums of the LAN may be off, in per cent.
const OFF: f64 = 0.5;

#[derive(Parser)]
struct Words {
    #[command(flatten)]
    plan: Plan,
}

fn fleet(words: &[&str]) -> Figures {
    let usual = ["fleet", "8", "--flows", "500", "--verify"];
    let plan = Words::parse_from(usual.iter().chain(words)).plan;
    println!("{}", plan.title());
    let figures = run(&plan).unwrap();
    print!("{figures}");
    figures
}

#[test]
fn slices_that_arrive_in_order_add_up_to_the_truth() {
    fleet(&["--slices", "8"]).check(OFF).unwrap();
}

#[test]
fn slices_that_arrive_in_any_order_add_up_to_the_truth() {
    fleet(&["--slices", "8", "--order", "random", "--live", "2"]).check(OFF).unwrap();
}

#[test]
fn sensors_with_wrong_clocks_change_no_sum_of_the_others() {
    fleet(&["--slices", "6", "--ahead", "--year", "--late"]).check(OFF).unwrap();
}

#[test]
fn lookalikes_count_at_each_of_their_places() {
    fleet(&["--slices", "5", "--lookalikes", "20"]).check(OFF).unwrap();
}

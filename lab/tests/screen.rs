//! The console in a real terminal.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use traf_lab::process::cpu;
use traf_lab::wait::Deadline;
use traf_lab::{MonitoredLan, Terminal};

/// CPU time that the console may use until its first useful screen. The build of the tests is not optimised.
const FIRST: Duration = Duration::from_millis(200);

#[test]
#[ignore = "needs namespaces"]
fn the_first_screen_costs_200_milliseconds_of_cpu_at_most_and_leaving_or_a_panic_leaves_the_terminal_clean() {
    let lan = MonitoredLan::new(&["anna", "ben"], false, &[]).unwrap();
    let (_serve, v4, _) = lan.lan.serve(1, 9000).unwrap();
    let _traffic =
        lan.lan.machines[0].start_traffic(&["tcp", &v4, "--octets", "100000000000", "--rate", "200000"]).unwrap();
    for (columns, rows) in [(80, 24), (132, 40)] {
        let terminal = Terminal::open(&lan.lan.tower, &lan.lan.folder, columns, rows).unwrap();
        let before = terminal.modes().unwrap();
        let pid = lan.lan.folder.join("traf.pid");
        let start = format!("clear; (echo $BASHPID > {}; exec env {})", pid.display(), lan.console.line().unwrap());
        terminal.line(&start).unwrap();
        let screen =
            terminal.wait_for("a useful screen", Deadline::seconds(10), |screen| screen.contains("10.77.1.2")).unwrap();
        let used = cpu(std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap()).unwrap();
        println!("{columns}x{rows}: first useful screen after {used:.2?} of CPU\n{screen}");
        assert!(used <= FIRST, "{used:?}");
        assert_fits(&screen, columns, rows);

        for (columns, rows) in [(60, 15), (132, 40), (columns, rows)] {
            terminal.resize(columns, rows).unwrap();
            let screen = terminal.wait_for("a screen of the new size", Deadline::seconds(5), |screen| {
                screen.contains("Trafalgar") && screen.trim_end_matches('\n').lines().count() == usize::from(rows)
            });
            assert_fits(&screen.unwrap(), columns, rows);
        }
        terminal.key("C-c").unwrap();
        terminal.wait_for("the shell", Deadline::seconds(5), |screen| screen.trim_end().ends_with('$')).unwrap();
        assert_eq!(terminal.modes().unwrap(), before, "as if it had never been there");

        // The build that tests run panics behind its first frame when it is asked to.
        terminal.line(&format!("clear; TRAF_PANIC=1 RUST_BACKTRACE=0 {}", lan.console.line().unwrap())).unwrap();
        let words = |screen: &str| screen.contains("panicked") && screen.trim_end().ends_with('$');
        let screen = terminal.wait_for("the words of a panic", Deadline::seconds(10), words).unwrap();
        assert!(screen.contains("TRAF_PANIC is set"), "{screen}");
        assert_eq!(terminal.modes().unwrap(), before, "a panic leaves it clean too");
    }
}

fn assert_fits(screen: &str, columns: u16, rows: u16) {
    assert!(screen.lines().count() <= rows.into(), "{screen}");
    let widest = screen.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    assert!(widest <= columns.into(), "{widest} columns:\n{screen}");
}

//! Cost of `traf-sensor read` against `tcpdump -r FILE -w /dev/null`: CPU time of either, in turn, on one file.
//!
//! `cargo bench -p traf-sensor --bench read [-- --packets N --flows N --rounds N --file F]`
//!
//! The file (1.9 GB for five million packets) is made in `TRAF_BENCH_DIR`, or the system's temporary folder, and removed;
//! a folder in memory leaves the disk out. With `--file` an existing one is read and kept.
//!
//! `cargo bench -p traf-sensor --bench read -- --mixtures [--rounds N]`: cost of the meter alone, by kind of traffic.

mod mixtures;
mod traffic;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::Parser;
use nix::sys::resource::{UsageWho, getrusage};
use traf_model::Facility;
use traf_sensor::read::{self, Format, ReadArgs};

#[derive(Parser)]
struct Args {
    /// Packets in the file
    #[arg(long, default_value_t = 5_000_000)]
    packets: u64,
    /// Flows in the file
    #[arg(long, default_value_t = 100_000)]
    flows: u64,
    /// Times that either side runs
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Read this file instead of making one
    #[arg(long)]
    file: Option<PathBuf>,
    /// Only make the file, and keep it
    #[arg(long)]
    make: Option<PathBuf>,
    /// Measure the meter alone, over frames in memory
    #[arg(long)]
    mixtures: bool,
    /// The measured side: read the file and end
    #[arg(long, hide = true)]
    child: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(file) = args.child {
        return read::run(&ReadArgs {
            files: vec![file],
            format: Format::Json,
            table: Facility::Traffic,
            tunnels: false,
            flows: 262_144,
        });
    }
    if let Some(file) = args.make {
        return traffic::write(&file, args.packets, args.flows).context("making the file");
    }
    if args.mixtures {
        return mixtures::measure(args.rounds);
    }
    let folder = std::env::var_os("TRAF_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let made = folder.join(format!("traf-bench-{}.pcap", std::process::id()));
    let file = match &args.file {
        Some(file) => file.clone(),
        None => {
            traffic::write(&made, args.packets, args.flows).context("making the file")?;
            made.clone()
        }
    };
    let measured = compare(&file, args.rounds);
    if args.file.is_none() {
        std::fs::remove_file(&made).context("removing the file")?;
    }
    measured
}

fn compare(file: &Path, rounds: u32) -> anyhow::Result<()> {
    let this = std::env::current_exe().context("finding this program")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        ours.push(cpu(Command::new(&this).arg("--child").arg(file))?);
        theirs.push(cpu(Command::new("tcpdump").arg("-r").arg(file).args(["-w", "/dev/null"]))?);
        println!("round {round}: read {:.3} s, tcpdump {:.3} s", ours[ours.len() - 1], theirs[theirs.len() - 1]);
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("median of CPU time: read {ours:.3} s, tcpdump {theirs:.3} s, ratio {:.2}", ours / theirs);
    Ok(())
}

/// Seconds of CPU, user and system, that a program took.
fn cpu(command: &mut Command) -> anyhow::Result<f64> {
    let before = children()?;
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("running {}", command.get_program().display()))?;
    ensure!(status.success(), "{} ended with {status}", command.get_program().display());
    Ok(children()? - before)
}

fn children() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

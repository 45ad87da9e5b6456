//! The reference of the sensor's counts: Wireshark's dumpcap on the same interface, and tshark's count of what it wrote.
//!
//! Not tcpdump, which insists on becoming another user and so does not capture in a user namespace; it only reads what was
//! written.

mod frame;
mod head;
mod pcapng;
pub mod truth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use traf_model::{Counters, Traffic};

use crate::machine::{Machine, run};
use crate::process::Process;
use crate::wait::Deadline;
pub use frame::{Frame, Packet, Uniflow};
pub use head::{Head, IpHead};
pub use truth::{TruePoint, Truth};

/// A dumpcap that writes the heads of all frames.
#[derive(Debug)]
pub struct ReferenceCapture {
    process: Process,
    file: CaptureFile,
}

/// The counts of tshark.
#[derive(Clone, Debug, Default)]
pub struct ReferenceCounts {
    /// All frames, with their octets.
    pub frames: Counters,
    /// IP packets and octets, by direction of a conversation.
    pub sent: BTreeMap<Uniflow, Counters>,
}

impl ReferenceCapture {
    /// Begins to write the frames that `filter` selects (libpcap's words; empty is all); returns when it listens.
    pub fn start(machine: &Machine, interface: &str, folder: &Path, filter: &str) -> Result<Self> {
        let file = folder.join(format!("{}-{interface}.pcap", machine.name));
        // 128 octets hold every header; 64 MiB hold what comes while the disk is slow.
        let words = ["-q", "-i", interface, "-w", &file.to_string_lossy(), "-s", "128", "-B", "64", "-f", filter];
        let process = machine.start("dumpcap", &words)?;
        process.wait_for_log("File: ")?;
        Ok(Self { process, file: CaptureFile { machine: machine.clone(), file } })
    }

    /// Ends dumpcap and counts by tshark.
    pub fn counts(self) -> Result<ReferenceCounts> {
        Ok(ReferenceCounts::of(&self.stop()?.frames()?))
    }

    /// Ends dumpcap. It is an error if it lost a frame.
    pub fn stop(mut self) -> Result<CaptureFile> {
        self.process.signal(Signal::SIGINT)?;
        self.process.wait(Deadline::seconds(10))?;
        let log = self.process.log();
        // "received/dropped on interface 'eth0': 35/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0)"
        ensure!(log.contains("/0 (pcap:0/dumpcap:0/flushed:0/"), "dumpcap lost frames: {log}");
        Ok(self.file)
    }
}

impl ReferenceCounts {
    /// Adds frames up.
    pub fn of(frames: &[Frame]) -> Self {
        let mut counts = Self::default();
        for frame in frames {
            counts.frames += Counters::new(1, frame.octets);
            if let Some(Packet { sent, octets, .. }) = &frame.packet {
                *counts.sent.entry(sent.clone()).or_default() += Counters::new(1, *octets);
            }
        }
        counts
    }
}

/// A capture file of dumpcap, as tshark reads it.
#[derive(Debug)]
pub struct CaptureFile {
    machine: Machine,
    /// Its path.
    pub file: PathBuf,
}

impl CaptureFile {
    /// Those of the frames that tcpdump selects.
    pub fn select(&self, filter: &str) -> Result<Self> {
        let name = format!("selected-{}.pcap", filter.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"));
        let file = self.file.with_file_name(name);
        // -Z: as root it would become another user, who may not write here.
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-n", "-Z", "root", "-r"]).arg(&self.file).arg("-w").arg(&file).arg(filter);
        run(&mut tcpdump)?;
        Ok(Self { machine: self.machine.clone(), file })
    }

    /// Every frame.
    pub fn frames(&self) -> Result<Vec<Frame>> {
        let mut words = vec!["-T", "fields", "-E", "occurrence=f"];
        // Checksums are not looked at: offloaded frames carry none yet.
        words.extend(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
        words.extend(["-o", "tcp.desegment_tcp_streams:FALSE"]);
        frame::FIELDS.iter().for_each(|field| words.extend(["-e", field]));
        let mut reader = frame::Reader::default();
        let text = self.tshark(&words)?;
        text.lines().map(|line| reader.read(line).with_context(|| format!("tshark said {line:?}"))).collect()
    }

    /// Hands over every frame, read by the lab itself: tshark takes minutes for millions. It is an error if a frame is cut
    /// within its link header.
    pub fn each_head(&self, mut take: impl FnMut(&Head)) -> Result<()> {
        let (mut reader, mut heads) = (pcapng::Reader::open(&self.file)?, head::Heads::default());
        while let Some(frame) = reader.next()? {
            take(&heads.read(&frame).with_context(|| format!("a frame of {} octets", frame.octets.len()))?);
        }
        Ok(())
    }

    /// tshark's own table of Ethernet endpoints: frames to and from each MAC address.
    pub fn ethernet_endpoints(&self) -> Result<BTreeMap<String, Traffic>> {
        self.tshark(&["-q", "-z", "endpoints,eth"])?.lines().filter_map(|line| endpoint(line).transpose()).collect()
    }

    fn tshark(&self, words: &[&str]) -> Result<String> {
        // The user's own settings must not change what is counted.
        let mut tshark = self.machine.command("tshark");
        tshark.args(["-n", "-r"]).arg(&self.file).args(words);
        tshark.env("WIRESHARK_CONFIG_DIR", self.file.with_extension("settings"));
        run(tshark.env_remove("XDG_CONFIG_HOME").env_remove("HOME"))
    }
}

/// `52:6f:67:bf:db:a1  10  800  6  496  4  304`: packets and bytes of all, sent, received; other lines are titles.
fn endpoint(line: &str) -> Result<Option<(String, Traffic)>> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [address, _, _, tx, tx_octets, rx, rx_octets] = fields[..] else { return Ok(None) };
    let counters = |packets: &str, octets: &str| -> Result<Counters> {
        let packets = packets.parse().with_context(|| format!("packets in {line:?}"))?;
        Ok(Counters::new(packets, octets.parse().with_context(|| format!("bytes in {line:?}"))?))
    };
    let (inbound, outbound) = (counters(rx, rx_octets)?, counters(tx, tx_octets)?);
    Ok(Some((address.to_owned(), Traffic { inbound, outbound })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_of_endpoints_is_a_station_and_a_title_is_none() {
        let (address, counters) = endpoint("02:54:01:00:00:01   10   800   6   496   4   304   ").unwrap().unwrap();
        assert_eq!(address, "02:54:01:00:00:01");
        assert_eq!((counters.outbound, counters.inbound), (Counters::new(6, 496), Counters::new(4, 304)));
        let title = "                       |  Packets  | |  Bytes  | | Tx Packets | | Tx Bytes |";
        assert!(endpoint(title).unwrap().is_none() && endpoint("Filter:<No Filter>").unwrap().is_none());
    }
}

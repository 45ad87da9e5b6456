//! The second witness: Wireshark's dumpcap beside the sensor on the same interface, and tshark's count of what it wrote.
//!
//! Not tcpdump, which insists on becoming another user and so does not run in a user namespace.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::counters::Count;
use crate::host::{Host, run};
use crate::program::Program;
use crate::wait::{Deadline, Look, eventually};

/// A dumpcap that writes the heads of all frames.
#[derive(Debug)]
pub struct Witness {
    program: Program,
    host: Host,
    file: PathBuf,
}

/// One direction of a conversation, as tshark names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    /// `tcp`, `udp` or the number of the protocol.
    pub protocol: String,
    /// Who sent.
    pub source: IpAddr,
    /// From which port; 0 where there are none.
    pub source_port: u16,
    /// To whom.
    pub destination: IpAddr,
    /// To which port; 0 where there are none.
    pub destination_port: u16,
    /// The VLAN's number.
    pub vlan: Option<u16>,
}

/// What tshark counted.
#[derive(Clone, Debug, Default)]
pub struct Testimony {
    /// All frames, with their octets.
    pub frames: Count,
    /// IP packets and octets (`ip.len`, or `ipv6.plen` and the 40 of its header), by who sent what to whom.
    pub sent: BTreeMap<Sent, Count>,
    /// Ports of the first fragment, by addresses and identification.
    fragments: HashMap<(String, String, String), (u16, u16)>,
}

/// What is asked of tshark for each frame.
const FIELDS: [&str; 17] = [
    "frame.len",
    "vlan.id",
    "ip.src",
    "ip.dst",
    "ip.len",
    "ip.proto",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "ipv6.nxt",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "ip.id",
    "ip.frag_offset",
    "icmpv6.type",
];

impl Witness {
    /// Begins to write what `filter` (libpcap's words; empty is all) lets through; returns when it listens.
    ///
    /// # Errors
    /// When dumpcap does not start.
    pub fn start(host: &Host, interface: &str, folder: &Path, filter: &str) -> Result<Self> {
        let file = folder.join(format!("{}-{interface}.pcap", host.name()));
        let name = file.to_string_lossy().into_owned();
        // 128 octets hold every header; 64 MiB hold what comes while the disk is slow.
        let words = ["-q", "-i", interface, "-w", &name, "-s", "128", "-B", "64", "-f", filter];
        let program = host.start("dumpcap", &words)?;
        eventually("dumpcap to listen", Deadline::seconds(10), || {
            let log = program.log();
            Ok(Look::at(log.contains("File: ").then_some(()), || log))
        })?;
        Ok(Self { program, host: host.clone(), file })
    }

    /// Ends dumpcap and lets tshark count.
    ///
    /// # Errors
    /// When dumpcap lost a frame, for then it is no witness.
    pub fn testify(mut self) -> Result<Testimony> {
        self.program.signal(Signal::SIGINT)?;
        self.program.wait(Deadline::seconds(10))?;
        let log = self.program.log();
        // "received/dropped on interface 'eth0': 35/0 (pcap:0/dumpcap:0/flushed:0/ps_ifdrop:0)"
        ensure!(log.contains("/0 (pcap:0/dumpcap:0/flushed:0/"), "dumpcap lost frames: {log}");
        let mut words = vec!["-n", "-r", self.file.to_str().context("a path")?, "-T", "fields", "-E", "occurrence=f"];
        // Checksums are not looked at: offloaded frames carry none yet.
        words.extend(["-o", "ip.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"]);
        FIELDS.iter().for_each(|field| words.extend(["-e", field]));
        let mut testimony = Testimony::default();
        // A person's own settings must not change what is counted.
        let mut tshark = self.host.command("tshark");
        tshark.args(&words).env("WIRESHARK_CONFIG_DIR", self.file.with_extension("settings"));
        let output = run(tshark.env_remove("XDG_CONFIG_HOME").env_remove("HOME"))?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            testimony.hear(line).with_context(|| format!("tshark said {line:?}"))?;
        }
        Ok(testimony)
    }
}

impl Testimony {
    /// One frame: a line of fields with tabs between them.
    fn hear(&mut self, line: &str) -> Result<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        ensure!(fields.len() == FIELDS.len(), "{} fields, not {}", fields.len(), FIELDS.len());
        let [length, vlan, src4, dst4, len4, proto4, src6, dst6, len6, proto6, ..] = fields[..] else { return Ok(()) };
        let [.., tcp_src, tcp_dst, udp_src, udp_dst, id, offset, icmp6] = fields[..] else { return Ok(()) };
        self.frames.frames += 1;
        self.frames.octets += length.parse::<u64>().context("frame.len")?;
        let (source, destination, octets, protocol) = if !src4.is_empty() {
            (src4, dst4, len4.parse::<u64>().context("ip.len")?, proto4)
        } else if !src6.is_empty() {
            // ICMPv6 may stand behind extension headers.
            (src6, dst6, len6.parse::<u64>().context("ipv6.plen")? + 40, if icmp6.is_empty() { proto6 } else { "58" })
        } else {
            return Ok(());
        };
        let first = (source.to_owned(), destination.to_owned(), id.to_owned());
        let (protocol, ports) = match protocol {
            "6" => ("tcp", (tcp_src, tcp_dst)),
            "17" => ("udp", (udp_src, udp_dst)),
            other => (other, ("0", "0")),
        };
        // A later fragment has no ports of its own: it follows its first.
        let ports = if matches!(offset, "" | "0") {
            let ports = (ports.0.parse().context("a port")?, ports.1.parse().context("a port")?);
            if !id.is_empty() {
                self.fragments.insert(first, ports);
            }
            ports
        } else {
            *self.fragments.get(&first).context("a fragment without its first")?
        };
        let sent = Sent {
            protocol: protocol.to_owned(),
            source: source.parse().context("an address")?,
            source_port: ports.0,
            destination: destination.parse().context("an address")?,
            destination_port: ports.1,
            vlan: if vlan.is_empty() { None } else { Some(vlan.parse().context("vlan.id")?) },
        };
        let count = self.sent.entry(sent).or_default();
        count.frames += 1;
        count.octets += octets;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_line_of_tshark_is_one_packet_of_one_sender() {
        let mut testimony = Testimony::default();
        testimony.hear("70\t7\t\t\t\t\tfd77::1\tfd77::2\t16\t17\t\t\t53\t99\t\t\t").unwrap();
        testimony.hear("42\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t").unwrap();
        assert_eq!(testimony.frames, Count { frames: 2, octets: 112 });
        let (sent, count) = testimony.sent.first_key_value().unwrap();
        assert_eq!((sent.vlan, sent.source_port, count.octets), (Some(7), 53, 56));
    }
}

//! The lab's own traffic: small programs with exact counts, run in a machine as `traf-lab traffic …`.
//!
//! Where a test needs the real thing it runs ping, ssh or curl; these are for what they cannot say: so many octets, so
//! many flows, so many frames a second.

mod bulk;
mod frames;
mod packet_socket;
mod segments;
mod short;
mod template;

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use clap::{Args, Subcommand};

/// Traffic to send, or to answer.
#[derive(Debug, Subcommand)]
pub enum Traffic {
    /// Answers `tcp` and `udp`, until it is ended.
    Serve {
        /// End points to listen at, for both protocols.
        #[arg(required = true)]
        addresses: Vec<SocketAddr>,
    },
    /// A TCP connection that sends and is answered.
    Tcp(Stream),
    /// Datagrams, each sent when the one before has come back.
    Udp {
        /// A `serve`.
        to: SocketAddr,
        /// Number of datagrams.
        #[arg(long, default_value_t = 100)]
        datagrams: u32,
        /// Octets of payload in each.
        #[arg(long, default_value_t = 512)]
        size: u16,
        /// At most so many a second; 0 is no limit.
        #[arg(long, default_value_t = 0)]
        rate: u32,
    },
    /// Frames written past the network stack.
    Frames(Frames),
    /// Many short conversations, TCP and UDP in turn.
    Short(Short),
    /// Datagrams that the kernel gets many at a time, to be cut late (UDP_SEGMENT).
    Segments(Segments),
    /// Takes datagrams and answers none, until it is ended.
    Sink {
        /// End points to listen at.
        #[arg(required = true)]
        addresses: Vec<SocketAddr>,
    },
}

/// A TCP connection.
#[derive(Debug, Args)]
pub struct Stream {
    /// A `serve`.
    pub to: SocketAddr,
    /// Octets that we send.
    #[arg(long, default_value_t = 1_000_000)]
    pub octets: u64,
    /// Octets that we ask for in return, after ours.
    #[arg(long, default_value_t = 0)]
    pub reply: u64,
    /// At most so many octets a second; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
}

/// Frames of many flows, all of one shape.
#[derive(Clone, Debug, Args)]
pub struct Frames {
    /// The interface that sends them.
    #[arg(long, default_value = "eth0")]
    pub interface: String,
    /// Another interface, which sends the same packets at the same time, without a tag.
    #[arg(long)]
    pub twin: Option<String>,
    /// The address of the machine that gets them; its kernel drops them, for they name no address of its own.
    #[arg(long)]
    pub to: String,
    /// Number of frames.
    #[arg(long, default_value_t = 1000)]
    pub count: u64,
    /// Different flows among them, in turn.
    #[arg(long, default_value_t = 1)]
    pub flows: u32,
    /// Octets of a frame, without the check sequence.
    #[arg(long, default_value_t = 60)]
    pub size: u16,
    /// Octets at the end that belong to no packet, as a cable's shortest frames have them.
    #[arg(long, default_value_t = 0)]
    pub padding: u16,
    /// Frames a second; 0 is as fast as it goes.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// A VLAN's tag.
    #[arg(long)]
    pub vlan: Option<u16>,
    /// IPv6 in them.
    #[arg(long)]
    pub ipv6: bool,
    /// TCP openings (SYN), as a scan sends them, where otherwise UDP.
    #[arg(long)]
    pub syn: bool,
    /// TCP connections: SYN, then data.
    #[arg(long, conflicts_with = "syn")]
    pub tcp: bool,
    /// DHCP discovers, each with a number of its own.
    #[arg(long, conflicts_with_all = ["syn", "tcp", "ipv6"])]
    pub dhcp: bool,
    /// The sender of all frames, with a port for each flow; by default the flows have different senders.
    #[arg(long)]
    pub source: Option<IpAddr>,
    /// The receiver of all frames.
    #[arg(long)]
    pub destination: Option<IpAddr>,
    /// The port of the receiver; by default 53, or 80 for TCP.
    #[arg(long)]
    pub port: Option<u16>,
    /// The answers to frames of these same words: ends and ports change places.
    #[arg(long)]
    pub back: bool,
    /// Identification, sequence numbers and payload come from this number: runs with the same number send the same packets,
    /// runs with different ones different packets. Without it all of them are zero.
    #[arg(long)]
    pub seed: Option<u64>,
    /// A payload of zeros, whatever the seed.
    #[arg(long)]
    pub constant: bool,
    /// Added to each flow's number, so that two runs share no flow.
    #[arg(long, default_value_t = 0)]
    pub first: u32,
}

/// Short conversations: a question and an answer each, from a port of its own.
#[derive(Clone, Debug, Args)]
pub struct Short {
    /// Addresses of this machine that ask; the first ones more often than the last.
    #[arg(long, required = true)]
    pub from: Vec<IpAddr>,
    /// Addresses that answer, each a `serve` at all of the ports; the first ones more often than the last.
    #[arg(long, required = true)]
    pub to: Vec<IpAddr>,
    /// Ports that are asked; the first ones more often than the last.
    #[arg(long, required = true)]
    pub port: Vec<u16>,
    /// Conversations a second; 0 is as fast as it goes.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Number of conversations, at most 60,000 for each address that asks.
    #[arg(long, default_value_t = 1000)]
    pub count: u64,
    /// Threads that ask at the same time.
    #[arg(long, default_value_t = 2)]
    pub threads: u64,
}

/// Datagrams to be cut late.
#[derive(Clone, Debug, Args)]
pub struct Segments {
    /// A `sink`.
    pub to: SocketAddr,
    /// Octets of payload, all together.
    #[arg(long, default_value_t = 1_000_000)]
    pub octets: u64,
    /// Octets of payload in a datagram.
    #[arg(long, default_value_t = 1200)]
    pub size: u16,
    /// Datagrams that the kernel gets at a time.
    #[arg(long, default_value_t = 16)]
    pub segments: u16,
    /// At most so many octets a second; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
}

impl Traffic {
    /// Sends or answers.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Serve { addresses } => bulk::serve(addresses),
            Self::Tcp(stream) => bulk::tcp(stream),
            Self::Udp { to, datagrams, size, rate } => bulk::udp(*to, *datagrams, *size, *rate),
            Self::Frames(frames) => frames::send(frames),
            Self::Short(short) => short::send(short),
            Self::Segments(segments) => segments::send(segments),
            Self::Sink { addresses } => segments::sink(addresses),
        }
    }
}

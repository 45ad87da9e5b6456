//! The lab's own traffic: small programs with exact counts, run in a machine as `traf-lab traffic …`.
//!
//! Where a test needs the real thing it runs ping, ssh or curl; these are for what they cannot say: so many octets, so
//! many flows, so many frames a second.

mod bulk;
mod frames;
mod packet_socket;

use std::net::SocketAddr;

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
    /// Added to each flow's number, so that two runs share no flow.
    #[arg(long, default_value_t = 0)]
    pub first: u32,
}

impl Traffic {
    /// Sends or answers.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Serve { addresses } => bulk::serve(addresses),
            Self::Tcp(stream) => bulk::tcp(stream),
            Self::Udp { to, datagrams, size, rate } => bulk::udp(*to, *datagrams, *size, *rate),
            Self::Frames(frames) => frames::send(frames),
        }
    }
}

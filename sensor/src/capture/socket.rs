//! Options of a running capture's socket, set from outside of its thread: the kernel applies them at once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::{CaptureError, CaptureHandle};
use crate::system::machine::{self, Instruction};

/// `ret #k` of bpf(4).
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// A capture filter as the kernel runs it on one interface.
#[derive(Clone)]
pub(crate) struct FilterProgram(Vec<Instruction>);

impl FilterProgram {
    /// Compiles `words` for the interface `name`; without words it lets everything through. Host names in them are looked up,
    /// so this may take its time.
    ///
    /// It lets `snaplen` octets of a frame into the ring, which libpcap leaves to the reader: then a ring of 16 MiB is full with
    /// 250 offloaded frames of 64 KB (`tpacket_rcv` in net/packet/af_packet.c copies as much as the filter returns).
    ///
    /// It is done on a handle of its own: only a live one knows that this kernel takes VLAN tags off, and the running ones
    /// must neither wait nor lose what is in their rings.
    pub(crate) fn compile(name: &str, words: &str, snaplen: u32) -> Result<Self, CaptureError> {
        if words.is_empty() {
            return Ok(Self(vec![accept(snaplen)]));
        }
        let mut scratch = CaptureHandle::open(name, snaplen, 256 << 10)?;
        let failed = |words: String| CaptureError::Filter(name.to_owned(), words);
        scratch.capture.filter(words, true).map_err(|error| failed(error.to_string()))?;
        let mut program = machine::filter_of(scratch.capture.as_fd()).map_err(|error| failed(error.to_string()))?;
        if program.is_empty() {
            return Err(failed(format!("the kernel cannot run it on a link of type {}", scratch.link.name())));
        }
        // libpcap compiles constants only, of which 0 refuses.
        let accepting = program.iter_mut().filter(|instruction| instruction.code == RETURN && instruction.k > 0);
        accepting.for_each(|instruction| *instruction = accept(snaplen));
        Ok(Self(program))
    }

    /// Compiles `words` for Ethernet, for a check where no interface is open.
    pub(crate) fn check(words: &str) -> Result<(), CaptureError> {
        let ethernet = pcap::Capture::dead(pcap::Linktype::ETHERNET);
        let compiled = ethernet.and_then(|ethernet| ethernet.compile(words, true));
        compiled.map(drop).map_err(|error| CaptureError::Filter("Ethernet".to_owned(), error.to_string()))
    }
}

/// Ends a program: so many octets of the frame go through.
const fn accept(octets: u32) -> Instruction {
    Instruction { code: RETURN, jt: 0, jf: 0, k: octets }
}

/// A capture's socket, apart from the thread that reads it. It must be dropped with the capture: until then the socket lives.
pub(crate) struct CaptureSocket {
    socket: OwnedFd,
    index: u32,
    promiscuous: bool,
}

impl CaptureSocket {
    /// Of `handle`, on the interface of this `index`; frames come whole, it is not promiscuous yet.
    pub(crate) fn of(handle: &CaptureHandle, index: u32) -> io::Result<Self> {
        Ok(Self { socket: handle.capture.as_fd().try_clone_to_owned()?, index, promiscuous: false })
    }

    /// Takes frames to others too, or no longer. Another's wish for them stays.
    pub(crate) fn set_promiscuous(&mut self, on: bool) -> io::Result<()> {
        if self.promiscuous != on {
            machine::set_promiscuous(self.socket.as_fd(), self.index, on)?;
            self.promiscuous = on;
        }
        Ok(())
    }

    /// From now on only this reaches the capture.
    ///
    /// If the kernel refuses it, the former filter stays.
    pub(crate) fn set_filter(&self, program: &FilterProgram) -> io::Result<()> {
        machine::set_filter(self.socket.as_fd(), &program.0)
    }
}

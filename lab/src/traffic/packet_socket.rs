//! A packet socket (packet(7)): whole frames to an interface, many at a system call.
//!
//! The one place of the lab with `unsafe`: the standard library and nix know neither `sockaddr_ll` as an address to bind
//! nor a `sendmmsg` without an address for each message.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Bound to an interface; sends only.
pub(super) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// Opens and binds. Needs CAP_NET_RAW in the network namespace.
    pub(super) fn open(interface: &str) -> Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface).with_context(|| format!("no interface {interface}"))?;
        // Without a protocol nothing is received.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None);
        let socket = socket.map_err(io::Error::from).context("opening a packet socket (needs CAP_NET_RAW)")?;
        // SAFETY: all zero octets are a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET)?;
        address.sll_ifindex = i32::try_from(index)?;
        let length = u32::try_from(size_of::<libc::sockaddr_ll>())?;
        // SAFETY: the pointer and the length describe `address`, which outlives the call.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        if bound < 0 {
            return Err(io::Error::last_os_error()).with_context(|| format!("binding to {interface}"));
        }
        Ok(Self(socket))
    }

    /// Sends all frames, in order; waits where the interface is full.
    pub(super) fn send(&self, frames: &[Vec<u8>]) -> Result<()> {
        let mut parts: Vec<libc::iovec> = frames
            .iter()
            .map(|frame| libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() })
            .collect();
        let mut messages: Vec<libc::mmsghdr> = parts
            .iter_mut()
            .map(|part| {
                // SAFETY: all zero octets are a valid `mmsghdr`: no address, no parts, no control data.
                let mut message: libc::mmsghdr = unsafe { zeroed() };
                message.msg_hdr.msg_iov = part;
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        let mut rest = &mut messages[..];
        while !rest.is_empty() {
            let length = u32::try_from(rest.len())?;
            // SAFETY: `rest` are `length` messages; the parts and frames that they point to live until this function ends,
            // and the kernel only reads the frames.
            let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), rest.as_mut_ptr(), length, 0) };
            match usize::try_from(sent) {
                Ok(sent) => rest = &mut rest[sent..],
                Err(_) => match io::Error::last_os_error() {
                    error if error.raw_os_error() == Some(libc::ENOBUFS) => std::thread::yield_now(),
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error).context("sending frames"),
                },
            }
        }
        Ok(())
    }
}

//! Our own connections to the collector, so that their traffic is labelled instead of feeding back into the rates.
//!
//! The channel hides its sockets; but every one of ours that leads to the collector's port is such a connection, and there
//! are few descriptors to ask.

use std::os::fd::RawFd;

use nix::sys::socket::{SockaddrStorage, getpeername, getsockname};
use traf_model::Endpoint;

/// Both ends, ours first, of every TCP connection of this process to `port`.
pub(crate) fn established(port: u16) -> Vec<(Endpoint, Endpoint)> {
    let Ok(all) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let descriptors = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    let mut pairs: Vec<(Endpoint, Endpoint)> = descriptors
        .filter_map(|descriptor| {
            let peer = endpoint(&getpeername(descriptor).ok()?)?;
            Some((endpoint(&getsockname(descriptor).ok()?)?, peer))
        })
        .filter(|(_, peer)| peer.port == port)
        .collect();
    pairs.sort_unstable();
    pairs
}

fn endpoint(address: &SockaddrStorage) -> Option<Endpoint> {
    let v4 = address.as_sockaddr_in().map(|v4| Endpoint::new(v4.ip().into(), v4.port()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| Endpoint::new(v6.ip().to_canonical(), v6.port())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_to_the_collectors_port_is_found_and_lost_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = listener.local_addr().unwrap();
        let stream = TcpStream::connect(collector).unwrap();
        let ours = stream.local_addr().unwrap();
        let pair = (Endpoint::new(ours.ip(), ours.port()), Endpoint::new(collector.ip(), collector.port()));
        assert_eq!(established(collector.port()), [pair]);
        drop(stream);
        assert_eq!(established(collector.port()), []);
    }
}

//! Datagrams that the kernel gets many at a time (UDP_SEGMENT): a link without that offload carries them one by one.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::socket::{setsockopt, sockopt};

use super::Segments;
use super::bulk::pace;
use super::template::mixed;
use crate::wait::Stopwatch;

/// Sends and prints the number of datagrams and the time as JSON.
pub(super) fn send(plan: &Segments) -> Result<()> {
    ensure!(plan.size > 0 && plan.segments > 0, "--size and --segments must be at least 1");
    let any: SocketAddr = if plan.to.is_ipv6() { "[::]:0".parse()? } else { "0.0.0.0:0".parse()? };
    let socket = UdpSocket::bind(any).context("binding")?;
    socket.connect(plan.to).with_context(|| format!("connecting to {}", plan.to))?;
    setsockopt(&socket, sockopt::UdpGsoSegment, &i32::from(plan.size)).context("setting UDP_SEGMENT")?;
    let mut buffer = vec![0; usize::from(plan.size) * usize::from(plan.segments)];
    let (mut left, mut datagrams, watch) = (plan.octets, 0, Stopwatch::start());
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
        for datagram in buffer[..size].chunks_mut(plan.size.into()) {
            datagrams += 1;
            let number = mixed(datagrams, 0).to_be_bytes();
            let length = datagram.len().min(number.len());
            datagram[..length].copy_from_slice(&number[..length]);
        }
        socket.send(&buffer[..size]).with_context(|| format!("sending to {}", plan.to))?;
        left -= size as u64;
        pace(plan.octets - left, plan.rate, &watch);
    }
    let seconds = watch.elapsed().as_secs_f64();
    println!("{{\"datagrams\": {datagrams}, \"octets\": {}, \"seconds\": {seconds:.6}}}", plan.octets);
    Ok(())
}

/// Takes datagrams at all addresses, for ever.
pub(super) fn sink(addresses: &[SocketAddr]) -> Result<()> {
    let mut threads = Vec::new();
    for &address in addresses {
        let socket = UdpSocket::bind(address).with_context(|| format!("binding {address}"))?;
        threads.push(thread::spawn(move || {
            let mut buffer = [0; 65536];
            while socket.recv(&mut buffer).is_ok() {}
        }));
    }
    println!("serving");
    threads.into_iter().for_each(|thread| drop(thread.join()));
    bail!("stopped taking datagrams")
}

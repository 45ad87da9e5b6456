//! Short conversations through the ordinary network stack: TCP and UDP in turn, each from a port of its own.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use super::Short;
use super::bulk::pace;
use super::template::mixed;
use crate::wait::Stopwatch;

/// Ports of an address that asks.
const PORTS: u64 = 60_000;
/// The first of them.
const FIRST_PORT: u64 = 4_000;
/// A datagram that has not come back by then is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Holds the conversations and prints their number and time as JSON.
pub(super) fn send(plan: &Short) -> Result<()> {
    let askers = plan.from.len() as u64;
    ensure!(plan.count <= askers * PORTS, "{askers} addresses have {} conversations at most", askers * PORTS);
    let ipv6 = plan.from.iter().chain(&plan.to).filter(|address| address.is_ipv6()).count();
    ensure!(ipv6 == 0 || ipv6 == plan.from.len() + plan.to.len(), "all addresses must be of one family");
    ensure!(plan.threads > 0, "--threads must be at least 1");
    let watch = Stopwatch::start();
    let results: Vec<Result<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.threads).map(|first| scope.spawn(move || hold(plan, first, &watch))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<u64>>| {
            thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))
        };
        threads.into_iter().map(join).collect()
    });
    let failed = results.into_iter().sum::<Result<u64>>()?;
    let (count, seconds) = (plan.count, watch.elapsed().as_secs_f64());
    println!("{{\"conversations\": {count}, \"failed\": {failed}, \"seconds\": {seconds:.6}}}");
    Ok(())
}

/// Every `threads`th conversation from `first` on; the number of those that failed.
fn hold(plan: &Short, first: u64, watch: &Stopwatch) -> Result<u64> {
    let mut failed = 0;
    let mut number = first;
    while number < plan.count {
        let chosen = mixed(number, 0);
        // Each asker in turn, so that its ports last: the first ones ask for more.
        let asker = number % plan.from.len() as u64;
        let port = FIRST_PORT + number / plan.from.len() as u64 % PORTS;
        let from = SocketAddr::new(plan.from[usize::try_from(asker)?], u16::try_from(port)?);
        let to = plan.to[place(plan.to.len(), chosen)];
        let to = SocketAddr::new(to, plan.port[place(plan.port.len(), chosen >> 16)]);
        let size = 40 + (chosen >> 32) % (2000 / (1 + asker));
        let result = if (number / plan.from.len() as u64).is_multiple_of(2) {
            datagram(from, to, size)
        } else {
            connection(from, to, size)
        };
        if let Err(error) = result {
            failed += 1;
            if failed == 1 {
                eprintln!("{from} to {to}: {error:#}");
            }
        }
        number += plan.threads;
        pace(number, plan.rate, watch);
    }
    Ok(failed)
}

/// A place of a list of this length; the first ones come more often: the half of the words falls on the first quarter.
fn place(length: usize, word: u64) -> usize {
    let word = word & 0xffff;
    let square = (word * word) >> 16;
    usize::try_from((square * length as u64) >> 16).unwrap_or_default()
}

/// A question and its echo.
fn datagram(from: SocketAddr, to: SocketAddr, size: u64) -> Result<()> {
    let socket = UdpSocket::bind(from).context("binding")?;
    socket.connect(to).context("connecting")?;
    socket.set_read_timeout(Some(PATIENCE)).context("setting a timeout")?;
    let mut buffer = vec![0x54; usize::try_from(size.min(1400))?];
    socket.send(&buffer).context("sending")?;
    socket.recv(&mut buffer).context("no answer")?;
    Ok(())
}

/// A connection that is answered with so many octets.
fn connection(from: SocketAddr, to: SocketAddr, size: u64) -> Result<()> {
    let family = if from.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).context("opening a socket")?;
    setsockopt(&socket, sockopt::ReuseAddr, &true).context("setting SO_REUSEADDR")?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(from)).context("binding")?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(to)).context("connecting")?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(&[&size.to_be_bytes()[..], &[0x54; 100]].concat()).context("asking")?;
    stream.shutdown(Shutdown::Write).context("finishing")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("reading the answer")?;
    ensure!(answer.len() as u64 == size, "{} octets of {size}", answer.len());
    Ok(())
}

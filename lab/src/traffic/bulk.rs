//! TCP and UDP through the ordinary network stack, with offloads and all.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Stream;
use crate::wait::Stopwatch;

/// Large writes make large offloaded frames.
const CHUNK: usize = 256 * 1024;
/// A datagram that has not come back by then is sent again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers connections and datagrams at all addresses, for ever.
pub(super) fn serve(addresses: &[SocketAddr]) -> Result<()> {
    let mut threads = Vec::new();
    for &address in addresses {
        let listener = TcpListener::bind(address).with_context(|| format!("listening at {address}"))?;
        let socket = UdpSocket::bind(address).with_context(|| format!("binding {address}"))?;
        threads.push(thread::spawn(move || accept(&listener)));
        threads.push(thread::spawn(move || echo(&socket)));
    }
    println!("serving");
    threads.into_iter().for_each(|thread| drop(thread.join()));
    bail!("stopped serving")
}

fn accept(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            if let Err(error) = answer(stream) {
                eprintln!("a connection: {error:#}");
            }
        });
    }
}

/// The first eight octets say how many the peer wants back once it has finished.
fn answer(mut stream: TcpStream) -> Result<()> {
    let mut wanted = [0; 8];
    stream.read_exact(&mut wanted).context("reading what is wanted")?;
    std::io::copy(&mut stream, &mut std::io::sink()).context("reading")?;
    push(&mut stream, u64::from_be_bytes(wanted), 0)
}

fn echo(socket: &UdpSocket) {
    let mut buffer = [0; 65536];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if let Err(error) = socket.send_to(&buffer[..length], from) {
            eprintln!("a datagram to {from}: {error}");
        }
    }
}

/// Sends, says that it has finished, and reads what comes back to the end.
pub(super) fn tcp(plan: &Stream) -> Result<()> {
    let mut stream = TcpStream::connect(plan.to).with_context(|| format!("connecting to {}", plan.to))?;
    stream.write_all(&plan.reply.to_be_bytes()).context("asking")?;
    push(&mut stream, plan.octets, plan.rate)?;
    stream.shutdown(Shutdown::Write).context("finishing")?;
    let got = std::io::copy(&mut stream, &mut std::io::sink()).context("reading the answer")?;
    if got != plan.reply {
        bail!("{} answered {got} octets of {}", plan.to, plan.reply);
    }
    Ok(())
}

fn push(stream: &mut TcpStream, octets: u64, rate: u64) -> Result<()> {
    // Twenty writes a second where a rate is set.
    let chunk = if rate == 0 { CHUNK } else { usize::try_from(rate / 20).unwrap_or(CHUNK).clamp(1, CHUNK) };
    let buffer = vec![0x54; chunk];
    let (mut left, watch) = (octets, Stopwatch::start());
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(chunk).min(chunk);
        stream.write_all(&buffer[..size]).context("sending")?;
        left -= size as u64;
        pace(octets - left, rate, &watch);
    }
    Ok(())
}

/// Sends datagrams one by one, each when the last has come back.
pub(super) fn udp(to: SocketAddr, datagrams: u32, size: u16, rate: u32) -> Result<()> {
    let any: SocketAddr = if to.is_ipv6() { "[::]:0".parse()? } else { "0.0.0.0:0".parse()? };
    let socket = UdpSocket::bind(any).context("binding")?;
    socket.connect(to).with_context(|| format!("connecting to {to}"))?;
    socket.set_read_timeout(Some(PATIENCE)).context("setting a timeout")?;
    let (payload, mut back) = (vec![0x54; size.into()], vec![0; 65536]);
    let watch = Stopwatch::start();
    for number in 0..datagrams {
        for attempt in 1.. {
            socket.send(&payload).with_context(|| format!("sending to {to}"))?;
            match socket.recv(&mut back) {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock && attempt < 10 => {}
                Err(error) => return Err(error).with_context(|| format!("no answer from {to}")),
            }
        }
        pace(u64::from(number) + 1, rate.into(), &watch);
    }
    Ok(())
}

/// Pauses until `done` is due at `rate` a second.
pub(super) fn pace(done: u64, rate: u64, watch: &Stopwatch) {
    if rate == 0 {
        return;
    }
    let due =
        Duration::from_nanos(u64::try_from(u128::from(done) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX));
    let ahead = due.saturating_sub(watch.elapsed());
    if ahead > Duration::from_micros(100) {
        thread::sleep(ahead);
    }
}

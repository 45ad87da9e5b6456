//! Frames of many flows, as fast as a socket takes them: for scans, floods and loss.

use anyhow::{Result, ensure};

use super::Frames;
use super::bulk::pace;
use super::packet_socket::PacketSocket;
use super::template::Template;
use crate::wait::Stopwatch;

/// Frames handed to the kernel at once; more brings nothing (measured).
const BATCH: usize = 64;

/// Sends the frames and prints their number, octets and time as JSON.
pub(super) fn send(plan: &Frames) -> Result<()> {
    ensure!(plan.flows > 0, "--flows must be at least 1");
    let socket = PacketSocket::open(&plan.interface)?;
    let own = std::fs::read_to_string(format!("/sys/class/net/{}/address", plan.interface))?;
    let template = Template::new(plan, own.trim())?;
    let mut batch = vec![template.frame().to_vec(); BATCH];
    let (mut sent, mut octets, watch) = (0, 0, Stopwatch::start());
    while sent < plan.count {
        let size = usize::try_from(plan.count - sent).unwrap_or(BATCH).min(BATCH);
        for (number, frame) in (sent..).zip(&mut batch[..size]) {
            template.make(frame, number);
            octets += frame.len() as u64;
        }
        socket.send(&batch[..size])?;
        sent += size as u64;
        pace(sent, plan.rate, &watch);
    }
    let seconds = watch.elapsed().as_secs_f64();
    println!("{{\"frames\": {sent}, \"octets\": {octets}, \"seconds\": {seconds:.6}}}");
    Ok(())
}

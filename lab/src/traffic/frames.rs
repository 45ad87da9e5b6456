//! Frames of many flows, as fast as a socket takes them: for scans, floods and loss.

use anyhow::{Result, ensure};

use super::Frames;
use super::bulk::pace;
use super::packet_socket::PacketSocket;
use super::template::Template;
use crate::wait::Stopwatch;

/// Frames handed to the kernel at once; more brings nothing (measured).
const BATCH: usize = 64;

/// Sends the frames, those of a twin too, and prints the number that one interface sent, the octets of both and the time as JSON.
pub(super) fn send(plan: &Frames) -> Result<()> {
    ensure!(plan.flows > 0, "--flows must be at least 1");
    let mut senders = vec![Sender::new(plan)?];
    if let Some(twin) = &plan.twin {
        let tag = if plan.vlan.is_some() { 4 } else { 0 };
        let (interface, size) = (twin.clone(), plan.size.saturating_sub(tag));
        senders.push(Sender::new(&Frames { interface, size, vlan: None, ..plan.clone() })?);
    }
    let (mut sent, mut octets, watch) = (0, 0, Stopwatch::start());
    while sent < plan.count {
        let size = usize::try_from(plan.count - sent).unwrap_or(BATCH).min(BATCH);
        for sender in &mut senders {
            octets += sender.send(sent, size)?;
        }
        sent += size as u64;
        pace(sent, plan.rate, &watch);
    }
    let seconds = watch.elapsed().as_secs_f64();
    println!("{{\"frames\": {sent}, \"octets\": {octets}, \"seconds\": {seconds:.6}}}");
    Ok(())
}

/// An interface and its frames.
struct Sender {
    socket: PacketSocket,
    template: Template,
    batch: Vec<Vec<u8>>,
}

impl Sender {
    fn new(plan: &Frames) -> Result<Self> {
        let socket = PacketSocket::open(&plan.interface)?;
        let own = std::fs::read_to_string(format!("/sys/class/net/{}/address", plan.interface))?;
        let template = Template::new(plan, own.trim())?;
        let batch = vec![template.frame().to_vec(); BATCH];
        Ok(Self { socket, template, batch })
    }

    /// Sends so many frames from this number on; their octets.
    fn send(&mut self, first: u64, size: usize) -> Result<u64> {
        let batch = &mut self.batch[..size];
        (first..).zip(&mut *batch).for_each(|(number, frame)| self.template.make(frame, number));
        self.socket.send(batch)?;
        Ok(batch.iter().map(|frame| frame.len() as u64).sum())
    }
}

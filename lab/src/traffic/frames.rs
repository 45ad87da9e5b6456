//! Frames of many flows, as fast as a socket takes them: for scans, floods and loss.

use anyhow::{Context, Result, ensure};
use traf_model::Mac;

use super::Frames;
use super::bulk::pace;
use super::packet_socket::PacketSocket;
use crate::wait::Stopwatch;

/// Frames handed to the kernel at once; more brings nothing (measured).
const BATCH: usize = 64;

/// Sends the frames and prints their number, octets and time as JSON.
pub(super) fn send(plan: &Frames) -> Result<()> {
    ensure!(plan.flows > 0, "--flows must be at least 1");
    let socket = PacketSocket::open(&plan.interface)?;
    let template = Template::new(plan)?;
    let mut batch = vec![template.frame.clone(); BATCH];
    let (mut sent, watch) = (0, Stopwatch::start());
    while sent < plan.count {
        let size = usize::try_from(plan.count - sent).unwrap_or(BATCH).min(BATCH);
        for (number, frame) in (sent..).zip(&mut batch[..size]) {
            let flow = u32::try_from(number % u64::from(plan.flows)).context("a flow's number")?;
            template.make_flow(frame, plan.first.wrapping_add(flow));
        }
        socket.send(&batch[..size])?;
        sent += size as u64;
        pace(sent, plan.rate, &watch);
    }
    let (octets, seconds) = (sent * template.frame.len() as u64, watch.elapsed().as_secs_f64());
    println!("{{\"frames\": {sent}, \"octets\": {octets}, \"seconds\": {seconds:.6}}}");
    Ok(())
}

/// A frame that becomes one of many flows.
struct Template {
    frame: Vec<u8>,
    /// Offset of the IP header.
    ip: usize,
    ipv6: bool,
}

impl Template {
    fn new(plan: &Frames) -> Result<Self> {
        let mut frame = Vec::new();
        frame.extend(mac(&plan.to)?);
        let own = std::fs::read_to_string(format!("/sys/class/net/{}/address", plan.interface));
        frame.extend(mac(own.with_context(|| format!("no interface {}", plan.interface))?.trim())?);
        if let Some(vlan) = plan.vlan {
            frame.extend([0x81, 0x00]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(if plan.ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] });
        let ip = frame.len();
        let transport = if plan.syn { 20 } else { 8 };
        let header = if plan.ipv6 { 40 } else { 20 };
        let padding = usize::from(plan.padding);
        let body = usize::from(plan.size).saturating_sub(ip + header + padding).max(transport);
        let length = u16::try_from(body).context("--size")?;
        let protocol = if plan.syn { 6 } else { 17 };
        if plan.ipv6 {
            frame.extend([0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            frame.extend([0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        } else {
            frame.extend([0x45, 0]);
            frame.extend((20 + length).to_be_bytes());
            frame.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            frame.extend([198, 18, 0, 0, 198, 51, 100, 9]);
        }
        if plan.syn {
            frame.extend([0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0]);
        } else {
            frame.extend([0, 0, 0, 53]);
            frame.extend(length.to_be_bytes());
            frame.extend([0, 0]);
        }
        frame.resize(ip + header + body + padding, 0);
        Ok(Self { frame, ip, ipv6: plan.ipv6 })
    }

    /// A flow is a source address and port: 50,000 ports to an address, all in 198.18.0.0/15 (RFC 2544's networks).
    fn make_flow(&self, frame: &mut [u8], flow: u32) {
        let host = flow / 50_000;
        let port = u16::try_from(1024 + flow % 50_000).unwrap_or_default();
        let transport = if self.ipv6 {
            frame[self.ip + 20..self.ip + 24].copy_from_slice(&host.to_be_bytes());
            self.ip + 40
        } else {
            frame[self.ip + 14..self.ip + 16].copy_from_slice(&host.to_be_bytes()[2..]);
            frame[self.ip + 10..self.ip + 12].fill(0);
            let sum = checksum(&frame[self.ip..self.ip + 20]);
            frame[self.ip + 10..self.ip + 12].copy_from_slice(&sum.to_be_bytes());
            self.ip + 20
        };
        frame[transport..transport + 2].copy_from_slice(&port.to_be_bytes());
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

fn mac(text: &str) -> Result<[u8; 6]> {
    let mac: Mac = text.parse().with_context(|| format!("{text:?} is no MAC address"))?;
    Ok(mac.0)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn a_header_with_its_checksum_sums_to_nothing() {
        // The example of RFC 1071, 3.
        let sum = checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum, !0xddf2);
    }
}

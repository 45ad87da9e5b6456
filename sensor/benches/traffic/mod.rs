//! A file of made-up traffic: many flows in no order, sizes as the Internet has them (7:4:1 of 60, 590, 1514 octets).
//!
//! Of the flows 55 % are TCP and 20 % UDP over IPv4, 15 % TCP and 10 % UDP over IPv6; one in ten has a VLAN tag.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use etherparse::{EtherType, IpNumber, Ipv4Header, Ipv6Header, TcpHeader, UdpHeader};

/// Writes the file.
pub(crate) fn write(path: &Path, packets: u64, flows: u64) -> io::Result<()> {
    let mut random = Random(0x5eed_0000_0000_0001);
    let headers: Vec<Headers> = (0..flows).map(|_| Headers::new(&mut random)).collect();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for number in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.write_all(&number.to_le_bytes())?;
    }
    let payload = [0x5a; 1514];
    for number in 0..packets {
        let headers = &headers[random.below(headers.len() as u64) as usize];
        let size = match random.below(12) {
            0..=6 => 60,
            7..=10 => 590,
            _ => 1514,
        };
        let (frame, length) = headers.frame(size);
        let micros = 1_700_000_000_000_000 + number * 2;
        for number in [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, length as u32, length as u32] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&frame)?;
        out.write_all(&payload[..length - frame.len()])?;
    }
    out.flush()
}

/// A flow's headers but for lengths and checksums.
struct Headers {
    link: Vec<u8>,
    network: Network,
    transport: Vec<u8>,
}

enum Network {
    Ipv4(Ipv4Header),
    Ipv6(Ipv6Header),
}

impl Headers {
    fn new(random: &mut Random) -> Self {
        let kind = random.below(100);
        let (ipv6, tcp) = (kind >= 75, kind < 55 || (75..90).contains(&kind));
        let kind = if ipv6 { EtherType::IPV6 } else { EtherType::IPV4 };
        let mut link = vec![2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 1];
        if random.below(10) == 0 {
            link.extend([0x81, 0, 0, 1 + random.below(20) as u8]);
        }
        link.extend(kind.0.to_be_bytes());
        let (client, server) = (random.below(20_000) as u16, random.below(2_000) as u16);
        let ([a, b], [c, d]) = (client.to_be_bytes(), server.to_be_bytes());
        let protocol = if tcp { IpNumber::TCP } else { IpNumber::UDP };
        let network = if ipv6 {
            let address = |side, x, y| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, side, 0, 0, x, y];
            Network::Ipv6(Ipv6Header {
                next_header: protocol,
                hop_limit: 64,
                source: address(1, a, b),
                destination: address(2, c, d),
                ..Ipv6Header::default()
            })
        } else {
            Network::Ipv4(Ipv4Header {
                protocol,
                time_to_live: 64,
                source: [10, 0, a, b],
                destination: [192, 168, c, d],
                ..Ipv4Header::default()
            })
        };
        let source = 1024 + random.below(60_000) as u16;
        let destination = [443, 80, 53, 22, 8080, 5432, 3306, 123][random.below(8) as usize];
        let transport = if tcp {
            let header = TcpHeader { ack: true, ..TcpHeader::new(source, destination, 1, 4096) };
            header.to_bytes().to_vec()
        } else {
            let header = UdpHeader { source_port: source, destination_port: destination, length: 0, checksum: 0 };
            header.to_bytes().to_vec()
        };
        Self { link, network, transport }
    }

    /// The headers of a frame of about `size` octets, and its length.
    fn frame(&self, size: usize) -> (Vec<u8>, usize) {
        let mut frame = Vec::with_capacity(80);
        frame.extend(&self.link);
        let headers = self.transport.len();
        match &self.network {
            Network::Ipv4(header) => {
                let length = size.max(self.link.len() + 20 + headers);
                let mut header = header.clone();
                header.total_len = (length - self.link.len()) as u16;
                header.header_checksum = header.calc_header_checksum();
                frame.extend(header.to_bytes());
                frame.extend(&self.transport);
                (frame, length)
            }
            Network::Ipv6(header) => {
                let length = size.max(self.link.len() + 40 + headers);
                let mut header = header.clone();
                header.payload_length = (length - self.link.len() - 40) as u16;
                frame.extend(header.to_bytes());
                frame.extend(&self.transport);
                (frame, length)
            }
        }
    }
}

/// xorshift: the same traffic each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

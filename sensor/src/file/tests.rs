#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::*;

/// Builders of files in either byte order.
struct Writer {
    big: bool,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(big: bool) -> Self {
        Self { big, bytes: Vec::new() }
    }

    fn u32(mut self, number: u32) -> Self {
        self.bytes.extend(if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
        self
    }

    fn u16(mut self, number: u16) -> Self {
        self.bytes.extend(if self.big { number.to_be_bytes() } else { number.to_le_bytes() });
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn pcap(big: bool, magic: u32, minor: u16, link: u32) -> Self {
        Self::new(big).u32(magic).u16(2).u16(minor).u32(0).u32(0).u32(65535).u32(link)
    }

    fn block(self, kind: u32, body: impl FnOnce(Self) -> Self) -> Self {
        let big = self.big;
        let body = body(Self::new(big)).bytes;
        let total = 12 + body.len() as u32;
        self.u32(kind).u32(total).raw(&body).u32(total)
    }

    fn section(self) -> Self {
        self.block(0x0a0d_0d0a, |body| body.u32(0x1a2b_3c4d).u16(1).u16(0).u32(u32::MAX).u32(u32::MAX))
    }
}

/// A frame as read: time, length, link, captured octets.
type Seen = (i64, u32, LinkType, Vec<u8>);

fn read(bytes: &[u8]) -> (Vec<Seen>, Option<String>) {
    let mut file = match CaptureFile::new(Box::new(Cursor::new(bytes.to_vec()))) {
        Ok(file) => file,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    let mut frames = Vec::new();
    loop {
        match file.next_frame() {
            Ok(Some(frame)) => frames.push((frame.at.0, frame.length, frame.link, frame.captured.to_vec())),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}

#[test]
fn pcap_is_read_in_both_orders_and_all_kinds() {
    for big in [false, true] {
        let micro = Writer::pcap(big, 0xa1b2_c3d4, 4, 1).u32(7).u32(8).u32(2).u32(60).raw(&[1, 2]).bytes;
        assert_eq!(read(&micro), (vec![(7_000_008_000, 60, LinkType::Ethernet, vec![1, 2])], None));
        let nano = Writer::pcap(big, 0xa1b2_3c4d, 4, 113).u32(7).u32(8).u32(1).u32(60).raw(&[1]).bytes;
        assert_eq!(read(&nano), (vec![(7_000_000_008, 60, LinkType::LinuxSll, vec![1])], None));
        let patched = Writer::pcap(big, 0xa1b2_cd34, 4, 101).u32(7).u32(8).u32(1).u32(60).u32(0).u32(0).raw(&[1]).bytes;
        assert_eq!(read(&patched), (vec![(7_000_008_000, 60, LinkType::RawIp, vec![1])], None));
        let exchanged = Writer::pcap(big, 0xa1b2_c3d4, 2, 1).u32(0).u32(0).u32(60).u32(1).raw(&[1]).bytes;
        assert_eq!(read(&exchanged).0, vec![(0, 60, LinkType::Ethernet, vec![1])]);
    }
}

#[test]
fn pcapng_is_read_with_its_sections_interfaces_and_resolutions() {
    for big in [false, true] {
        let file = Writer::new(big)
            .section()
            .block(1, |body| body.u16(1).u16(0).u32(0))
            .block(1, |body| body.u16(101).u16(0).u32(2).u16(9).u16(1).raw(&[9, 0, 0, 0]).u16(0).u16(0))
            .block(6, |body| body.u32(1).u32(1).u32(5).u32(1).u32(60).raw(&[9, 0, 0, 0]))
            .block(6, |body| body.u32(0).u32(0).u32(5).u32(1).u32(61).raw(&[8, 0, 0, 0]))
            .block(3, |body| body.u32(3).raw(&[1, 2, 3, 0]))
            .block(0x0bad, |body| body.u32(1))
            .block(2, |body| body.u16(1).u16(9).u32(0).u32(7).u32(1).u32(62).raw(&[7, 0, 0, 0]))
            .section()
            .block(1, |body| body.u16(276).u16(0).u32(0).u16(9).u16(1).raw(&[0x81, 0, 0, 0]))
            .block(6, |body| body.u32(0).u32(0).u32(3).u32(1).u32(63).raw(&[6, 0, 0, 0]))
            .bytes;
        let expected = vec![
            ((1 << 32) + 5, 60, LinkType::RawIp, vec![9]),
            (5_000, 61, LinkType::Ethernet, vec![8]),
            (5_000, 3, LinkType::Ethernet, vec![1, 2, 3]),
            (7, 62, LinkType::RawIp, vec![7]),
            (1_500_000_000, 63, LinkType::LinuxSll2, vec![6]),
        ];
        assert_eq!(read(&file), (expected, None));
    }
}

#[test]
fn a_compressed_file_gives_the_same_frames() {
    let plain = Writer::pcap(false, 0xa1b2_c3d4, 4, 1).u32(7).u32(8).u32(2).u32(60).raw(&[1, 2]).bytes;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    assert_eq!(read(&encoder.finish().unwrap()), read(&plain));
}

#[test]
fn a_frame_larger_than_the_buffer_is_read_whole() {
    let large = vec![7u8; 3_000_000];
    let file = Writer::pcap(false, 0xa1b2_c3d4, 4, 1).u32(0).u32(0).u32(3_000_000).u32(3_000_000).raw(&large).bytes;
    let (frames, error) = read(&file);
    assert_eq!((frames.len(), frames[0].3 == large, error), (1, true, None));
}

#[test]
fn a_broken_file_gives_its_frames_and_then_says_what_is_wrong() {
    let whole = Writer::pcap(false, 0xa1b2_c3d4, 4, 1).u32(7).u32(8).u32(2).u32(60).raw(&[1, 2]);
    let cut = whole.u32(7).u32(8).u32(20).u32(60).raw(&[1, 2]);
    let (frames, error) = read(&cut.bytes);
    assert_eq!((frames.len(), error.as_deref()), (1, Some("it is cut off: it ends inside a frame")));
    let claims = Writer::pcap(false, 0xa1b2_c3d4, 4, 1).u32(7).u32(8).u32(u32::MAX).u32(60);
    assert!(read(&claims.bytes).1.is_some_and(|error| error.contains("damaged")));
    for foreign in [&b""[..], b"abc", b"hello, world, this is no capture"] {
        assert!(read(foreign).1.is_some_and(|error| error.contains("no capture file")));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic_or_loop(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..4, big: bool) {
        let head = match kind {
            0 => Writer::pcap(big, 0xa1b2_c3d4, 4, 1),
            1 => Writer::new(big).section().block(1, |body| body.u16(1).u16(0).u32(0)),
            2 => Writer::new(big).raw(&MAGIC_START),
            _ => Writer::new(big),
        };
        let (frames, _) = read(&head.raw(&bytes).bytes);
        prop_assert!(frames.len() <= 64);
    }
}

const MAGIC_START: [u8; 4] = pcapng::MAGIC;

//! Frames of a capture file of dumpcap (pcapng, draft-ietf-opsawg-pcapng), read one after the other: millions of them, for
//! which tshark takes minutes.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Kinds of blocks.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
/// First word of a section that is written in this machine's order of octets.
const MAGIC: u32 = 0x1a2b_3c4d;
/// Option of an interface: the resolution of its times.
const RESOLUTION: u16 = 9;
/// Longest block: a frame of 256 KiB.
const LONGEST: usize = 1 << 18;

/// Reads frames.
pub(super) struct Reader<R> {
    input: R,
    block: Vec<u8>,
    /// Nanoseconds of a step of time.
    step: i64,
}

/// A frame as it was captured.
pub(super) struct Captured<'a> {
    /// Nanoseconds since 1970.
    pub(super) at: i64,
    /// Octets on the wire.
    pub(super) length: u32,
    /// Its beginning.
    pub(super) octets: &'a [u8],
}

impl Reader<BufReader<File>> {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self::new(BufReader::with_capacity(1 << 20, file)))
    }
}

impl<R: Read> Reader<R> {
    fn new(input: R) -> Self {
        Self { input, block: Vec::new(), step: 1000 }
    }

    /// The next frame; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Captured<'_>>> {
        loop {
            let Some(kind) = self.read_block()? else { return Ok(None) };
            match kind {
                SECTION => ensure!(word(&self.block, 0)? == MAGIC, "a file of a machine with another order of octets"),
                INTERFACE => self.step = step(&self.block)?,
                ENHANCED_PACKET => break,
                _ => {}
            }
        }
        let [high, low, captured, length] = [4, 8, 12, 16].map(|offset| word(&self.block, offset));
        let ticks = i64::from(high?) << 32 | i64::from(low?);
        let octets = self.block.get(20..20 + usize::try_from(captured?)?).context("a frame that is cut")?;
        Ok(Some(Captured { at: ticks * self.step, length: length?, octets }))
    }

    /// Reads a block without its frame; `None` at the end of the file.
    fn read_block(&mut self) -> Result<Option<u32>> {
        let mut head = [0; 8];
        match self.input.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error).context("reading a block"),
        }
        let (kind, length) = (word(&head, 0)?, usize::try_from(word(&head, 4)?)?);
        ensure!((12..LONGEST).contains(&length) && length % 4 == 0, "a block of {length} octets");
        self.block.resize(length - 8, 0);
        self.input.read_exact(&mut self.block).context("a block that is cut")?;
        Ok(Some(kind))
    }
}

/// Nanoseconds of a step of an interface's times.
fn step(block: &[u8]) -> Result<i64> {
    let mut options = block.get(8..).unwrap_or_default();
    while options.len() >= 4 {
        let [code, length] = [0, 2].map(|offset| u16::from_le_bytes([options[offset], options[offset + 1]]));
        let length = usize::from(length);
        if code == RESOLUTION {
            let resolution = *options.get(4).context("an option that is cut")?;
            ensure!(matches!(resolution, 6 | 9), "times in steps of {resolution:#x}");
            return Ok(if resolution == 9 { 1 } else { 1000 });
        }
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(1000)
}

fn word(octets: &[u8], offset: usize) -> Result<u32> {
    let word = octets.get(offset..offset + 4).context("a block that is cut")?;
    Ok(u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(12 + body.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    }

    #[test]
    fn frames_have_their_times_lengths_and_octets() {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let nanos = [words(&[1, 262_144]), vec![2, 0, 3, 0, b'e', b't', b'h', 0, 9, 0, 1, 0, 9, 0, 0, 0]].concat();
        let packet = |at: u32, octets: &[u8]| {
            block(
                ENHANCED_PACKET,
                &[words(&[0, 1, at, u32::try_from(octets.len()).unwrap(), 1500]), octets.to_vec()].concat(),
            )
        };
        let file = [
            block(SECTION, &words(&[MAGIC, 1, 0, 0])),
            block(INTERFACE, &nanos),
            packet(7, &[1, 2, 3, 4]),
            block(5, &words(&[0])),
            packet(9, &[5; 8]),
        ];
        let file = file.concat();
        let mut frames = Reader::new(&file[..]);
        assert_eq!(frames.next().unwrap().unwrap().at, (1 << 32) + 7);
        let second = frames.next().unwrap().unwrap();
        assert_eq!((second.at, second.length, second.octets), ((1 << 32) + 9, 1500, &[5; 8][..]));
        assert!(frames.next().unwrap().is_none());
    }
}
